"""When a trial has seen enough: another is surely better in everything, or a bound is surely missed. Plain data, so
that a worker elsewhere judges as one here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prunelab.evaluate.paired import difference
from prunelab.search.objectives import Objective
from prunelab.search.rehearsal import Measured, Rows

# 1.5 times the half of a 95 % interval: 99.7 %, since it is asked again and again
_SURE = 1.5


@dataclass(frozen=True)
class Rival:
    """A trial of the front: what it costs, and what each sample added to its metrics."""

    costs: Mapping[str, float]
    rows: Mapping[str, Sequence[Rows]]


@dataclass(frozen=True)
class Look:
    """Asked after each part of the samples whether to stop there.

    Attributes:
        costs: of the trial. ``rivals``: whole trials of the front. ``bounds``: by metric, the dense model's rows and
            how far below them (in the metric's bad direction) a trial may be.
        ask: Optuna's pruner, where there is one: given the first objective's value.
    """

    objectives: tuple[Objective, ...]
    costs: Mapping[str, float]
    rivals: tuple[Rival, ...] = ()
    bounds: tuple[tuple[Objective, Sequence[Rows], float], ...] = ()
    ask: Callable[[float], bool] | None = None

    def __call__(self, found: Measured) -> bool:
        if self.ask is not None and self.ask(found.values[self.objectives[0].name]):
            return True
        return any(self._surely_beaten(rival, found) for rival in self.rivals) or any(
            _surely_worse(dense, found, objective, by) for objective, dense, by in self.bounds)

    def _surely_beaten(self, rival: Rival, found: Measured) -> bool:
        """Whether a trial that was seen whole is better: in costs no worse, in metrics sample by sample, by more than
        chance."""
        if any(o.is_cost and rival.costs[o.name] > self.costs[o.name] for o in self.objectives):
            return False
        metrics = [o for o in self.objectives if not o.is_cost]
        return bool(metrics) and all(o.name in found.rows and _surely_worse(rival.rows[o.name], found, o)
                                     for o in metrics)


def _surely_worse(than: Sequence[Rows], found: Measured, objective: Objective, by: float = 0.0) -> bool:
    """Whether a metric is worse than another model's by more than ``by``, more than chance."""
    rows = found.rows.get(objective.name)
    if rows is None:
        return False
    gap = difference(list(rows), list(than[: len(rows)]), found.seen)
    worse = gap.value if objective.higher_is_better else -gap.value
    return worse - by > _SURE * gap.error
