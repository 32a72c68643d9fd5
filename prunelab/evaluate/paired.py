"""How much two models differ in a metric, from some of the samples, and how sure that is. Pure NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# The normal distribution's 97.5th percentile: an interval of 95 %
_Z = 1.96


@dataclass(frozen=True)
class Confidence:
    """How well a difference is to be known: ``within`` so much, or within the part ``relative`` of itself (whether a
    layer costs 40 points or 45 changes no decision)."""

    within: float
    relative: float


@dataclass(frozen=True)
class Difference:
    """A metric's difference over all samples, estimated from the ``seen`` fraction of them: ``error`` is half of its
    95 % interval. Where it is looked at again and again, until the interval is small, some 93 of 100 such intervals
    hold the difference."""

    value: float
    error: float
    seen: float

    def is_sure(self, asked: Confidence) -> bool:
        """Whether it is known as well as was asked."""
        return self.error <= max(asked.within, asked.relative * abs(self.value))


def difference(before: Sequence[tuple[Array, Array]], after: Sequence[tuple[Array, Array]],
               seen: float) -> Difference:
    """The difference of a weighted mean, ``after - before``, from batches of the ``seen`` fraction of the samples.

    The rows (totals and weights) are of the same samples in both, so what they share cancels: the spread is that of the
    differences. It is a sample without replacement: what is seen already has no spread, which the factor
    ``1 - seen`` says (Cochran: Sampling Techniques, 1977, section 2.6). To the rows are added one that rises and one
    that falls by their largest step, for rows that all agree so far have a spread too (after Agresti and Min, 2005).
    """
    changes = np.concatenate([t - s for (s, _), (t, _) in zip(before, after, strict=True)])
    weights = np.concatenate([w for _, w in before])
    n, mean_weight = len(changes), float(weights.mean())
    value = float(changes.sum() / weights.sum())
    if seen >= 1.0:
        return Difference(value, 0.0, 1.0)
    if n < 2:
        return Difference(value, math.inf, seen)
    rest = changes - value * weights
    step = max(float(np.abs(changes).max()), _least_step(before))
    variance = (float(np.square(rest).sum()) + 2 * step * step) / n
    return Difference(value, _Z * math.sqrt(variance / n * (1 - seen)) / mean_weight, seen)


def _least_step(before: Sequence[tuple[Array, Array]]) -> float:
    """What a row changes by where it does, when none did yet: as large as the rows are."""
    return float(np.mean([np.abs(t).max() for t, _ in before]))
