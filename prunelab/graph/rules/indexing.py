"""Operators that read, write or move positions by their numbers: slices, assignments, padding, roll, gather, triangles.

A boundary is a width that the model's Python spelled; `rewrite` says it anew.
"""

from __future__ import annotations

from typing import Any

from prunelab.graph.dims import Dim, atom, concatenation, find, rows
from prunelab.graph.rules.constants import are_numbers
from prunelab.graph.rules.shape import axis_of
from prunelab.graph.solver import Rule, Step, Widths, free

# slices


def _bounds(step: Step, size: int, start: int, end: int) -> tuple[int, int]:
    start = max(0, start + size) if start < 0 else min(start, size)
    end = max(0, end + size) if end < 0 else min(end, size)
    return start, max(start, end)


def _slice_parts(step: Step) -> list[tuple[int, int, int]] | None:
    """(axis, start, end) of each sliced axis; None where a boundary is computed."""
    starts, ends = step.constant("starts"), step.constant("ends")
    if not are_numbers(starts) or not are_numbers(ends):
        return None
    x = step.dims(0)
    return [(a, *_bounds(step, find(x[a]).size, int(s), int(e)))
            for a, s, e in zip(step.attribute("axes"), starts, ends, strict=True)]


def _cut_out(step: Step, dims: list[Dim], parts: list[tuple[int, int, int]]) -> list[Dim]:
    out = list(dims)
    for axis, start, end in parts:
        size = find(out[axis]).size
        if (start, end) != (0, size) and end > start:
            sizes = [n for n in (start, end - start, size - end) if n]
            out[axis] = step.split(out[axis], sizes)[1 if start else 0]
    return out


def _slice(step: Step) -> None:
    parts = _slice_parts(step)
    if parts is None or any(end <= start for _, start, end in parts):
        step.freeze("a slice at places that are computed")
        return
    out = _cut_out(step, step.dims(), parts)
    for axis in sorted(step.attribute("decrease_axis") or [], reverse=True):
        step.fix(out[axis], "one position that is read by its number")
        out.pop(axis)
    step.give(out, step.dirty())


def _slice_bounds(step: Step, widths: Widths) -> dict[str, Any]:
    parts = _slice_parts(step)
    if parts is None:
        return {}
    x = step.dims(0)
    return {"starts": [widths.before(x[a], s) for a, s, _ in parts],
            "ends": [widths.before(x[a], e) for a, _, e in parts]}


