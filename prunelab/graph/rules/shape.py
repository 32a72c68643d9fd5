"""Operators that move positions and compute nothing: reshape, transpose, split, concat, slice, stack, expand, pad, tile, gather.

The numbers they carry (a shape, a boundary) are widths that the model's Python spelled; `rewrite` says them anew.
"""

from __future__ import annotations

from typing import Any

from prunelab.graph.dims import Dim, atom, concatenation, find, product, reshape, rows
from prunelab.graph.solver import CLEAN, Rule, Step, Widths, free


def _out(step: Step, k: int = 0) -> Any:
    return step.solution.dims[step.op.outputs[k]]


# constants


def _full(step: Step) -> None:
    """A tensor of one value: its dims are whatever they meet."""
    value = step.attribute("value")
    dims = [atom(n) for n in step.attribute("shape")]
    step.solution.constants[step.op.outputs[0]] = value
    step.give(dims, CLEAN if value == 0 else free(dims))


def _full_shape(step: Step, widths: Widths) -> dict[str, Any]:
    return {"shape": [widths.size(d) for d in _out(step)]} if step.attribute("shape") not in ([1], []) else {}


def _full_int_array(step: Step) -> None:
    step.solution.constants[step.op.outputs[0]] = step.attribute("value")
    step.give_new("a constant")


def _constant(step: Step) -> None:
    step.give_new("a constant")
    for d in (_out(step) if step.op.outputs else []):
        step.fix(d, "a constant")


def _like(step: Step) -> None:
    """A constant of another tensor's shape."""
    dims = step.dims()
    value = step.constant("value")
    step.give(dims, CLEAN if value == 0 else free(dims))
    if value is not None:
        step.solution.constants[step.op.outputs[0]] = value


def _shape_of(step: Step) -> None:
    """The sizes as numbers: read when the graph runs, so they follow a cut by themselves."""
    step.give_new("a shape")


# lists


def _combine(step: Step) -> None:
    values = step.op.inputs
    solution = step.solution
    step.give([solution.dims[v] for v in values], [solution.dirty[v] for v in values])  # type: ignore[index]
    solution.constants[step.op.outputs[0]] = [solution.constants.get(v) for v in values]  # type: ignore[arg-type]


def _open_list(step: Step) -> None:
    lists, dirties = step.dims(), step.dirty()
    for k in range(len(step.op.outputs)):
        if k < len(lists) and isinstance(lists[k], list):
            step.give(lists[k], dirties[k] if isinstance(dirties, list) else dirties, k)
        else:
            step.give_new("part of a list that is frozen", k)


# regrouping


def _reshape(step: Step) -> None:
    shape = step.shape()
    if any(n < 0 for n in shape):
        step.freeze("a reshape to a size that is computed")
        return
    step.give(reshape(step.dims(), shape), step.dirty())
    step.give_rest()


def _reshape_shape(step: Step, widths: Widths) -> dict[str, Any]:
    """-1 (what is left) and 0 (as before) stay as they were written."""
    written = step.constant("shape")
    if not _numbers(written):
        return {}
    return {"shape": [n if n in (-1, 0) else widths.size(d) for n, d in zip(written, _out(step), strict=True)]}


def _numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(v, (int, float)) for v in values)


def _transpose(step: Step) -> None:
    x = step.dims()
    step.give([x[k] for k in step.attribute("perm")], step.dirty())


def _expand(step: Step) -> None:
    x, shape = step.dims(), step.shape()
    out = []
    for k, n in enumerate(shape):
        at = k - len(shape) + len(x)
        d = find(x[at]) if at >= 0 else None
        out.append(d if d is not None and d.size == n else atom(n))
    new = [d for k, d in enumerate(out) if k - len(shape) + len(x) < 0 or d is not find(x[k - len(shape) + len(x)])]
    step.give(out, step.dirty() | free(new))


def _expand_shape(step: Step, widths: Widths) -> dict[str, Any]:
    """-1 keeps an axis, so it stays."""
    written = step.constant("shape")
    if not _numbers(written):
        return {}
    return {"shape": [n if n == -1 else widths.size(d) for n, d in zip(written, _out(step), strict=True)]}


def _expand_as(step: Step) -> None:
    """Expanded to another tensor's shape, which it has when the graph runs."""
    _expand(step)
    if step.has(1):
        for a, b in zip(_out(step), step.dims(1), strict=True):
            step.tie(a, b)


