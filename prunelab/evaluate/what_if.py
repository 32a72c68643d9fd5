"""What a metric would be if a group were cut: the cut network goes on from what stands before the cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.evaluate.cuts import CutNetwork, Cuts, Units
from prunelab.evaluate.judge import Judge, Rows
from prunelab.evaluate.measured import Point
from prunelab.evaluate.paired import difference
from prunelab.evaluate.prefix import Prefixes
from prunelab.evaluate.samples import Sample
from prunelab.graph import Graph, Group

# The values before a cut that are kept at once, over all batches; a resnet18 on 32 x 32 images has up to 0.26 MB a
# sample, so some 4,000 samples of it
KEPT_BYTES = 2**30
# With `confidence`: the samples of the first look; each further look has seen a quarter more
_FIRST_LOOK, _GROWTH = 128, 1.25


@dataclass
class Field:
    """The batches, what stands before the cuts, and what the base plan's model says of each batch."""

    graph: Graph
    cuts: Cuts
    batches: list[Sample]
    judge: Judge
    _dense_rows: dict[int, Rows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.n_samples = sum(b.n_samples for b in self.batches)
        self._base = self.cuts.tensors()
        self.held = {p.value: self.graph.tensor(p.name) for p in self.graph.program.parameters} | self._base
        self.prefixes = Prefixes(self.graph, [b.inputs for b in self.batches], self._base, KEPT_BYTES)

    def dense(self) -> float:
        """The metric of the base plan over all batches."""
        running = self.judge.fresh()
        for number, batch in enumerate(self.batches):
            outputs = self.graph.run(*batch.inputs, given=self._base)
            running.update(outputs, batch.labels, batch.n_samples)
            if self.judge.confidence is not None:
                self._dense_rows[number] = self.judge.rows(outputs, batch)
        return float(running.result())

    def dense_rows(self, number: int) -> Rows:
        """What each sample of a batch adds to the metric of the base plan."""
        if number not in self._dense_rows:
            batch = self.batches[number]
            self._dense_rows[number] = self.judge.rows(self.graph.run(*batch.inputs, given=self._base), batch)
        return self._dense_rows[number]

    def looks(self) -> Iterator[range]:
        """The batches of each look: all at once, or growing subsets of them."""
        if self.judge.confidence is None:
            yield range(len(self.batches))
            return
        first, seen, until = 0, 0, float(_FIRST_LOOK)
        for number, batch in enumerate(self.batches):
            seen += batch.n_samples
            if seen >= until or number == len(self.batches) - 1:
                yield range(first, number + 1)
                first, until = number + 1, seen * _GROWTH


@dataclass(frozen=True)
class Row:
    """One group: its cuts, measured on the same batches. ``place`` is where its first operator stands; ``ran`` is told
    the fraction of all samples that each run took, ``spared`` those that it will not need."""

    field: Field
    group: Group
    place: int
    dense: float
    ran: Callable[[float], None]
    spared: Callable[[float], None]

    def points(self, cuts: Sequence[Units]) -> Iterator[tuple[Units, Point]]:
        """Each set of removed units and its point, as soon as it is known."""
        gone = tuple(self.field.cuts.base.removed(self.group.name))
        left = {units: _Cut(self.field, self.field.cuts.network(self.group, units, self.field.held))
                for units in cuts if units != gone}
        for units in set(cuts) - set(left):
            self.spared(1.0)
            yield units, Point(self.dense)
        for look in self.field.looks() if left else ():
            for number in look:
                prefix = self.field.prefixes.at(number, self.place)
                for cut in left.values():
                    cut.run(number, prefix)
                    self.ran(self.field.batches[number].n_samples / self.field.n_samples)
            last = look.stop == len(self.field.batches)
            for units in list(left):
                point = left[units].point(self.dense, last)
                if point is not None:
                    self.spared(1 - point.seen)
                    del left[units]
                    yield units, point
            if not left:
                return


class _Cut:
    """One cut of one group: its network, and its metric so far."""

    def __init__(self, field: Field, network: CutNetwork) -> None:
        self.field, self.network = field, network
        self.running = field.judge.fresh()
        self.rows: list[Rows] = []

    def run(self, number: int, prefix: Mapping[int, Any]) -> None:
        """Go on from what stands before the cut, for one batch."""
        batch = self.field.batches[number]
        outputs = self.network.run(batch.inputs, prefix)
        if self.field.judge.confidence is None:
            self.running.update(outputs, batch.labels, batch.n_samples)
        else:
            self.rows.append(self.field.judge.rows(outputs, batch))

    def point(self, dense: float, last: bool) -> Point | None:
        """The point, where it is known or there is no more to see."""
        asked = self.field.judge.confidence
        if asked is None:
            return Point(float(self.running.result()))
        before = [self.field.dense_rows(k) for k in range(len(self.rows))]
        seen = sum(self.field.batches[k].n_samples for k in range(len(self.rows))) / self.field.n_samples
        found = difference(before, self.rows, seen)
        return Point(dense + found.value, found.error, found.seen) if last or found.is_sure(asked) else None
