"""Of several plans that the sampler asks for, the one that the surrogate expects most of is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prunelab.search.front import Array, front_of
from prunelab.search.objectives import Aims
from prunelab.search.planning import Candidate
from prunelab.search.study import Study
from prunelab.search.surrogate import Surrogate
from prunelab.search.trial import COMPLETE, CUT_SHORT

# Trials with values before the surrogate is asked: fewer do not say how groups add up
_FEW = 8


@dataclass(frozen=True)
class Screening:
    """Chooses one of ``n`` candidates."""

    surrogate: Surrogate
    n: int
    aims: Aims

    def is_ready(self, study: Study) -> bool:
        """Whether enough is known."""
        return sum(t.state in (COMPLETE, CUT_SHORT) for t in study) >= _FEW

    def best(self, study: Study, candidates: Sequence[Candidate]) -> int:
        """The candidate that is expected to go furthest beyond the front; of those outside the constraints, where all
        are, the nearest."""
        expected = self._expected(study, candidates)
        missed = np.array([sum(max(by, 0.0) for by in self.aims.missed(e, study.dense).values()) for e in expected])
        if missed.min() > 0:
            return int(np.argmin(missed))
        points = self._points(expected)
        seen = self._points([t.values for t in study if t.is_whole and t.is_inside])
        if not len(seen):
            return int(np.argmin(missed))
        gains = beyond(points, seen[front_of(seen)])
        return int(np.argmax(np.where(missed > 0, -np.inf, gains)))

    def _expected(self, study: Study, candidates: Sequence[Candidate]) -> list[dict[str, float]]:
        seen = [t for t in study if t.state in (COMPLETE, CUT_SHORT)]
        fits = {o.name: self.surrogate.fitted(o, study.dense[o.name], seen) for o in self.aims.measured.values()
                if not o.is_cost}
        losses = [self.surrogate.loss(c.plan) for c in candidates]
        return [{**{name: fit(loss) for name, fit in fits.items()}, **c.costs}
                for loss, c in zip(losses, candidates, strict=True)]

    def _points(self, values: Sequence[Mapping[str, float]]) -> Array:
        """(trials, objectives): lower is better."""
        objectives = self.aims.objectives
        signs = np.array([-1.0 if o.higher_is_better else 1.0 for o in objectives])
        return signs * np.array([[v[o.name] for o in objectives] for v in values], float).reshape(-1, len(objectives))


def beyond(points: Array, front: Array) -> Array:
    """(points,): how far each is beyond a front, in what the front spans: by how much it is better than the nearest
    point of the front in the objective where it is best beside it; below 0 where one is better in all.

    The additive epsilon of Zitzler and others, 2003 (doi:10.1109/TEVC.2003.810758).
    """
    low, high = front.min(axis=0), front.max(axis=0)
    # a front of one point spans nothing: then what the points span
    spans = np.where(high > low, high - low, np.maximum(np.ptp(points, axis=0), 1e-12))
    better = (front[None] - points[:, None]) / spans
    return np.asarray(better.max(axis=2).min(axis=1))
