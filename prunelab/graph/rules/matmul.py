"""Matrix products: linear layers, attention, einsum.

A product contracts one axis of each operand and ties it. With a weight the cut is always exact, since the mask zeroes
its rows; between two computed values (attention's scores) one of them has to be zero where cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from prunelab.graph.dims import Dim, atom, find, product
from prunelab.graph.solver import Dirty, Rule, Step, free

CONTRACTION = "a contraction of two values that are not zero where cut"


def _operands(step: Step) -> tuple[int, int]:
    """Which operands are multiplied: ``addmm`` adds its first one."""
    return (1, 2) if step.op.name in ("addmm", "baddbmm") else (0, 1)


def _axes(step: Step) -> tuple[list[Dim], list[Dim]]:
    """The operands' dims as (..., m, k) and (..., k, n)."""
    a, b = (list(step.dims(k)) for k in _operands(step))
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
    x, y = _operands(step)
    for which, flipped, made in ((x, "transpose_x", -2), (y, "transpose_y", -1)):
        if len(step.dims(which)) == 1:
            step.roles(which, {0: "in"})
            continue
        read = -1 if made == -2 else -2
        if step.attribute(flipped, False):
            made, read = read, made
        step.roles(which, {made: "out", read: "in"})


def _matmul(step: Step) -> None:
    a, b = _axes(step)
    x, y = _operands(step)
    x_dirty, y_dirty = step.dirty(x), step.dirty(y)
    _roles(step)
    step.tie(a[-1], b[-2])
    step.need_zero(a[-1], x_dirty, y_dirty, reason=CONTRACTION)
    batch = _batch(step, a, b)
    if not step.is_held(x) and not step.is_held(y):
        for d, _, _ in batch[1:]:
            step.tag(d, "head")
    out = [*(d for d, _, _ in batch), a[-2], b[-1]]
    if len(step.dims(x)) == 1:
        out.pop(-2)
    if len(step.dims(y)) == 1:
        out.pop(-1)
    x_leaves, y_leaves = _leaves(x_dirty), _leaves(y_dirty)
    dirty = (free([a[-2]]) & x_leaves) | (free([b[-1]]) & y_leaves)
    for d, in_a, in_b in batch:
        clean = (free([d]) - x_leaves if in_a else frozenset()) | (free([d]) - y_leaves if in_b else frozenset())
        dirty |= free([d]) - clean
    step.give(out, dirty)


def _add_matmul(step: Step) -> None:
    """``beta * input + alpha * x @ y``: zero where all are."""
    _matmul(step)
    out, added = step.given(), step.dims(0)
    dirty: Dirty = step.dirty(0) | step.solution.dirty[step.op.outputs[0]]
    for k, d in enumerate(out):
        at = k - len(out) + len(added)
        if at >= 0 and find(added[at]).size != 1:
            step.tie(d, added[at])
        else:
            dirty |= free([d])
    step.give(out, dirty)


def _bilinear(step: Step) -> None:
    """``x^T W y`` for each of W's matrices."""
    x, y, w = step.dims("x"), step.dims("y"), step.dims("weight")
    for operand, read in (("x", w[1]), ("y", w[2])):
        step.tie(step.dims(operand)[1], read)
        step.need_zero(read, step.dirty(operand), step.dirty("weight"), reason=CONTRACTION)
    step.tie(x[0], y[0])
    step.roles("weight", {0: "out", 1: "in", 2: "in"})
    if step.has("bias"):
        step.tie(step.dims("bias")[-1], w[0])
    step.give([x[0], w[0]], step.dirty("weight") | free(x[:1]))


def _bilinear_macs(step: Step) -> Iterable[list[Dim]]:
    yield [step.dims("x")[0], *step.dims("weight")]


def _kron(step: Step) -> None:
    """Every axis is the first one's positions, each with all of the second's."""
    a, b = step.dims(0), step.dims(1)
    rank = max(len(a), len(b))
    one = [atom(1, "a single position")]
    pairs = zip([*one * (rank - len(a)), *a], [*one * (rank - len(b)), *b], strict=True)
    step.give([product(pair) for pair in pairs], step.dirty(0) | step.dirty(1))


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


def _chain(step: Step) -> None:
    """Matrices multiplied in the order that their sizes make cheapest; the first and the last may be vectors."""
    matrices, dirties = [list(d) for d in step.dims()], step.dirty()
    combine = step.solution.program.producers[step.value(0)]  # type: ignore[index]
    for place, value in enumerate(combine.inputs):
        if value in step.solution.held and len(matrices[place]) == 2:
            step.solution.roles.setdefault((value, 0), "in" if place else "out")
            step.solution.roles.setdefault((value, 1), "out" if place else "in")
    for k, (left, right) in enumerate(itertools.pairwise(matrices)):
        step.tie(left[-1], right[0])
        step.need_zero(left[-1], dirties[k], dirties[k + 1], reason=CONTRACTION)
    out = [*matrices[0][:-1], *matrices[-1][1:]]
    step.give(out, (free(matrices[0][:-1]) & _leaves(dirties[0])) | (free(matrices[-1][1:]) & _leaves(dirties[-1])))


def _chain_macs(step: Step) -> Iterable[list[Dim]]:
    """Of the products from the left: which order Paddle takes depends on the sizes."""
    matrices = [list(d) for d in step.dims()]
    for left, right in itertools.pairwise(matrices):
        yield [*matrices[0][:-1], left[-1], *right[1:]]


def _bmm_like_dot(step: Step) -> None:
    """The dot product over the last axis of two tensors of one shape."""
    x, y = step.dims(0), step.dims(1)
    for a, b in zip(x, y, strict=True):
        step.tie(a, b)
    step.need_zero(x[-1], step.dirty(0), step.dirty(1), reason=CONTRACTION)
    step.give(list(x[:-1]), _leaves(step.dirty(0)) & _leaves(step.dirty(1)))


_MATMUL = Rule(_matmul, macs=_matmul_macs)
RULES = {
    "matmul": _MATMUL,
    "bmm": _MATMUL,
    "mv": _MATMUL,
    **dict.fromkeys(("addmm", "baddbmm"), Rule(_add_matmul, macs=_matmul_macs)),
    "bilinear": Rule(_bilinear, macs=_bilinear_macs),
    "kron": Rule(_kron),
    "einsum": Rule(_einsum, macs=_einsum_macs),
    "dot": Rule(_bmm_like_dot),
    "multi_dot": Rule(_chain, macs=_chain_macs),
}
