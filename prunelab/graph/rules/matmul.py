"""Matrix products: linear layers, attention, einsum.

A product contracts one axis of each operand and ties it. With a weight the cut is always exact, since the mask zeroes
its rows; between two computed values (attention's scores) one of them has to be zero where cut.
"""

from __future__ import annotations

from collections.abc import Iterable

from prunelab.graph.dims import Dim, atom, find
from prunelab.graph.solver import Dirty, Rule, Step, free

CONTRACTION = "a contraction of two values that are not zero where cut"


def _axes(step: Step) -> tuple[list[Dim], list[Dim]]:
    """The operands' dims as (..., m, k) and (..., k, n)."""
    a, b = list(step.dims(0)), list(step.dims(1))
    if len(a) == 1:
        a = [atom(1, "a single position"), *a]
    elif step.attribute("transpose_x", step.attribute("trans_x", False)):
        a[-2:] = [a[-1], a[-2]]
    if len(b) == 1:
        b = [*b, atom(1, "a single position")]
    elif step.attribute("transpose_y", step.attribute("trans_y", False)):
        b[-2:] = [b[-1], b[-2]]
    return a, b


def _batch(step: Step, a: list[Dim], b: list[Dim]) -> list[tuple[Dim, bool, bool]]:
    """The leading axes under broadcasting: the dim, and whether each operand has it."""
    left, right = a[:-2], b[:-2]
    rank = max(len(left), len(right))
    out = []
    for axis in range(rank):
        p = find(left[len(left) - rank + axis]) if len(left) - rank + axis >= 0 else None
        q = find(right[len(right) - rank + axis]) if len(right) - rank + axis >= 0 else None
        in_a, in_b = p is not None and p.size != 1, q is not None and q.size != 1
        if p is not None and q is not None and in_a and in_b:
            step.tie(p, q)
        out.append(((p if in_a or q is None else q), in_a, in_b))
    return out  # type: ignore[return-value]


def _roles(step: Step) -> None:
    for which, flipped, made in ((0, "transpose_x", -2), (1, "transpose_y", -1)):
        if len(step.dims(which)) == 1:
            step.role(which, 0, "in")
            continue
        read = -1 if made == -2 else -2
        if step.attribute(flipped, False):
            made, read = read, made
        step.role(which, made, "out")
        step.role(which, read, "in")


def _matmul(step: Step) -> None:
    a, b = _axes(step)
    x_dirty, y_dirty = step.dirty(0), step.dirty(1)
    _roles(step)
    step.tie(a[-1], b[-2])
    step.need_zero(a[-1], x_dirty, y_dirty, reason=CONTRACTION)
    batch = _batch(step, a, b)
    if not step.is_held(0) and not step.is_held(1):
        for d, _, _ in batch[1:]:
            step.tag(d, "head")
    out = [*(d for d, _, _ in batch), a[-2], b[-1]]
    if len(step.dims(0)) == 1:
        out.pop(-2)
    if len(step.dims(1)) == 1:
        out.pop(-1)
    x_leaves, y_leaves = _leaves(x_dirty), _leaves(y_dirty)
    dirty = (free([a[-2]]) & x_leaves) | (free([b[-1]]) & y_leaves)
    for d, in_a, in_b in batch:
        clean = (free([d]) - x_leaves if in_a else frozenset()) | (free([d]) - y_leaves if in_b else frozenset())
        dirty |= free([d]) - clean
    step.give(out, dirty)


def _leaves(dirty: Dirty) -> Dirty:
    return free(dirty)


def _matmul_macs(step: Step) -> Iterable[list[Dim]]:
    a, b = _axes(step)
    left, right = a[:-2], b[:-2]
    rank = max(len(left), len(right))
    batch = []
    for axis in range(rank):
        both = [side[len(side) - rank + axis] for side in (left, right) if len(side) - rank + axis >= 0]
        batch.append(max(both, key=lambda d: find(d).size))
    yield [*batch, a[-2], a[-1], b[-1]]


def _terms(step: Step) -> tuple[list[str], str]:
    equation = str(step.attribute("equation")).replace(" ", "")
    left, _, right = equation.partition("->")
    terms = left.split(",")
    if "->" not in equation:
        letters = "".join(terms)
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return terms, right


def _einsum(step: Step) -> None:
    terms, right = _terms(step)
    operands, dirties = step.dims(), step.dirty()
    if "." in "".join(terms) or any(len(set(t)) != len(t) for t in terms):
        step.freeze("an einsum with a diagonal or an ellipsis")
        return
    known: dict[str, Dim] = {}
    for term, dims in zip(terms, operands, strict=True):
        for letter, d in zip(term, dims, strict=True):
            if letter in known:
                step.tie(known[letter], d)
            else:
                known[letter] = d
    dirty: Dirty = frozenset()
    for letter, d in known.items():
        having = [own for term, own in zip(terms, dirties, strict=True) if letter in term]
        if letter not in right:
            step.need_zero(d, *having, reason=CONTRACTION)
        else:
            leaves = free([d])
            dirty |= leaves.intersection(*map(_leaves, having))
    step.give([known[c] for c in right], dirty)
    step.give_rest()


def _einsum_macs(step: Step) -> Iterable[list[Dim]]:
    terms, _ = _terms(step)
    known: dict[str, Dim] = {}
    for term, dims in zip(terms, step.dims(), strict=True):
        known.update(zip(term, dims, strict=True))
    if len(terms) > 1 and "." not in "".join(terms):
        yield list(known.values())


def _bmm_like_dot(step: Step) -> None:
    """The dot product over the last axis of two tensors of one shape."""
    x, y = step.dims(0), step.dims(1)
    for a, b in zip(x, y, strict=True):
        step.tie(a, b)
    step.need_zero(x[-1], step.dirty(0), step.dirty(1), reason=CONTRACTION)
    step.give(list(x[:-1]), step.dirty(0) & step.dirty(1))


_MATMUL = Rule(_matmul, macs=_matmul_macs)
RULES = {
    "matmul": _MATMUL,
    "bmm": _MATMUL,
    "mv": _MATMUL,
    "einsum": Rule(_einsum, macs=_einsum_macs),
    "dot": Rule(_bmm_like_dot),
}