def _strided_slice(step: Step) -> None:
    """Every n-th position from the first: rows of n, of which the first column is read."""
    starts, ends, strides = (step.constant(k) for k in ("starts", "ends", "strides"))
    if not (are_numbers(starts) and are_numbers(ends) and are_numbers(strides)):
        step.freeze("a slice at places that are computed")
        return
    out, x = list(step.dims()), step.dims()
    for axis, start, end, stride in zip(step.attribute("axes"), starts, ends, strides, strict=True):
        size = find(x[axis]).size
        if stride == 1:
            begin, stop = _bounds(step, size, start, end)
            out[axis] = _cut_out(step, x, [(axis, begin, stop)])[axis]
        elif stride > 1 and size % stride == 0 and 0 <= start < stride and end >= size - stride + start + 1:
            outer, inner = rows(x[axis], size // stride)
            step.fix(inner, "every n-th position is read")
            out[axis] = outer
        else:
            step.fix(x[axis], "positions that are read by their numbers")
            out[axis] = atom(step.shape()[axis], "positions that are read by their numbers")
    step.give(out, step.dirty())


def _strided_bounds(step: Step, widths: Widths) -> dict[str, Any]:
    starts, ends, strides = (step.constant(k) for k in ("starts", "ends", "strides"))
    if not (are_numbers(starts) and are_numbers(ends) and are_numbers(strides)):
        return {}
    x = step.dims()
    new_starts, new_ends = list(starts), list(ends)
    for k, (axis, stride) in enumerate(zip(step.attribute("axes"), strides, strict=True)):
        size = find(x[axis]).size
        if stride == 1:
            begin, stop = _bounds(step, size, starts[k], ends[k])
            new_starts[k], new_ends[k] = widths.before(x[axis], begin), widths.before(x[axis], stop)
        elif stride > 1 and ends[k] >= size - stride + 1:
            new_ends[k] = widths.size(x[axis])
    return {"starts": new_starts, "ends": new_ends}


def _is_strided(step: Step) -> bool:
    steps = step.constant("steps")
    return not are_numbers(steps) or any(n != 1 for n in steps)


def _set_value(step: Step) -> None:
    """Some positions are overwritten by another tensor; along an axis that it lacks it repeats whatever it holds."""
    parts = _slice_parts(step)
    if parts is None or _is_strided(step):
        step.freeze("an assignment at places that are computed")
        return
    x, values = step.dims(0), step.dims(1)
    target = _cut_out(step, x, parts)
    for axis in sorted(step.attribute("decrease_axes") or [], reverse=True):
        step.fix(target[axis], "one position that is written by its number")
        target.pop(axis)
    missing = target[: len(target) - len(values)]
    for d, v in zip(target[len(target) - len(values):], values, strict=True):
        if find(v).size != 1:
            step.tie(d, v)
        elif find(d).size != 1:
            missing = [*missing, d]
    step.give(list(x), step.dirty(0) | step.dirty(1) | free(missing))


def _set_constant(step: Step) -> None:
    """Some positions are overwritten by a number."""
    parts = _slice_parts(step)
    if parts is None or _is_strided(step):
        step.freeze("an assignment at places that are computed")
        return
    x = step.dims(0)
    _cut_out(step, x, parts)
    zero = all(v == 0 for v in step.attribute("values") or [1])
    step.give(list(x), step.dirty(0) if zero else free(x))


# padding, moving, gathering


def _pad(step: Step) -> None:
    paddings = step.attribute("paddings")
    value = step.constant("pad_value")
    out = []
    for k, d in enumerate(step.dims()):
        before, after = paddings[2 * k], paddings[2 * k + 1]
        ends = [atom(n, "padding") if n else None for n in (before, after)]
        out.append(concatenation([part for part in (ends[0], d, ends[1]) if part is not None]))
    step.give(out, step.dirty() if not value else free(out))


def _pad_space(step: Step) -> None:
    """Padding in space only, as a convolution's."""
    x = step.dims()
    last = str(step.attribute("data_format", "NCDHW")).endswith("C")
    channels = len(x) - 1 if last else 1
    out = [atom(n, "positions in space") for n in step.shape()]
    step.fix_all((d for k, d in enumerate(x) if k not in (0, channels)), "positions in space")
    out[0], out[channels] = x[0], x[channels]
    zero = step.attribute("mode") != "constant" or not step.attribute("pad_value", 0.0)
    step.give(out, step.dirty() if zero else free(out))


def _move(step: Step) -> None:
    """Positions change places along some axes (all of them where none is named), so these stay whole."""
    x = step.dims()
    axes = step.attribute("axis")
    if axes is None or axes == []:
        axes = range(len(x))
    for a in [axes] if isinstance(axes, int) else axes:
        step.fix(x[a], f"a {step.op.name} along it")
    step.give(x, step.dirty())


def _triangle(step: Step) -> None:
    """Positions above or below a diagonal become zero: the last two axes are counted, the others pass."""
    x = step.dims()
    step.fix_all(x[-2:], f"a {step.op.name} over it")
    step.give(x, step.dirty())


def _gather(step: Step) -> None:
    """Positions read by number along one axis, which stays; the other axes pass."""
    x, index = step.dims(0), step.dims(1)
    axis = axis_of(step, len(x)) if step.constant("axis") is not None else int(step.attribute("dim", 0)) % len(x)
    step.fix(x[axis], "positions that are read by their numbers")
    out = [*x[:axis], *index, *x[axis + 1:]]
    if len(out) != len(step.shape()):
        step.freeze("positions that are read by their numbers")
        return
    # a number that is cut reads the first position, which holds something
    step.give(out, step.dirty(0) | free(index))


def _take_along(step: Step) -> None:
    x, index = step.dims(0), step.dims(1)
    axis = step.attribute("axis", 0) % len(x)
    step.fix(x[axis], "positions that are read by their numbers")
    for k, (a, b) in enumerate(zip(x, index, strict=True)):
        if k != axis and find(a).size == find(b).size:
            step.tie(a, b)
    step.give([index[k] if k == axis else d for k, d in enumerate(x)], free(x))


_SET_VALUE = Rule(_set_value, _slice_bounds)
RULES = {
    "slice": Rule(_slice, _slice_bounds),
    "strided_slice": Rule(_strided_slice, _strided_bounds),
    **dict.fromkeys(("set_value_with_tensor", "set_value_with_tensor_"), _SET_VALUE),
    **dict.fromkeys(("set_value", "set_value_"), Rule(_set_constant, _slice_bounds)),
    "pad": Rule(_pad),
    "pad3d": Rule(_pad_space),
    **dict.fromkeys(("roll", "flip"), Rule(_move)),
    **dict.fromkeys(("gather", "index_select"), Rule(_gather)),
    "take_along_axis": Rule(_take_along),
    **dict.fromkeys(("triu", "tril"), Rule(_triangle)),
}
