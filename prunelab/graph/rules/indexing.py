"""Operators that read or move positions by their numbers: slices, padding, roll, gather, triangles, diagonals.

A boundary is a width that the model's Python spelled; `rewrite` says it anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.graph.dims import ATOM, PRODUCT, Dim, atom, concatenation, find, permutation, product
from prunelab.graph.experts import experts_of
from prunelab.graph.regions import holds_space
from prunelab.graph.rules.constants import Array, are_numbers, known
from prunelab.graph.rules.shape import axis_of
from prunelab.graph.rules.writing import bounds, cut_out, slice_bounds, slice_parts
from prunelab.graph.solver import Rule, Step, Widths, free
from prunelab.graph.unifying import rows, select

READ = "positions that are read by their numbers"

# slices


def _slice(step: Step) -> None:
    parts = slice_parts(step)
    if parts is None or any(end <= start for _, start, end in parts):
        step.freeze("a slice at places that are computed")
        return
    out = cut_out(step, step.dims(), parts)
    for axis in sorted(step.attribute("decrease_axis") or [], reverse=True):
        step.fix(out[axis], "one position that is read by its number")
        out.pop(axis)
    step.give(out, step.dirty())


def _strided_slice(step: Step) -> None:
    """Every n-th position from the first: rows of n, of which the first column is read."""
    if not _has_numbers(step):
        step.freeze("a slice at places that are computed")
        return
    starts, ends, strides = (step.constant(k) for k in ("starts", "ends", "strides"))
    out, x = list(step.dims()), step.dims()
    for axis, start, end, stride in zip(step.attribute("axes"), starts, ends, strides, strict=True):
        size = find(x[axis]).size
        if stride == 1:
            begin, stop = bounds(size, start, end)
            out[axis] = cut_out(step, x, [(axis, begin, stop)])[axis]
        elif _is_column(x[axis], start, end, stride):
            step.note(f"column {axis}", True)
            outer, inner = rows(x[axis], size // stride)
            step.fix(inner, "every n-th position is read")
            out[axis] = outer
        elif len(strides) == 1:
            out[axis] = select(x[axis], range(size)[_python_slice(size, start, end, stride)])
        else:
            step.fix(x[axis], READ)
            out[axis] = atom(step.shape()[axis], READ)
    step.give(out, step.dirty())


def _has_numbers(step: Step) -> bool:
    """Whether the bounds of a strided slice, and the sizes that they are in, are known."""
    x = step.dims()
    return all(are_numbers(step.constant(k)) for k in ("starts", "ends", "strides")) and all(
        find(x[a]).size >= 0 for a in step.attribute("axes"))


def _is_column(dim: Dim, start: int, end: int, stride: int) -> bool:
    """Whether every row of ``stride`` positions gives one, of a dim that has no other structure yet."""
    size = find(dim).size
    plain = find(dim).kind in (ATOM, PRODUCT) and stride > 1 and size % stride == 0
    return plain and 0 <= start < stride and end >= size - stride + start + 1


def _python_slice(size: int, start: int, end: int, stride: int) -> slice:
    """Paddle writes the end of a slice that goes backwards to the first position as one before ``-size``."""
    return slice(start, None if stride < 0 and end < -size else end, stride)


def _strided_bounds(step: Step, widths: Widths) -> dict[str, Any]:
    if not _has_numbers(step):
        return {}
    starts, ends, strides = (step.constant(k) for k in ("starts", "ends", "strides"))
    x = step.dims()
    new_starts, new_ends = list(starts), list(ends)
    for k, (axis, stride) in enumerate(zip(step.attribute("axes"), strides, strict=True)):
        size = find(x[axis]).size
        if stride == 1:
            begin, stop = bounds(size, starts[k], ends[k])
            new_starts[k], new_ends[k] = widths.before(x[axis], begin), widths.before(x[axis], stop)
        elif (step.op.index, f"column {axis}") in step.solution.notes:
            new_ends[k] = widths.size(x[axis])
        elif len(strides) == 1 and widths.changes(x[axis]):
            order = np.arange(size)[_python_slice(size, starts[k], ends[k], stride)]
            return {"op": "index_select", "index": _kept_numbers(x[axis], order, step.given()[axis], widths),
                    "axis": axis}
    return {"starts": new_starts, "ends": new_ends}


# padding, moving, gathering


def _pad(step: Step) -> None:
    """Positions before and behind, which go as others do: zeros beside a shortcut's channels."""
    paddings, value = step.attribute("paddings"), step.constant("pad_value")
    if min(paddings, default=0) < 0:
        step.freeze("padding that takes positions away")
        return
    stays = ["padding" if holds_space(d) else "" for d in step.dims()]
    ends = [atom(n, stays[k // 2]) for k, n in enumerate(paddings)]
    step.note("ends", ends)
    out = [concatenation([ends[2 * k], d, ends[2 * k + 1]]) for k, d in enumerate(step.dims())]
    step.give(out, step.dirty() if not value else free(out))


def _pad_amounts(step: Step, widths: Widths) -> dict[str, Any]:
    return {"paddings": [widths.size(end) if end.size else 0 for end in step.noted("ends")]}


def _pad_space(step: Step) -> None:
    """Padding in space only, as a convolution's; an axis that gets none passes."""
    x = step.dims()
    last = str(step.attribute("data_format", "NCDHW")).endswith("C")
    channels = len(x) - 1 if last else 1
    space = [k for k in range(len(x)) if k not in (0, channels)]
    ends = step.constant("paddings")  # from the innermost axis out
    padded = space if not are_numbers(ends) else [
        k for k, before, after in zip(space[::-1], ends[::2], ends[1::2], strict=True) if before or after]
    out = [atom(n, "positions in space") if k in padded else d
           for k, (n, d) in enumerate(zip(step.shape(), x, strict=True))]
    step.fix_all((x[k] for k in padded), "positions in space")
    zero = step.attribute("mode") != "constant" or not step.attribute("pad_value", 0.0)
    step.give(out, step.dirty() if zero else free(out))


def _flip(step: Step) -> None:
    """Positions in the opposite order."""
    x = list(step.dims())
    axes = step.attribute("axis")
    for a in [axes] if isinstance(axes, int) else axes:
        x[a] = select(x[a], range(find(x[a]).size)[::-1])
    step.give(x, step.dirty())


def _roll(step: Step) -> None:
    """Positions move on, the last ones to the front; over all axes at once where none is named."""
    x, axes, shifts = list(step.dims()), step.attribute("axis"), step.constant("shifts")
    if not axes or not are_numbers(shifts):
        step.freeze("a roll over all axes")
        return
    for a, shift in zip(axes, shifts, strict=True):
        n = find(x[a]).size
        x[a] = select(x[a], [(k - shift) % n for k in range(n)])
    step.give(x, step.dirty())


def _roll_shifts(step: Step, widths: Widths) -> dict[str, Any]:
    """As many places as positions that stay are carried to the front."""
    axes, shifts, x = step.attribute("axis"), step.constant("shifts"), step.dims()
    if not axes or not are_numbers(shifts) or not any(widths.changes(x[a]) for a in axes):
        return {}
    sizes = [find(x[a]).size for a in axes]
    return {"shifts": [widths.size(x[a]) - widths.before(x[a], n - s % n) if widths.changes(x[a]) else s
                       for a, s, n in zip(axes, shifts, sizes, strict=True)]}


def _triangle(step: Step) -> None:
    """Positions above or below a diagonal become zero: the last two axes are counted, the others pass."""
    x = step.dims()
    step.fix_all(x[-2:], f"a {step.op.name} over it")
    step.give(x, step.dirty())


def _gather(step: Step) -> None:
    """Positions read by number along one axis; numbers that the program spells, each once or all as often, are
    followed."""
    x, index = step.dims(0), step.dims(1)
    axis = _gathered(step)
    order = _order(step)
    if order is not None:
        out = [*x[:axis], _positions(x[axis], order), *x[axis + 1:]]
        step.give(out, step.dirty(0))
        return
    experts = experts_of(step, "index")
    if experts is not None and find(experts).size == find(x[axis]).size:
        step.tie(x[axis], experts)  # numbers of experts are the kept ones'
    else:
        step.fix(x[axis], READ)
    out = [*x[:axis], *index, *x[axis + 1:]]
    if len(out) != len(step.shape()):
        step.freeze(READ)
        return
    # a number that is cut reads the first position, which holds something
    step.give(out, step.dirty(0) | free(index))


def _gathered(step: Step) -> int:
    """The axis that is read by number."""
    rank = len(step.dims(0))
    if step.op.name == "gather_nd":
        return 0
    return axis_of(step, rank) if step.constant("axis") is not None else int(step.attribute("dim", 0)) % rank


def _order(step: Step) -> list[int] | None:
    """The numbers that are read, where they are spelled in the program, and each once, or all as often."""
    numbers = known(step, "index")
    if numbers is None or str(numbers.dtype) == "bool":
        return None
    if numbers.ndim != (2 if step.op.name == "gather_nd" else 1) or numbers.shape[-1:] == (0,):
        return None
    if step.op.name == "gather_nd" and numbers.shape[1] != 1:
        return None
    n = find(step.dims(0)[_gathered(step)]).size
    order = [int(k) % n for k in numbers.reshape(-1)]
    return order if len(set(order)) == len(order) or _repeats(order, n) > 1 else None


def _repeats(order: list[int], n: int) -> int:
    """How often all of ``n`` positions are read, one after the other or end to end; 1 for anything else."""
    times = len(order) // n
    return times if order in ([k // times for k in range(n * times)], [*range(n)] * times) else 1


def _positions(dim: Dim, order: list[int]) -> Dim:
    """What is read of a dim."""
    times = _repeats(order, find(dim).size)
    if times == 1:
        return select(dim, order)
    repeats = atom(times, "repeats")
    return product([dim, repeats] if order[0] == order[1] else [repeats, dim])


def _gather_numbers(step: Step, widths: Widths) -> dict[str, Any]:
    axis, order = _gathered(step), _order(step)
    if order is None or not widths.changes(step.dims(0)[axis]):
        return {}
    index = _kept_numbers(step.dims(0)[axis], np.asarray(order), step.given()[axis], widths)
    return {"index": index[:, None] if step.op.name == "gather_nd" else index}


def _kept_numbers(read: Dim, order: Array, out: Dim, widths: Widths) -> Array:
    """The numbers of the positions that stay, among those that stay."""
    stays = widths.positions(read)
    return np.searchsorted(stays, order[np.isin(order, stays)])


def _gather_nd(step: Step) -> None:
    """Positions read by their numbers along the first axes, one number an axis."""
    if _order(step) is not None:
        _gather(step)
        return
    x, index = step.dims(0), step.dims(1)
    n_axes = find(index[-1]).size
    step.fix_all(x[:n_axes], READ)
    step.fix(index[-1], READ)
    step.give([*index[:-1], *x[n_axes:]], step.dirty(0) | free(index))


def _index_sample(step: Step) -> None:
    """Some positions of each row."""
    x, index = step.dims(0), step.dims(1)
    step.tie(x[0], index[0])
    step.fix(x[1], READ)
    step.give([x[0], index[1]], free([x[0], index[1]]))


def _repeat_unevenly(step: Step) -> None:
    """Each position as often as another tensor says."""
    x = list(step.dims())
    axis = int(step.attribute("axis", 0)) % len(x)
    repeats = known(step, "repeats")
    if repeats is None:
        step.freeze("repeats that are computed")
        return
    x[axis] = _repeated(x[axis], [int(n) for n in repeats.tolist()])
    step.give(x, step.dirty())


def _repeated(dim: Dim, repeats: list[int]) -> Dim:
    """Those that are repeated as often are rows of so many columns; then all of them in the order of before."""
    parts, places, start = list[Dim](), dict[int, range](), 0
    for times in sorted(set(repeats) - {0}):
        these = [k for k, n in enumerate(repeats) if n == times]
        parts.append(product([select(dim, these), atom(times, "repeats")]))
        for k in these:
            places[k] = range(start, start + times)
            start += times
    if not parts:
        return atom(0, "empty")
    return permutation(concatenation(parts), [at for k in sorted(places) for at in places[k]])


def _even_repeats(step: Step, widths: Widths) -> dict[str, Any]:
    axis = int(step.attribute("axis", 0)) % len(step.dims())
    repeats = known(step, "repeats")
    if repeats is None or not widths.changes(step.dims()[axis]):
        return {}
    return {"repeats": np.asarray(repeats, np.int64)[widths.positions(step.dims()[axis])]}


def _crop(step: Step) -> None:
    parts = _crop_parts(step)
    if parts is None:
        step.freeze("a crop at places that are computed")
        return
    step.give(cut_out(step, step.dims(), parts), step.dirty())


def _crop_parts(step: Step) -> list[tuple[int, int, int]] | None:
    """(axis, start, end) of each axis."""
    offsets, shape = step.constant("offsets"), step.constant("shape")
    if not are_numbers(offsets) or not are_numbers(shape):
        return None
    sizes = [find(d).size for d in step.dims()]
    return [(a, int(s), int(s) + int(n) if n != -1 else sizes[a])
            for a, (s, n) in enumerate(zip(offsets, shape, strict=True))]


def _crop_bounds(step: Step, widths: Widths) -> dict[str, Any]:
    parts, x = _crop_parts(step), step.dims()
    if parts is None or not any(widths.changes(d) for d in x):
        return {}
    shape = [n if n == -1 else widths.size(d) for n, d in zip(step.constant("shape"), step.given(), strict=True)]
    return {"offsets": [widths.before(x[a], s) for a, s, _ in parts], "shape": shape}


def _take_along(step: Step) -> None:
    x, index = step.dims(0), step.dims(1)
    axis = step.attribute("axis", 0) % len(x)
    experts = experts_of(step, "indices")
    if experts is not None and find(experts).size == find(x[axis]).size:
        step.tie(x[axis], experts)
    else:
        step.fix(x[axis], READ)
    for k, (a, b) in enumerate(zip(x, index, strict=True)):
        if k != axis and find(a).size == find(b).size:
            step.tie(a, b)
    step.give([index[k] if k == axis else d for k, d in enumerate(x)], free(x))


def _axes_of_matrices(step: Step, rank: int) -> tuple[int, int]:
    one, two = step.attribute("axis1", step.attribute("dim1", 0)), step.attribute("axis2", step.attribute("dim2", 1))
    return one % rank, two % rank


def _diagonal(step: Step) -> None:
    """The diagonal of matrices, or its sum: their two axes are counted, the others pass."""
    x = step.dims()
    axes = _axes_of_matrices(step, len(x))
    step.fix_all((x[a] for a in axes), "a diagonal along it")
    rest = [d for k, d in enumerate(x) if k not in axes]
    more = [] if step.op.name == "trace" else [atom(step.shape()[-1], "a diagonal")]
    step.give([*rest, *more], step.dirty())


def _diagonal_matrix(step: Step) -> None:
    """Values on the diagonal of matrices that are zero elsewhere: both axes are those of the values."""
    x, offset = step.dims(), step.attribute("offset", 0)
    if offset or step.attribute("padding_value", 0.0) or (step.op.name == "diag" and len(x) != 1):
        step.freeze("a diagonal of matrices")
        return
    out = list(x[:-1])
    one, two = sorted(_axes_of_matrices(step, len(x) + 1)) if step.op.name == "diag_embed" else (0, 1)
    out.insert(one, x[-1])
    out.insert(two, x[-1])
    step.give(out, step.dirty())


RULES = {
    "slice": Rule(_slice, slice_bounds),
    "strided_slice": Rule(_strided_slice, _strided_bounds),
    "pad": Rule(_pad, _pad_amounts),
    "pad3d": Rule(_pad_space),
    "flip": Rule(_flip),
    "roll": Rule(_roll, _roll_shifts),
    **dict.fromkeys(("gather", "index_select"), Rule(_gather, _gather_numbers)),
    "gather_nd": Rule(_gather_nd, _gather_numbers),
    "index_sample": Rule(_index_sample),
    "repeat_interleave_with_tensor_index": Rule(_repeat_unevenly, _even_repeats),
    "crop": Rule(_crop, _crop_bounds),
    **dict.fromkeys(("diagonal", "trace"), Rule(_diagonal)),
    **dict.fromkeys(("diag", "diag_embed"), Rule(_diagonal_matrix)),
    "take_along_axis": Rule(_take_along),
    **dict.fromkeys(("triu", "tril", "triu_", "tril_"), Rule(_triangle)),
}