def _tile(step: Step) -> None:
    repeats = step.constant("repeat_times")
    if not _numbers(repeats):
        step.freeze("a tile whose repeats are computed")
        return
    x = step.dims()
    rank = max(len(x), len(repeats))
    dims = [*[atom(1, "a single position")] * (rank - len(x)), *x]
    repeats = [*[1] * (rank - len(repeats)), *map(int, repeats)]
    out = []
    for d, r in zip(dims, repeats, strict=True):
        if r == 1:
            out.append(d)
        elif find(d).size == 1:
            out.append(atom(r))  # what it meets later says whether this is the batch
        else:
            out.append(product([atom(r, "repeats"), d]))
    step.give(out, step.dirty() | free(d for d, r in zip(out, repeats, strict=True) if r != 1))


def _tile_repeats(step: Step, widths: Widths) -> dict[str, Any]:
    repeats = step.constant("repeat_times")
    out, x = _out(step), step.dims()
    if not _numbers(repeats):
        return {}
    sizes = [*[1] * (len(out) - len(x)), *(find(d).size for d in x)]
    repeats = [*[1] * (len(out) - len(repeats)), *repeats]
    return {"repeat_times": [widths.size(d) if r != 1 and n == 1 else r
                             for r, n, d in zip(repeats, sizes, out, strict=True)]}


def _repeat_interleave(step: Step) -> None:
    x = list(step.dims())
    axis = step.attribute("axis", step.attribute("dim", 0))
    x[axis] = product([x[axis], atom(step.attribute("repeats"), "repeats")])
    step.give(x, step.dirty())


# joining and parting


def _axis(step: Step, rank: int) -> int:
    axis = step.constant("axis")
    return int(axis if axis is not None else 0) % rank


def _concat(step: Step) -> None:
    parts = step.dims()
    axis = _axis(step, len(parts[0]))
    out = []
    for k in range(len(parts[0])):
        if k == axis:
            out.append(concatenation([part[k] for part in parts]))
        else:
            for part in parts[1:]:
                step.tie(parts[0][k], part[k])
            out.append(parts[0][k])
    step.give(out, frozenset().union(*step.dirty()))


def _stack(step: Step) -> None:
    first, *others = step.dims()
    for other in others:
        for a, b in zip(first, other, strict=True):
            step.tie(a, b)
    out = list(first)
    out.insert(step.attribute("axis", 0) % (len(out) + 1), atom(len(others) + 1, "stacked tensors"))
    step.give(out, frozenset().union(*step.dirty()))


def _unstack(step: Step) -> None:
    """One tensor for each position of an axis, which therefore stays."""
    x = step.dims()
    axis = step.attribute("axis", 0) % len(x)
    step.fix(x[axis], "taken apart position by position")
    rest = [d for k, d in enumerate(x) if k != axis]
    if len(step.op.outputs) == 1:
        count = find(x[axis]).size
        step.give([rest] * count, [step.dirty()] * count)
    else:
        for k in range(len(step.op.outputs)):
            step.give(rest, step.dirty(), k)


