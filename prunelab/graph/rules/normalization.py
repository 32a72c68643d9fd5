"""Normalisation and softmax.

What has statistics of its own for each channel can lose channels; a layer norm can where the smaller model counts on.
"""

from __future__ import annotations

import math
from typing import Any

from prunelab.graph.dims import find, product
from prunelab.graph.experts import gate_of, open_gate
from prunelab.graph.regions import is_space, shares_out
from prunelab.graph.rules.convolution import channel_axis
from prunelab.graph.solver import CLEAN, Rule, Step, Widths, free
from prunelab.graph.unifying import rows


def _per_channel(step: Step, argument: str, tensors: tuple[str, ...]) -> int:
    """Tie the scales, biases and statistics to the channels; the axis of these."""
    x = step.dims(argument)
    axis = channel_axis(step, len(x))
    for place, name in enumerate(step.op.arguments):
        if name in tensors and step.has(place):
            step.tie(x[axis], step.dims(place)[0])
            step.role(place, 0, "norm")
    return axis


def _affine(step: Step) -> bool:
    """With a gain and a bias, both zero where cut, the result is zero there whatever came in."""
    gain, bias = ("weight", "bias") if "weight" in step.op.arguments else ("scale", "bias")
    return step.has(gain) and step.has(bias)


def _give_normalised(step: Step) -> None:
    """The statistics see all positions but the channels', and the bias moves what was zero in the other rows."""
    x = step.dims("x")
    axis = channel_axis(step, len(x))
    running = step.op.name.startswith("batch_norm")  # each position alone, by statistics that are known
    step.fix_all((d for k, d in enumerate(x) if k not in (0, axis) and not (running and is_space(d))),
                 f"a {step.op.name}'s statistics")
    step.give(x, (CLEAN if _affine(step) else step.dirty("x")) | (free(x[:1]) if axis else CLEAN))
    step.give_rest()


def _batch_norm(step: Step) -> None:
    _per_channel(step, "x", ("mean", "variance", "scale", "bias", "weight"))
    _give_normalised(step)


def _instance_norm(step: Step) -> None:
    _per_channel(step, "x", ("scale", "bias"))
    _give_normalised(step)


def _group_norm(step: Step) -> None:
    """Each group of channels has one mean and variance, so whole groups go. One group of all channels is a layer norm
    over them and space, which counts on."""
    axis = _per_channel(step, "x", ("scale", "bias"))
    x = step.dims("x")
    _, inner = rows(x[axis], step.attribute("groups"))
    if step.attribute("groups") == 1:
        step.need_zero(inner, step.dirty("x"), reason="a group norm over values that are not zero where cut")
    else:
        step.fix(inner, "a group norm's statistics")
    _give_normalised(step)


def _group_norm_groups(step: Step, widths: Widths) -> dict[str, Any]:
    x = step.dims("x")
    channels = x[channel_axis(step, len(x))]
    if step.attribute("groups") == 1:
        whole = widths.size(channels) == find(channels).size
        return {} if whole else {"op": "group_norm_of_dense", "dense": find(channels).size}
    return {"groups": widths.size(channels) // (find(channels).size // step.attribute("groups"))}


def _layer_norm(step: Step) -> None:
    """The statistics count a cut position as zero, and the smaller model's go on counting it: so widths can go.

    See `prunelab.graph.composites`.
    """
    x = step.dims(0)
    begin = step.attribute("begin_norm_axis", len(x) - 1) % len(x)
    if begin == len(x) - 1:
        step.tag(x[-1], "width")
    for d in x[begin:]:
        step.need_zero(d, step.dirty(0), reason="a layer norm over values that are not zero where cut")
    for name in ("scale", "bias"):
        if step.has(name):
            step.tie(step.dims(name)[0], product(x[begin:]))
            step.role(name, 0, "norm")
    gain = step.has("scale")
    step.give(x, free(x[:begin] if gain else x))
    step.give_rest()


def _layer_norm_of_dense(step: Step, widths: Widths) -> dict[str, Any]:
    x = step.dims(0)
    begin = step.attribute("begin_norm_axis", len(x) - 1) % len(x)
    if all(widths.size(d) == find(d).size for d in x[begin:]):
        return {}
    return {"op": "layer_norm_of_dense", "dense": math.prod(find(d).size for d in x[begin:])}


def _whole_norm(step: Step) -> None:
    """A fused kernel for a device that is not at hand to try the exact cut on."""
    step.freeze(f"the statistics of a fused {step.op.name}")


def _softmax(step: Step) -> None:
    """Each position is divided by the sum over all of them: a cut one would still count as exp(0)."""
    x = step.dims()
    gate = gate_of(step) if step.op.name != "log_softmax" else None
    if gate is not None:  # a silent score gets no share
        open_gate(step, gate)
        step.give(x, free(x[:-1]))
        return
    along = x[step.attribute("axis", -1) % len(x)]
    if step.op.name == "log_softmax" or not shares_out(step, along):
        step.fix(along, "a softmax over it")
    step.give(x, free(x))
    step.give_rest()


RULES = {
    **dict.fromkeys(("batch_norm", "batch_norm_", "sync_batch_norm_"), Rule(_batch_norm)),
    "instance_norm": Rule(_instance_norm),
    "group_norm": Rule(_group_norm, _group_norm_groups, owned=frozenset({"groups", "dense"})),
    "layer_norm": Rule(_layer_norm, _layer_norm_of_dense, owned=frozenset({"dense"})),
    **dict.fromkeys(("rms_norm", "fused_rms_norm", "fused_bias_residual_layernorm"), Rule(_whole_norm)),
    **dict.fromkeys(("softmax", "softmax_", "log_softmax"), Rule(_softmax)),
}
