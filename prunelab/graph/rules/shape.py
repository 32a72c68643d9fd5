"""Operators that regroup positions and compute nothing: reshape, transpose, expand, tile, split, concat, stack.

The numbers they carry (a shape, a boundary) are widths that the model's Python spelled; `rewrite` says them anew.
"""

from __future__ import annotations

from typing import Any

from prunelab.graph.dims import Dim, atom, concatenation, find, product
from prunelab.graph.experts import is_expert
from prunelab.graph.rules.constants import are_numbers
from prunelab.graph.solver import Dirty, Rule, Step, Widths, free
from prunelab.graph.unifying import reshape


def axis_of(step: Step, rank: int) -> int:
    """The operator's axis, counted from the front; the first where none is named."""
    axis = step.constant("axis")
    return int(axis if axis is not None else 0) % rank


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
    if not are_numbers(written):
        return {}
    return {"shape": [n if n in (-1, 0) else widths.size(d) for n, d in zip(written, step.given(), strict=True)]}


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
    if step.op.name == "expand" and not are_numbers(step.constant("shape")):
        step.fix_all((d for d in out if d not in new), "an expansion to a size that is computed")
    step.give(out, step.dirty() | free(new))


def _expand_shape(step: Step, widths: Widths) -> dict[str, Any]:
    """-1 keeps an axis, so it stays."""
    written = step.constant("shape")
    if not are_numbers(written):
        return {}
    return {"shape": [n if n == -1 else widths.size(d) for n, d in zip(written, step.given(), strict=True)]}


def _expand_as(step: Step) -> None:
    """Expanded to another tensor's shape, which it has when the graph runs."""
    _expand(step)
    if step.has(1):
        for a, b in zip(step.given(), step.dims(1), strict=True):
            step.tie(a, b)


def _expand_as_shape(step: Step, widths: Widths) -> dict[str, Any]:
    """The other tensor's shape, where there is one: the number beside it is of one batch."""
    return {"target_shape": [] if step.has(1) else [widths.size(d) for d in step.given()]}


def _tile(step: Step) -> None:
    repeats = step.constant("repeat_times")
    if not are_numbers(repeats):
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
    out, x = step.given(), step.dims()
    if not are_numbers(repeats):
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


def _broadcast_all(step: Step) -> None:
    """Tensors expanded to one shape, each."""
    dims, dirty = step.dims(), step.dirty()
    rank = max(map(len, dims))
    out: list[Dim] = []
    for axis in range(rank):
        met = [find(own[axis - rank]) for own in dims if axis - rank >= -len(own)]
        wide = [d for d in met if d.size != 1]
        for other in wide[1:]:
            step.tie(wide[0], other)
        out.append((wide or met)[0])
    new = [[d for k, d in enumerate(out) if k - rank < -len(own) or find(own[k - rank]).size != find(d).size]
           for own in dims]
    step.give([out] * len(dims), [mine | free(more) for mine, more in zip(dirty, new, strict=True)])


def _meshgrid(step: Step) -> None:
    """Vectors, each repeated along the others."""
    vectors, dirty = step.dims(), step.dirty()
    out = [v[0] if v else atom(1, "a single position") for v in vectors]
    step.give([out] * len(out), [mine | free(d for j, d in enumerate(out) if j != k) for k, mine in enumerate(dirty)])


# joining and parting


def _concat(step: Step) -> None:
    parts = step.dims()
    axis = axis_of(step, len(parts[0]))
    out: list[Dim] = []
    dirty: Dirty = frozenset().union(*step.dirty())
    for k in range(len(parts[0])):
        if k == axis and step.solution.gates and all(find(part[k]).size == 1 for part in parts):
            out.append(_stacked(step, len(parts)))
            dirty |= free(out[-1:])
        elif k == axis:
            out.append(concatenation([part[k] for part in parts]))
        else:
            for part in parts[1:]:
                step.tie(parts[0][k], part[k])
            out.append(parts[0][k])
    step.give(out, dirty)


