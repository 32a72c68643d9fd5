"""Convolutions of any rank, grouped, depthwise and transposed; channel shuffle and pixel shuffle beside them.

A weight's first axis makes the output channels, its second reads the input's. With groups, channels are rows x columns:
whole groups go, or the same columns in every group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prunelab.errors import InputError
from prunelab.graph.dims import Dim, atom, concatenation, find, leaves, product
from prunelab.graph.regions import passes
from prunelab.graph.solver import Dirty, Rule, Step, Widths, free
from prunelab.graph.unifying import rows
from prunelab.graph.windows import do_not_meet

SPACE = "positions in space"


def channel_axis(step: Step, rank: int) -> int:
    """Where the channels are: last for NHWC and its kin, else axis 1."""
    layout = step.attribute("data_format", step.attribute("data_layout", "NCHW"))
    return rank - 1 if layout in ("NHWC", "NLC", "NDHWC", "NWC") else min(1, rank - 1)


def fix_space(step: Step, dims: list[Dim], channels: int) -> None:
    """A window reads neighbours, so no position of space may go (axis 0 is the batch)."""
    step.fix_all((d for k, d in enumerate(dims) if k not in (0, channels)), SPACE)


def space(step: Step, batch: Dim, channels: Dim, axis: int) -> list[Dim]:
    """The dims of a result: batch, channels, and new positions in space."""
    made = {0: batch, axis: channels}
    return [made[k] if k in made else atom(n, SPACE) for k, n in enumerate(step.shape())]


def through_windows(step: Step, batch: Dim, channels: Dim, axis: int) -> list[Dim]:
    """As `space`, of an operator whose first operand's positions are fixed, or followed where a region is cut out.

    What stands on an axis in space may be no position of an input (features, in a mixer's convolution over tokens): it
    stays free where windows do not meet, which go as a whole.
    """
    x = step.dims(0)
    out = space(step, batch, channels, axis)
    for place, k in enumerate(k for k in range(len(x)) if k not in (0, axis)):
        if fixed(x[k]):
            continue
        window = passes(step, 0, k, place)
        if window is not None:
            out[k] = window.out
        elif do_not_meet(step, place, find(x[k]).size, step.shape()[k]):
            out[k], inside = rows(x[k], step.shape()[k])
            step.fix(inside, "neighbours in a window")
        else:
            step.fix(x[k], SPACE)
    return out


def fixed(dim: Dim) -> bool:
    """Whether none of a dim's positions can go."""
    return all(leaf.reason for leaf in leaves(dim))


def passing(step: Step, dims: list[Dim], argument: str | int, axis: int) -> Dirty:
    """Where an operator's result is no zero on axes in space that it hands on."""
    x = free(d for k, d in enumerate(step.dims(argument)) if k not in (0, axis))
    return x & free(dims) & free(step.dirty(argument))


def _read(step: Step) -> str:
    """What a convolution calls the maps that it reads."""
    return "input" if "input" in step.op.arguments else "x"


def _conv(step: Step) -> None:
    x, w, groups = step.dims(_read(step)), step.dims("filter"), step.attribute("groups", 1)
    axis = channel_axis(step, len(x))
    channels = x[axis]
    takes, gets = find(w[1]).size * groups, find(channels).size
    if gets != takes:  # which Paddle finds only when it runs
        raise InputError(f"a convolution{step.op.line} takes {takes} channels and gets {gets}; "
                         "give the shape that the model takes as inputs")
    step.fix_all(w[2:], "a kernel's size")
    step.roles("filter", dict(enumerate(("out", "in", *["kernel"] * (len(w) - 2)))))
    dirty, made = step.dirty(_read(step)), step.dirty("filter")
    step.need_zero(channels, dirty, made, reason="a weight that is not zero where cut")
    if groups == 1:
        step.tie(channels, w[1])
    else:
        outer, inner = rows(channels, groups)
        step.tie(inner, w[1])
        out_outer, _ = rows(w[0], groups)
        step.tie(out_outer, outer)
    out = through_windows(step, x[0], w[0], axis)
    if dirty:  # on what it hands on: the batch, positions in space
        made |= (free(x[:1]) & free(dirty)) | passing(step, out, _read(step), axis)
    step.give(out, made)


def _deformable(step: Step) -> None:
    """A convolution that reads each position at offsets, which each group of channels may have of its own."""
    x = step.dims("x")
    for name in ("offset", "mask"):
        if step.has(name):
            step.tie(x[0], step.dims(name)[0])
            step.fix_all(step.dims(name)[1:], "offsets of a deformable convolution")
    groups = step.attribute("deformable_groups", 1)
    for channels in (x[1], step.dims("filter")[0]) if groups > 1 else ():  # Paddle wants so many times as many out, too
        step.fix(rows(channels, groups)[0], "groups of channels with offsets of their own")
    _conv(step)


def _conv_groups(step: Step, widths: Widths) -> dict[str, Any]:
    if step.attribute("groups", 1) == 1:
        return {}
    x = step.dims(_read(step))
    return {"groups": widths.size(x[channel_axis(step, len(x))]) // widths.size(step.dims("filter")[1])}


def _conv_macs(step: Step) -> Iterable[list[Dim]]:
    out = step.solution.dims[step.op.outputs[0]]
    yield [*out, *step.dims("filter")[1:]]


def _transpose(step: Step) -> None:
    """The weight is (in, out / groups, *kernel)."""
    x, w, groups = step.dims("x"), step.dims("filter"), step.attribute("groups", 1)
    axis = channel_axis(step, len(x))
    step.fix_all(w[2:], "a kernel's size")
    step.roles("filter", dict(enumerate(("in", "out", *["kernel"] * (len(w) - 2)))))
    step.need_zero(x[axis], step.dirty("x"), step.dirty("filter"), reason="a weight that is not zero where cut")
    step.tie(x[axis], w[0])
    out = w[1] if groups == 1 else product([rows(w[0], groups)[0], w[1]])
    dirty = step.dirty("filter") | (free(x[:1]) & free(step.dirty("x")))
    step.give(through_windows(step, x[0], out, axis), dirty)


def _transpose_groups(step: Step, widths: Widths) -> dict[str, Any]:
    if step.attribute("groups", 1) == 1:
        return {}
    out = step.solution.dims[step.op.outputs[0]]
    return {"groups": widths.size(out[channel_axis(step, len(out))]) // widths.size(step.dims("filter")[1])}


def _transpose_macs(step: Step) -> Iterable[list[Dim]]:
    yield [*step.dims("x"), *step.dims("filter")[1:]]


def _channel_shuffle(step: Step) -> None:
    """Rows and columns change places."""
    x = step.dims()
    axis = channel_axis(step, len(x))
    outer, inner = rows(x[axis], int(step.attribute("groups", step.attribute("group", 1))))
    step.note("groups", outer)
    out = list(x)
    out[axis] = product([inner, outer])
    step.give(out, step.dirty())


def _shuffle_groups(step: Step, widths: Widths) -> dict[str, Any]:
    return {"groups" if "groups" in step.op.attributes else "group": widths.size(step.noted("groups"))}


def _pixel_shuffle(step: Step) -> None:
    """(C x r^2, H, W) -> (C, H x r, W x r): the r^2 columns become space."""
    x, r = step.dims(), int(step.attribute("upscale_factor"))
    axis = channel_axis(step, len(x))
    outer, inner = rows(x[axis], find(x[axis]).size // r**2)
    step.fix(inner, "channels that become positions in space")
    fix_space(step, x, axis)
    step.give(space(step, x[0], outer, axis), step.dirty())


def _pixel_unshuffle(step: Step) -> None:
    """(C, H x r, W x r) -> (C x r^2, H, W)."""
    x, r = step.dims(), int(step.attribute("downscale_factor"))
    axis = channel_axis(step, len(x))
    fix_space(step, x, axis)
    out = product([x[axis], atom(r * r, "positions in space that become channels")])
    step.give(space(step, x[0], out, axis), step.dirty())


def _unfold(step: Step) -> None:
    """(N, C, H, W) -> (N, C x kernel, positions)."""
    x, shape = step.dims(), step.shape()
    fix_space(step, x, 1)
    kernel = atom(shape[1] // find(x[1]).size, "a kernel's size")
    step.give([x[0], product([x[1], kernel]), atom(shape[2], "positions in space")], step.dirty())


def _fold(step: Step) -> None:
    """(N, C x kernel, positions) -> (N, C, H, W)."""
    x, shape = step.dims(), step.shape()
    outer, inner = rows(x[1], shape[1])
    step.fix(inner, "a kernel's size")
    step.fix(x[2], "positions in space")
    step.give(space(step, x[0], outer, 1), step.dirty())


def _temporal_shift(step: Step) -> None:
    """A share of the channels moves one step in time."""
    x = list(step.dims())
    axis = channel_axis(step, len(x))
    step.fix(x[0], "steps in time")
    n, ratio = find(x[axis]).size, step.attribute("shift_ratio", 0.25)
    moved = int(n * ratio)
    if moved < 1 or int(n * 2 * ratio) != 2 * moved or 2 * moved >= n:
        step.fix(x[axis], "a share of the channels moves in time")
    else:  # forth, back, and those that stay: as many go of the first as of the second
        forth, back, rest = step.split(x[axis], [moved, moved, n - 2 * moved])
        step.tie(forth, back)
        step.note("moved", forth)
        x[axis] = concatenation([forth, back, rest])
    step.give(x, step.dirty())


def _shift_ratio(step: Step, widths: Widths) -> dict[str, Any]:
    channels = step.dims()[channel_axis(step, len(step.dims()))]
    if (step.op.index, "moved") not in step.solution.notes or not widths.changes(channels):
        return {}
    # a quarter more than the number, so that rounding down gives it, and twice the ratio twice as many
    return {"shift_ratio": (widths.number(step.noted("moved")) + 0.25) / widths.number(channels)}


_GROUPS = frozenset({"groups"})
_CONVOLUTION = Rule(_conv, _conv_groups, _conv_macs, _GROUPS)
_TRANSPOSED = Rule(_transpose, _transpose_groups, _transpose_macs, _GROUPS)
RULES = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "depthwise_conv2d"), _CONVOLUTION),
    "deformable_conv": Rule(_deformable, _conv_groups, _conv_macs, _GROUPS),
    **dict.fromkeys(("conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_transpose"), _TRANSPOSED),
    **dict.fromkeys(("channel_shuffle", "shuffle_channel"), Rule(_channel_shuffle, _shuffle_groups)),
    "pixel_shuffle": Rule(_pixel_shuffle),
    "pixel_unshuffle": Rule(_pixel_unshuffle),
    "unfold": Rule(_unfold),
    "fold": Rule(_fold),
    "temporal_shift": Rule(_temporal_shift, _shift_ratio),
}
