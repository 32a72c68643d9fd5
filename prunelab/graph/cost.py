"""What a network costs, for any plan, without surgery: sums of products of widths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.graph.blocks import alive
from prunelab.graph.dims import Dim, find, leaves
from prunelab.graph.program import Program
from prunelab.graph.solver import Rule, Solution, Step
from prunelab.graph.widths import Kept

_ITEM_SIZE = {
    "float64": 8, "int64": 8, "complex64": 8, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2, "int16": 2,
}


@dataclass(frozen=True)
class Cost:
    """What a network costs, in a few numbers.

    ``params``: trainable parameters; ``macs``: multiply-accumulates of one sample in convolutions and matrix products
    (FLOPs are twice as many); ``bytes``: the size of all parameters and buffers; ``nonzero``: the parameters that a
    plan does not mask in their place (all of them, where it only cuts units out).
    """

    params: int
    macs: int
    bytes: int
    nonzero: int = -1

    def __post_init__(self) -> None:
        if self.nonzero < 0:
            object.__setattr__(self, "nonzero", self.params)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.params - other.params, self.macs - other.macs, self.bytes - other.bytes,
                    self.nonzero - other.nonzero)

    def to_json(self) -> dict[str, int]:
        """The numbers by name."""
        return {"params": self.params, "macs": self.macs, "bytes": self.bytes, "nonzero": self.nonzero}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cost:
        """The cost that ``to_json`` gave."""
        return cls(int(data["params"]), int(data["macs"]), int(data["bytes"]),
                   int(data.get("nonzero", -1)))


@dataclass(frozen=True)
class Term:
    """A product of widths. Dims that no plan changes are folded into ``factor``.

    ``owners`` are the operators it stands or falls with (none: it stays whatever is dropped).
    """

    factor: int
    dims: tuple[Dim, ...]
    owners: frozenset[int] = frozenset()


@dataclass(frozen=True)
class CostModel:
    """The products whose sums are the costs."""

    program: Program
    params: tuple[Term, ...]
    macs: tuple[Term, ...]
    bytes: tuple[Term, ...]

    def cost(self, kept: Kept) -> Cost:
        """The cost when only the kept positions stay."""
        number = kept.number
        living = alive(self.program, kept.dropped, kept.missing) if kept.drops_operators else None

        def total(terms: tuple[Term, ...]) -> int:
            return sum(t.factor * math.prod([number(d) for d in t.dims]) for t in terms
                       if living is None or not t.owners or not t.owners.isdisjoint(living))

        return Cost(total(self.params), total(self.macs), total(self.bytes))


class Tally:
    """A cost model that remembers its last answer, so that a plan which differs in one group costs no more than the
    products which contain that group."""

    def __init__(self, costs: CostModel) -> None:
        self._costs = costs
        self._terms = [(kind, t) for kind, terms in enumerate((costs.params, costs.macs, costs.bytes)) for t in terms]
        self._with: dict[Dim, list[int]] = {}
        for k, (_, term) in enumerate(self._terms):
            for leaf in {leaf for d in term.dims for leaf in leaves(d)}:
                self._with.setdefault(leaf, []).append(k)
        self._last: _Answer | None = None

    def cost(self, kept: Kept) -> Cost:
        """As `CostModel.cost`."""
        if kept.drops_operators:
            return self._costs.cost(kept)
        sizes = {atom: len(stays) for atom, stays in kept.keep.items()}
        last = self._last
        if last is None:
            last = _Answer({}, [0] * len(self._terms), (0, 0, 0))
            changed: Iterable[int] = range(len(self._terms))
        else:
            before = last.sizes
            atoms = [a for a in {**before, **sizes} if before.get(a) != sizes.get(a)]
            changed = {k for a in atoms for k in self._with.get(a, ())}
        products, totals = [*last.products], [*last.totals]
        for k in changed:
            kind, term = self._terms[k]
            product = term.factor * math.prod([kept.number(d) for d in term.dims])
            totals[kind] += product - products[k]
            products[k] = product
        self._last = _Answer(sizes, products, (totals[0], totals[1], totals[2]))  # whole, so that threads may meet here
        return Cost(*totals)


@dataclass(frozen=True)
class _Answer:
    sizes: Mapping[Dim, int]
    products: list[int]
    totals: tuple[int, int, int]


def read_costs(program: Program, solution: Solution, rules: Mapping[str, Rule], free: frozenset[Dim]) -> CostModel:
    """The cost model of a solved program; ``free`` are the atoms of the prunable groups."""
    params, sizes, macs = [], [], []
    for p in program.parameters:
        dims = solution.dims[p.value]
        readers = frozenset(op.index for op in program.consumers.get(p.value, ()))
        if p.trainable:
            params.append(_folded(1, dims, free, readers))
        if p.kind in ("parameter", "buffer"):
            sizes.append(_folded(_ITEM_SIZE.get(p.dtype, 1), dims, free, readers))
    needed = alive(program, {})  # a head that the forward computes and does not give costs no run of the graph
    for op in program.ops:
        rule = rules.get(op.name)
        if rule is not None and rule.macs is not None and op.index in needed:
            own = frozenset([op.index])
            macs += [_folded(1, list(term), free, own) for term in rule.macs(Step(solution, op))]
    return CostModel(program, tuple(params), tuple(macs), tuple(sizes))


def _folded(factor: int, dims: list[Dim], free: frozenset[Dim], owners: frozenset[int]) -> Term:
    moving = []
    fixed = Kept({})
    for d in map(find, dims):
        if any(leaf in free for leaf in leaves(d)):
            moving.append(d)
        else:
            factor *= fixed.number(d)
    return Term(factor, tuple(moving), owners)
