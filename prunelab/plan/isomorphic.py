"""One ranking for each kind of sub-structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunelab.plan.allocation import Array, Field, Global

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group


@dataclass(frozen=True)
class Isomorphic:
    """Groups of one kind (the same topology of the same operators) share a ranking, and each kind loses the amount.

    What is alike in form is alike in the distribution of its scores, so these compare as they are; heads are never
    ranked against channels. Fang, Ma, Mi, Wang: Isomorphic Pruning for Vision Models, 2024 (arXiv:2407.04616).
    """

    rankings: tuple[Global, ...]

    @classmethod
    def over(cls, field: Field) -> Isomorphic:
        """The allocation of a field."""
        assert field.graph is not None
        kinds: dict[object, dict[str, Array]] = {}
        for name, scores in field.scores.items():
            kinds.setdefault(kind_of(field.graph, field.graph.group(name)), {})[name] = scores
        return cls(tuple(Global(scores, field.limits, comparable=True) for scores in kinds.values()))

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        return {name: units for ranking in self.rankings for name, units in ranking.removed(amount).items()}


def kind_of(graph: Graph, group: Group) -> tuple[object, ...]:
    """What groups of one kind have in common: the unit, and for each member its role, its axis, whether a unit has more
    than one position there (as attention's widths have one in each head), and the operators that read it. Sizes do not
    count."""
    program, parameters = graph.program, graph.structure.parameters

    def said(parameter: str, axis: int, role: str) -> tuple[object, ...]:
        p = parameters[parameter]
        readers = tuple(sorted(op.name for op in program.consumers.get(p.value, ())))
        return role, axis, len(p.shape), p.shape[axis] > group.units, readers

    return group.granularity, tuple(sorted(said(m.parameter, m.axis, m.role) for m in group.members))


