"""The lowest k of many scores, without sorting them: for millions of single weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Below this a partition of all is as quick as narrowing first.
_MANY = 200_000
_SAMPLE = 50_000
# Standard deviations of a sample's rank that the band spans: the k-th score falls outside once in 10^9 draws, and then
# all of them are partitioned.
_SIGMAS = 6.0


def kth_smallest(scores: Sequence[Array], k: int) -> float:
    """The k-th smallest (from 1) of all scores together.

    A sample tells a narrow band that holds it; what is in the band is partitioned. Two passes over the scores and a
    few thousandths of them copied, instead of a sort of all (after Floyd and Rivest, Expected time bounds for
    selection, CACM 18, 1975).
    """
    n = sum(s.size for s in scores)
    if n > _MANY:
        found = _narrowed(scores, k, n)
        if found is not None:
            return found
    return float(np.partition(np.concatenate([s.ravel() for s in scores]), k - 1)[k - 1])


def _narrowed(scores: Sequence[Array], k: int, n: int) -> float | None:
    rng = np.random.default_rng(0)
    sample = np.concatenate([
        s.ravel()[rng.integers(0, s.size, max(1, _SAMPLE * s.size // n))] for s in scores if s.size])
    sample.sort()
    rank = k / n * sample.size
    spread = _SIGMAS * np.sqrt(max(rank * (1 - k / n), 1.0)) + 1
    first, last = int(rank - spread), int(np.ceil(rank + spread))
    low = sample[first] if first >= 0 else -np.inf
    high = sample[last] if last < sample.size else np.inf
    n_below, band = 0, []
    for s in scores:
        flat = s.ravel()
        above = flat >= low
        n_below += flat.size - int(np.count_nonzero(above))
        band.append(flat[above & (flat <= high)])
    inside = np.concatenate(band)
    at = k - 1 - n_below
    return float(np.partition(inside, at)[at]) if 0 <= at < inside.size else None


def lowest(scores: Sequence[Array], k: int) -> list[Array]:
    """For each array of scores, which of its entries are among the lowest ``k`` of all: bool, ties by place."""
    if k <= 0:
        return [np.zeros(s.shape, bool) for s in scores]
    limit = kth_smallest(scores, k)
    chosen = [s < limit for s in scores]
    missing = k - sum(int(np.count_nonzero(c)) for c in chosen)
    for s, c in zip(scores, chosen, strict=True):
        if missing > 0:
            ties = np.flatnonzero(s == limit)[:missing]
            c.ravel()[ties] = True
            missing -= ties.size
    return chosen


def lowest_of_each(scores: Array, keep: int) -> Array:
    """Which entries are not among the highest ``keep`` of their row: (rows, m) -> bool, ties by place."""
    order = np.argsort(-scores, axis=1, kind="stable")
    gone = np.ones(scores.shape, bool)
    np.put_along_axis(gone, order[:, :keep], False, axis=1)
    return gone