def _sections(step: Step, size: int) -> list[int]:
    if step.op.name == "split_with_num":
        number = step.attribute("num")
        return [size // number] * number
    sections = list(step.constant("sections"))
    if -1 in sections:
        sections[sections.index(-1)] = size - sum(s for s in sections if s != -1)
    return [int(s) for s in sections]


def _split(step: Step) -> None:
    x = step.dims()
    axis = _axis(step, len(x))
    if step.op.name == "split" and not _numbers(step.constant("sections")):
        step.freeze("a split at places that are computed")
        return
    pieces = step.split(x[axis], _sections(step, find(x[axis]).size))
    step.give([[*x[:axis], piece, *x[axis + 1:]] for piece in pieces], [step.dirty()] * len(pieces))


def _split_sections(step: Step, widths: Widths) -> dict[str, Any]:
    parts = _out(step)
    if not parts or not isinstance(parts[0], list):
        return {}
    axis = _axis(step, len(step.dims()))
    sizes = [widths.size(part[axis]) for part in parts]
    if step.op.name == "split_with_num" and len(set(sizes)) == 1:
        return {}
    return {"op": "split", "sections": sizes}


def _bounds(step: Step, size: int, start: int, end: int) -> tuple[int, int]:
    start = max(0, start + size) if start < 0 else min(start, size)
    end = max(0, end + size) if end < 0 else min(end, size)
    return start, max(start, end)


def _slice_parts(step: Step) -> list[tuple[int, int, int]] | None:
    """(axis, start, end) of each sliced axis; None where a boundary is computed."""
    starts, ends = step.constant("starts"), step.constant("ends")
    if not _numbers(starts) or not _numbers(ends):
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
    return {"starts": [widths.before(x[a], s) for a, s, _ in parts], "ends": [widths.before(x[a], e) for a, _, e in parts]}


def _strided_slice(step: Step) -> None:
    """Every n-th position from the first: rows of n, of which the first column is read."""
    starts, ends, strides = (step.constant(k) for k in ("starts", "ends", "strides"))
    if not (_numbers(starts) and _numbers(ends) and _numbers(strides)):
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
    if not (_numbers(starts) and _numbers(ends) and _numbers(strides)):
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


def _set_value(step: Step) -> None:
    """Some positions are overwritten by another tensor."""
    parts = _slice_parts(step)
    if parts is None or any(n not in (1, None) for n in step.constant("steps") or []):
        step.freeze("an assignment at places that are computed")
        return
    x, values = step.dims(0), step.dims(1)
    target = _cut_out(step, x, parts)
    for axis in sorted(step.attribute("decrease_axes") or [], reverse=True):
        step.fix(target[axis], "one position that is written by its number")
        target.pop(axis)
    for d, v in zip(target[len(target) - len(values):], values, strict=True):
        if find(v).size != 1:
            step.tie(d, v)
    missing = [d for d in target[: len(target) - len(values)]]
    step.give(list(x), step.dirty(0) | step.dirty(1) | free(missing))


def _set_constant(step: Step) -> None:
    """Some positions are overwritten by a number."""
    parts = _slice_parts(step)
    if parts is None:
        step.freeze("an assignment at places that are computed")
        return
    x = step.dims(0)
    _cut_out(step, x, parts)
    zero = all(v == 0 for v in step.attribute("values") or [1])
    step.give(list(x), step.dirty(0) if zero else free(x))


# padding, moving, indexing


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
    """Positions change places along some axes, so these stay whole."""
    x = step.dims()
    axes = step.attribute("axis") or []
    for a in axes if isinstance(axes, list) else [axes]:
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
    axis = _axis(step, len(x)) if step.constant("axis") is not None else int(step.attribute("dim", 0)) % len(x)
    step.fix(x[axis], "positions that are read by their numbers")
    out = [*x[:axis], *index, *x[axis + 1:]]
    if len(out) != len(step.shape()):
        step.freeze("positions that are read by their numbers")
        return
    step.give(out, step.dirty(0))


def _take_along(step: Step) -> None:
    x, index = step.dims(0), step.dims(1)
    axis = step.attribute("axis", 0) % len(x)
    step.fix(x[axis], "positions that are read by their numbers")
    for k, (a, b) in enumerate(zip(x, index, strict=True)):
        if k != axis and find(a).size == find(b).size:
            step.tie(a, b)
    step.give([index[k] if k == axis else d for k, d in enumerate(x)], free(x))


_RESHAPE, _SAME = Rule(_reshape, _reshape_shape), Rule(_reshape)
_SET_VALUE = Rule(_set_value, _slice_bounds)
_SPLIT = Rule(_split, _split_sections)
RULES = {
    "full": Rule(_full, _full_shape),
    "full_int_array": Rule(_full_int_array),
    **dict.fromkeys(("assign_value", "assign_value_", "arange", "linspace", "eye", "tril_indices", "triu_indices", "gaussian",
                     "uniform", "randint", "bernoulli"), Rule(_constant)),
    **dict.fromkeys(("full_like", "zeros_like", "ones_like"), Rule(_like)),
    **dict.fromkeys(("shape", "shape64", "size", "numel"), Rule(_shape_of)),
    "builtin.combine": Rule(_combine),
    "builtin.split": Rule(_open_list),
    **dict.fromkeys(("reshape", "reshape_"), _RESHAPE),
    **dict.fromkeys(("flatten", "flatten_", "squeeze", "squeeze_", "unsqueeze", "unsqueeze_"), _SAME),
    "transpose": Rule(_transpose),
    "expand": Rule(_expand, _expand_shape),
    "expand_as": Rule(_expand_as),
    "tile": Rule(_tile, _tile_repeats),
    "repeat_interleave": Rule(_repeat_interleave),
    "concat": Rule(_concat),
    "stack": Rule(_stack),
    **dict.fromkeys(("unstack", "unbind"), Rule(_unstack)),
    "split": _SPLIT,
    "split_with_num": _SPLIT,
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
