"""Operators that write positions by their numbers: assignments to slices and to indices, scatter.

What is written along an axis by number keeps that axis whole; the other axes pass.
"""

from __future__ import annotations

from typing import Any

from prunelab.graph.dims import Dim, atom, find
from prunelab.graph.experts import experts_of, is_expert
from prunelab.graph.rules.constants import are_numbers, is_zero
from prunelab.graph.solver import Dirty, Rule, Step, Widths, free

WRITTEN = "positions that are written by their numbers"

# slices


def bounds(size: int, start: int, end: int) -> tuple[int, int]:
    """A slice's bounds, counted from the front."""
    start = max(0, start + size) if start < 0 else min(start, size)
    end = max(0, end + size) if end < 0 else min(end, size)
    return start, max(start, end)


def slice_parts(step: Step) -> list[tuple[int, int, int]] | None:
    """(axis, start, end) of each sliced axis; None where a boundary, or the size of an axis, is computed."""
    starts, ends = step.constant("starts"), step.constant("ends")
    x = step.dims(0)
    if not are_numbers(starts) or not are_numbers(ends) or any(find(x[a]).size < 0 for a in step.attribute("axes")):
        return None
    return [(a, *bounds(find(x[a]).size, int(s), int(e)))
            for a, s, e in zip(step.attribute("axes"), starts, ends, strict=True)]


def cut_out(step: Step, dims: list[Dim], parts: list[tuple[int, int, int]]) -> list[Dim]:
    """The dims of what stands between bounds ``(axis, start, end)``."""
    out = list(dims)
    for axis, start, end in parts:
        size = find(out[axis]).size
        if end == start + 1 and is_expert(out[axis]):
            step.solution.shares.append((step.op.outputs[0], out[axis], start))
            out[axis] = atom(1, "a single position")
        elif (start, end) != (0, size) and end > start:
            sizes = [n for n in (start, end - start, size - end) if n]
            out[axis] = step.split(out[axis], sizes)[1 if start else 0]
    return out


def slice_bounds(step: Step, widths: Widths) -> dict[str, Any]:
    """Where a slice's bounds are under a plan."""
    parts, steps = slice_parts(step), step.constant("steps") or [1]
    if parts is None or not are_numbers(steps) or any(n != 1 for n in steps):
        return {}  # computed, or along axes that stay
    x = step.dims(0)
    return {"starts": [widths.before(x[a], s) for a, s, _ in parts],
            "ends": [widths.before(x[a], e) for a, _, e in parts]}


def _target(step: Step) -> list[Dim] | None:
    """The dims that an assignment writes to; None where its places are computed."""
    steps, parts = step.constant("steps"), slice_parts(step)
    if parts is None or not are_numbers(steps):
        return None
    x = step.dims(0)
    if all(n == 1 for n in steps):
        target = cut_out(step, x, parts)
    else:
        target = list(x)
        for (axis, start, end), by in zip(parts, steps, strict=True):
            step.fix(x[axis], WRITTEN)
            target[axis] = atom(len(range(start, end, int(by))) if by > 0 else find(x[axis]).size, WRITTEN)
    for axis in sorted(step.attribute("decrease_axes") or [], reverse=True):
        step.fix(target[axis], "one position that is written by its number")
        target.pop(axis)
    return target


def _set_value(step: Step) -> None:
    """Some positions are overwritten by another tensor; along an axis that it lacks it repeats whatever it holds."""
    target = _target(step)
    if target is None:
        step.freeze("an assignment at places that are computed")
        return
    dirty = _tie_written(step, target, step.dims(1))
    step.give(list(step.dims(0)), step.dirty(0) | step.dirty(1) | dirty)


def _set_constant(step: Step) -> None:
    """Some positions are overwritten by a number."""
    if _target(step) is None:
        step.freeze("an assignment at places that are computed")
        return
    x = step.dims(0)
    zero = all(v == 0 for v in step.attribute("values") or [1])
    step.give(list(x), step.dirty(0) if zero else free(x))


# indices


def _tie_written(step: Step, target: list[Dim], values: list[Dim]) -> Dirty:
    """Values meet the dims that they are written to; what these are dirty at where the values repeat along them."""
    lacking = target[: max(0, len(target) - len(values))]
    for d, v in zip(target[len(lacking):], values[max(0, len(values) - len(target)):], strict=True):
        if find(v).size != 1 or find(d).size == 1:
            step.tie(d, v)
        else:
            lacking = [*lacking, d]
    return free(lacking)


def _write(step: Step, n_axes: int, index: list[Dim], values: str) -> None:
    """The first ``n_axes`` are written by number, the values lie over the indices and the other axes."""
    x = step.dims(0)
    step.fix_all(x[:n_axes], WRITTEN)
    step.fix_all(index, WRITTEN)
    dirty = _tie_written(step, [*index, *x[n_axes:]], step.dims(values))
    step.give(list(x), step.dirty(0) | step.dirty(values) | dirty)


