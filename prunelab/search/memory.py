"""What networks computed before the first place in which they differ: computed once, and gone on from.

A trial that changes little (a neighbour of another one) has the same units in the layers before; what comes out of them
is the same, and is kept for the networks that ran last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.evaluate.prefix import crossing, first_touched
from prunelab.graph import Graph
from prunelab.plan import Plan

# Networks whose values are kept, and the bytes of all of them; a resnet18 on 32 x 32 images has some 0.15 MB a sample
_NETWORKS, _BYTES = 4, 2**30

Values = Mapping[int, Any]


@dataclass
class Trace:
    """One network that ran: its ``removed`` units by group, and by batch and place the values that cross over there."""

    removed: Mapping[str, tuple[int, ...]]
    quantization: str
    values: dict[int, dict[int, Values]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of all that is kept; a tensor that crosses several places counts once."""
        tensors = {id(t): t for places in self.values.values() for values in places.values() for t in values.values()}
        return sum(math.prod(t.shape) * int(t.element_size()) for t in tensors.values())


class Memory:
    """The values of the networks of one graph that ran last."""

    def __init__(self, graph: Graph, n_batches: int) -> None:
        self._graph, self._n_batches = graph, n_batches
        self._too_large = False
        self._places = {g.name: first_touched(graph, (m.parameter for m in g.members)) for g in graph.prunable}
        # after the first: what stands before it depends on no group
        self.places = sorted(set(self._places.values()))
        self._crossing: dict[int, tuple[int, ...]] = {}
        self._traces: list[Trace] = []

    def begin(self, plan: Plan, quantization: str) -> tuple[Trace, Trace | None, int]:
        """A trace for a network that is to run; the one that goes on alike the longest, and the place up to which."""
        new = Trace({g.name: tuple(g.removed) for g in plan.groups}, quantization)
        alike = [(self._until(new, old), k) for k, old in enumerate(self._traces) if old.quantization == quantization]
        place, k = max(alike, default=(0, -1))
        best = self._traces[k] if place > self.places[0] else None
        if best is not None:  # it is of use: it goes last
            self._traces.append(self._traces.pop(k))
        if not self._too_large:
            self._traces.append(new)
        return new, best, place

    def _until(self, new: Trace, old: Trace) -> int:
        """The place of the first operator at which two networks differ."""
        apart = [place for name, place in self._places.items()
                 if new.removed.get(name, ()) != old.removed.get(name, ())]
        return min(apart, default=self.places[-1])

    def wanted(self, place: int) -> tuple[int, ...]:
        """The values that cross over to a place."""
        if place not in self._crossing:
            self._crossing[place] = crossing(self._graph.program, place)
        return self._crossing[place]

    def known(self, best: Trace | None, batch: int, place: int) -> tuple[int, Values]:
        """The values that a network can go on from, and the place where they stand."""
        there = {} if best is None else best.values.get(batch, {})
        at = max((p for p in there if p <= place), default=0)
        return (at, there[at]) if at else (0, {})

    def keep(self, new: Trace, best: Trace | None, batch: int, start: int, found: Mapping[int, Any]) -> None:
        """Take what a network computed for a batch: ``found`` by value, from place ``start`` on."""
        if self._too_large:
            return
        before = {} if best is None else {p: v for p, v in best.values.get(batch, {}).items() if p <= start}
        after = {p: {v: found[v] for v in self.wanted(p)} for p in self.places if p > start}
        new.values[batch] = {**before, **after}
        # found with the first batch, before memory runs out
        if len(new.values) == 1 and new.size * self._n_batches > _BYTES / 2:
            self._too_large = True
            self._traces.clear()
            new.values.clear()

    def tidy(self) -> None:
        """Let go of what was of use longest ago."""
        while len(self._traces) > _NETWORKS or (self._traces and sum(t.size for t in self._traces) > _BYTES):
            self._traces.pop(0)

    def later(self, start: int) -> Sequence[int]:
        """The values that are asked for beside the outputs, to be kept."""
        places = () if self._too_large else [p for p in self.places if p > start]
        return list(dict.fromkeys(v for p in places for v in self.wanted(p)))
