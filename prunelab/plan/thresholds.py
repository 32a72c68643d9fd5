"""The lowest k of many scores, without sorting them: for millions of single weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Below this a partition of all is as quick as narrowing first.
_MANY = 1_000_000
_SAMPLE = 200_000
# Standard deviations of a sample's rank that the band spans: the k-th score falls outside once in 10^9 draws, and then
# all of them are partitioned.
_SIGMAS = 6.0
# Scores that are looked at together: with what is made of them they stay in a core's second cache.
_BLOCK = 1 << 16


def lowest(scores: Sequence[Array], k: int) -> list[Array]:
    """For each array of scores, which of its entries are among the lowest ``k`` of all: bool, ties by place.

    A sample tells a narrow band that holds the k-th; what is below goes, and of what is in the band as many as are
    missing. One pass over the scores, instead of a sort of all (after Floyd and Rivest, Expected time bounds for
    selection, CACM 18, 1975).
    """
    if k <= 0:
        return [np.zeros(s.shape, bool) for s in scores]
    flat = [np.ravel(s) for s in scores]
    n = sum(s.size for s in flat)
    found = _within(flat, k, *_band(flat, k, n)) if n > _MANY else None
    chosen = _within(flat, k, -np.inf, np.inf) if found is None else found
    assert chosen is not None  # nothing lies outside of all numbers
    return [c.reshape(s.shape) for c, s in zip(chosen, scores, strict=True)]


def _band(scores: Sequence[Array], k: int, n: int) -> tuple[float, float]:
    """Two scores between which the k-th of ``n`` lies, as a sample has it."""
    rng = np.random.default_rng(0)
    sample = np.concatenate([s[rng.integers(0, s.size, max(1, _SAMPLE * s.size // n))] for s in scores if s.size])
    sample.sort()
    rank = k / n * sample.size
    spread = _SIGMAS * np.sqrt(max(rank * (1 - k / n), 1.0)) + 1
    first, last = int(rank - spread), int(np.ceil(rank + spread))
    return (sample[first] if first >= 0 else -np.inf), (sample[last] if last < sample.size else np.inf)


def _within(scores: Sequence[Array], k: int, low: float, high: float) -> list[Array] | None:
    """The lowest ``k``, where the k-th lies between ``low`` and ``high``; None where it does not."""
    chosen, places, values, missing = [np.empty(s.size, bool) for s in scores], [], [], k
    inside = np.empty(_BLOCK, bool)
    for s, out in zip(scores, chosen, strict=True):
        for start in range(0, s.size, _BLOCK):
            block, below = s[start:start + _BLOCK], out[start:start + _BLOCK]
            between = inside[:block.size]
            np.less(block, low, out=below)
            np.less_equal(block, high, out=between)
            np.not_equal(between, below, out=between)  # what is below is not above, either
            missing -= np.count_nonzero(below)
            found = np.flatnonzero(between)
            places.append(found + start)
            values.append(block[found])
    band = np.concatenate(values) if values else np.empty(0)
    if not 0 <= missing <= band.size:
        return None
    taken = _lowest_few(band, missing)
    each, at = iter(places), 0
    for s, out in zip(scores, chosen, strict=True):
        for _ in range(0, s.size, _BLOCK):
            found = next(each)
            out[found] = taken[at:at + found.size]
            at += found.size
    return chosen


def _lowest_few(values: Array, k: int) -> Array:
    """Which are among the lowest ``k``, ties by place."""
    if k == 0:
        return np.zeros(values.size, bool)
    limit = np.partition(values, k - 1)[k - 1]
    taken = values < limit
    taken[np.flatnonzero(values == limit)[:k - np.count_nonzero(taken)]] = True
    return taken


def lowest_of_each(scores: Array, keep: int) -> Array:
    """Which entries are not among the highest ``keep`` of their row: (rows, m) -> bool, ties by place."""
    order = np.argsort(-scores, axis=1, kind="stable")
    gone = np.ones(scores.shape, bool)
    np.put_along_axis(gone, order[:, :keep], False, axis=1)
    return gone