def _stack(step: Step) -> None:
    first, *others = step.dims()
    for other in others:
        for a, b in zip(first, other, strict=True):
            step.tie(a, b)
    out, stacked = list(first), _stacked(step, len(others) + 1)
    out.insert(step.attribute("axis", 0) % (len(out) + 1), stacked)
    step.give(out, frozenset().union(*step.dirty()) | free([stacked]))


def _stacked(step: Step, n: int) -> Dim:
    """The axis along which tensors are stacked: one for each expert of a gate, or fixed."""
    op = step.solution.program.producers[step.op.inputs[0]]  # type: ignore[index]
    # a list that others read too stays whole
    if any(gate.n == n for gate in step.solution.gates.values()) and op.name == "builtin.combine":
        return step.solution.stacks.setdefault(op.index, atom(n))
    return atom(n, "stacked tensors")


def _unstack(step: Step) -> None:
    """One tensor for each position of an axis, which therefore stays."""
    x = step.dims()
    axis = step.attribute("axis", 0) % len(x)
    if is_expert(x[axis]):
        _part(step, x[axis])
    else:
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
    axis = axis_of(step, len(x))
    if step.op.name == "split" and not are_numbers(step.constant("sections")):
        step.freeze("a split at places that are computed")
        return
    sections = _sections(step, find(x[axis]).size)
    single = is_expert(x[axis]) and set(sections) == {1}
    pieces = _part(step, x[axis]) if single else step.split(x[axis], sections)
    step.give([[*x[:axis], piece, *x[axis + 1:]] for piece in pieces], [step.dirty()] * len(pieces))


def _part(step: Step, experts: Dim) -> list[Dim]:
    """A value for each expert: its share, which is zero where it is silent."""
    opened = next((op for op in step.solution.program.consumers.get(step.op.outputs[0], ())), None)
    values = step.op.outputs if opened is None or opened.name != "builtin.split" else opened.outputs
    step.note("experts", experts)
    step.solution.shares += [(value, experts, k) for k, value in enumerate(values)]
    return [atom(1, "a single position") for _ in values]


def _kept_sections(step: Step, widths: Widths) -> list[int] | None:
    """One or no position for each expert that was there; None where no experts are parted."""
    experts = step.solution.notes.get((step.op.index, "experts"))
    if experts is None or not widths.changes(experts):
        return None
    return [int(k in widths.positions(experts)) for k in range(find(experts).size)]


def _unbind_sections(step: Step, widths: Widths) -> dict[str, Any]:
    sections = _kept_sections(step, widths)
    if sections is None:
        return {}
    # Paddle's eager split does not count an axis from the end
    return {"op": "unbind_of_kept", "sections": sections, "axis": step.attribute("axis", 0) % len(step.dims())}


def _split_sections(step: Step, widths: Widths) -> dict[str, Any]:
    parts = step.given()
    if not parts or not isinstance(parts[0], list):
        return {}
    axis = axis_of(step, len(step.dims()))
    sizes = _kept_sections(step, widths) or [widths.size(part[axis]) for part in parts]
    if step.op.name == "split_with_num" and len(set(sizes)) == 1:
        return {}
    return {"op": "split", "sections": sizes}


_RESHAPE, _SAME = Rule(_reshape, _reshape_shape), Rule(_reshape)
_SPLIT = Rule(_split, _split_sections)
RULES = {
    **dict.fromkeys(("reshape", "reshape_"), _RESHAPE),
    **dict.fromkeys(("flatten", "flatten_", "squeeze", "squeeze_", "unsqueeze", "unsqueeze_"), _SAME),
    "transpose": Rule(_transpose),
    "expand": Rule(_expand, _expand_shape),
    "expand_as": Rule(_expand_as, rewrite=_expand_as_shape),
    "tile": Rule(_tile, _tile_repeats),
    "repeat_interleave": Rule(_repeat_interleave),
    "broadcast_tensors": Rule(_broadcast_all),
    "meshgrid": Rule(_meshgrid),
    "concat": Rule(_concat),
    "stack": Rule(_stack),
    **dict.fromkeys(("unstack", "unbind"), Rule(_unstack, _unbind_sections)),
    "split": _SPLIT,
    "split_with_num": _SPLIT,
}
