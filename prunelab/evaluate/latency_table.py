"""`latency_table`: the latency under any plan in microseconds of looking up, for what moves while a person looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prunelab.errors import check_whole
from prunelab.evaluate.network_latency import LatencyError, NetworkLatency
from prunelab.evaluate.operator_times import OperatorTimes
from prunelab.graph import Graph
from prunelab.graph.removals import is_sparse
from prunelab.plan import Plan
from prunelab.plan.budget import Term
from prunelab.render.numbers import counted, milliseconds, percent

Array = np.ndarray[Any, Any]

# Numbers of removed units at which a group is measured; `NetworkLatency.terms` measures no more
_LEVELS = 5


@dataclass(frozen=True)
class LatencyTable:
    """What a network takes in ms at ``batch``, on this machine, when units go: sums of ``terms``, each over the numbers
    of units (``levels``, by group) that one or two groups lose, with straight lines in between.

    ``error`` says how far it is off, on a smaller model that nothing in the table was fitted to; None where nothing can
    be cut.
    """

    model: str
    batch: int
    levels: Mapping[str, Array]
    terms: Sequence[Term]
    fixed_ms: float
    n_measured: int
    error: LatencyError | None = None

    def ms(self, removed: Plan | Mapping[str, Sequence[int]] | None = None) -> float:
        """The latency when these units go, by group."""
        if isinstance(removed, Plan):
            removed = {g.name: g.removed for g in removed.groups if not is_sparse(g)}
        n_removed = {name: len(units) for name, units in (removed or {}).items()}
        return self.fixed_ms + sum(self._of(term, n_removed) for term in self.terms)

    def _of(self, term: Term, n_removed: Mapping[str, int]) -> float:
        cost = term.cost
        for name in term.groups:  # the first axis goes with each
            cost = _between(cost, self.levels[name], n_removed.get(name, 0))
        return float(cost)

    def __repr__(self) -> str:
        told = f"; {self.trust}" if self.trust else ""
        return (f"latency of {self.model} at batch {self.batch}: {milliseconds(self.ms())} dense; "
                f"{counted(self.n_measured, 'operator')} measured on this machine{told}")

    @property
    def trust(self) -> str:
        """How far it is off, in words; empty where that was not measured."""
        return "" if self.error is None else (f"{percent(abs(self.error.relative), 0)} off where it was compared with "
                                              "a smaller model")


def _between(cost: Array, levels: Array, n: int) -> Array:
    """The rows of ``cost`` stand for ``levels``: the row for ``n``, a mixture of two neighbours."""
    if len(levels) == 1:
        return cost[0]
    low = int(np.clip(np.searchsorted(levels, n, "right") - 1, 0, len(levels) - 2))
    part = (n - levels[low]) / (levels[low + 1] - levels[low])
    return (1 - part) * cost[low] + part * cost[low + 1]


def latency_table(graph: Graph, *, batch: int = 1, times: OperatorTimes | None = None) -> LatencyTable:
    """Measure operators at a few widths of each group and two whole models, make a table of it, and compare that with
    a third.

    Args:
        batch: samples in one forward.
        times: where operators' times are kept, as for `NetworkLatency`.
    """
    clock = NetworkLatency(graph, times, batch=check_whole(batch, "batch", 1)).calibrate()
    levels = {g.name: np.unique(np.linspace(0, g.units - g.least, _LEVELS).round().astype(int)) for g in graph.prunable}
    terms, fixed = clock.terms(levels)
    table = LatencyTable(type(graph.model).__name__, batch, levels, tuple(terms), fixed, len(clock.times))
    removed = {name: range(3 * int(most[-1]) // 4) for name, most in levels.items()}
    small = Plan.empty(graph).with_removed(graph, removed)
    return replace(table, error=LatencyError(table.ms(small), clock.measured(small))) if small else table