def _index_put(step: Step) -> None:
    """One index an axis; a mask of bools stands for as many axes as it has."""
    indices = step.dims("indices")
    masks = [step.solution.program.dtypes[v] == "bool" for v in _listed(step, "indices")]
    n_axes = sum(len(index) if mask else 1 for index, mask in zip(indices, masks, strict=True))
    if masks == [True] and _is_one_for_all(step, n_axes):
        _fill_masked(step, indices[0])
        return
    for index in indices:
        step.fix_all(index, WRITTEN)
    rank = max(len(index) for index in indices)
    widest = next(index for index in indices if len(index) == rank)
    _write(step, n_axes, list(widest) if not any(masks) else [], "value")


def _is_one_for_all(step: Step, n_axes: int) -> bool:
    """Whether all positions that a mask names get the same value, so that no number of them counts."""
    values = step.dims("value")
    lead = values[: max(0, len(values) - (len(step.dims(0)) - n_axes))]
    return all(find(d).size == 1 for d in lead)


def _fill_masked(step: Step, mask: list[Dim]) -> None:
    """``x[mask] = value``: each position by itself, a choice between what stands there and the value."""
    x = step.dims(0)
    for d, m in zip(x, mask, strict=False):
        step.tie(d, m)
    rest, values = x[len(mask):], step.dims("value")
    repeated = _tie_written(step, rest, values[max(0, len(values) - len(rest)):])
    if is_zero(step, step.value("value")):
        step.give(list(x), step.dirty(0))
    else:
        step.give(list(x), step.dirty(0) | step.dirty("value") | repeated | free(x[: len(mask)]))


def _listed(step: Step, argument: str) -> tuple[int, ...]:
    value = step.value(argument)
    return step.solution.program.producers[value].inputs  # type: ignore[index,return-value]


def _scatter(step: Step) -> None:
    _write(step, 1, list(step.dims("index")[:1]), "updates")


def _scatter_nd(step: Step) -> None:
    index = step.dims("index")
    step.fix(index[-1], WRITTEN)
    _write(step, find(index[-1]).size, list(index[:-1]), "updates")


def _index_add(step: Step) -> None:
    x, values, axis = step.dims("x"), step.dims("add_value"), step.attribute("axis") % len(step.dims("x"))
    step.fix_all((x[axis], values[axis], *step.dims("index")), WRITTEN)
    for k, (d, v) in enumerate(zip(x, values, strict=True)):
        if k != axis:
            step.tie(d, v)
    step.give(list(x), step.dirty("x") | step.dirty("add_value"))


def _put_along(step: Step) -> None:
    """Each lane along an axis by itself; lanes that only some tensors have stay."""
    x, axis = step.dims(0), step.attribute("axis") % len(step.dims(0))
    experts = experts_of(step, "indices")
    if experts is not None and find(experts).size == find(x[axis]).size:
        _write_choices(step, list(x), axis, experts)
        return
    for argument in ("indices", "values"):
        for k, (d, v) in enumerate(zip(x, step.dims(argument), strict=True)):
            if k == axis or find(d).size != find(v).size:
                step.fix_all((d, v), WRITTEN)
            else:
                step.tie(d, v)
    step.give(list(x), free(x))


def _write_choices(step: Step, x: list[Dim], axis: int, experts: Dim) -> None:
    """Shares put to the places of the experts that were chosen; a silent one never is."""
    step.tie(x[axis], experts)
    others = [k for k in range(len(x)) if k != axis]
    for argument in ("indices", "values"):
        if len(step.dims(argument)) == len(x):
            for k in others:
                if find(step.dims(argument)[k]).size == find(x[k]).size:
                    step.tie(x[k], step.dims(argument)[k])
                else:
                    step.fix(x[k], WRITTEN)
    mine = free([x[axis]])
    step.give(x, (step.dirty(0) & mine) | free(x[k] for k in others))


def _fill_diagonal(step: Step) -> None:
    x, axes = step.dims(0), [step.attribute(k) % len(step.dims(0)) for k in ("dim1", "dim2")]
    step.fix_all((x[a] for a in axes), "a diagonal along it")
    step.fix(step.dims(1)[-1], "a diagonal along it")
    for d, v in zip([d for k, d in enumerate(x) if k not in axes], step.dims(1)[:-1], strict=True):
        step.tie(d, v)
    step.give(list(x), step.dirty(0) | step.dirty(1))


_SET_VALUE = Rule(_set_value, slice_bounds)
RULES = {
    **dict.fromkeys(("set_value_with_tensor", "set_value_with_tensor_"), _SET_VALUE),
    **dict.fromkeys(("set_value", "set_value_"), Rule(_set_constant, slice_bounds)),
    **dict.fromkeys(("index_put", "index_put_"), Rule(_index_put)),
    **dict.fromkeys(("scatter", "scatter_"), Rule(_scatter)),
    "scatter_nd_add": Rule(_scatter_nd),
    **dict.fromkeys(("index_add", "index_add_"), Rule(_index_add)),
    **dict.fromkeys(("put_along_axis", "put_along_axis_"), Rule(_put_along)),
    **dict.fromkeys(("fill_diagonal_tensor", "fill_diagonal_tensor_"), Rule(_fill_diagonal)),
}
