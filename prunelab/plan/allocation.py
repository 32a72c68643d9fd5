"""How a budget is spread over groups: from scores and one number to the units that go.

An allocation is made once from the scores; `removed(amount)` then gives, for any amount in [0, 1], the units of each
group that go. It only grows with the amount, so that a target is found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from prunelab.criteria import Calibration
    from prunelab.graph import Graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Limits:
    """What every allocation keeps to.

    Kept units come in multiples of ``round_to``, ``gone`` units stay gone, and of each group at least one unit stays,
    or the fraction ``floor`` of its units. Units that are ``needed`` stay whatever their score, and ``at_least`` so
    many do.
    """

    round_to: int = 1
    gone: Mapping[str, frozenset[int]] | None = None
    floor: float = 0.0
    needed: Mapping[str, frozenset[int]] | None = None
    at_least: Mapping[str, int] | None = None

    def least(self, units: int) -> int:
        """How many of a group's units stay whatever is asked."""
        return max(1, math.ceil(self.floor * units - 1e-9))

    def n_kept(self, name: str, units: int, n_removed: int) -> int:
        """How many of a group's units stay when ``n_removed`` are to go."""
        n_gone = len((self.gone or {}).get(name, ()))
        keep = units - max(n_removed, n_gone)
        least = max(self.least(units), len((self.needed or {}).get(name, ())), (self.at_least or {}).get(name, 1))
        return min(units - n_gone, max(1, -(-max(keep, least) // self.round_to) * self.round_to))

    def choose(self, name: str, scores: Array, n_removed: int) -> tuple[int, ...]:
        """``n_removed`` units of the lowest scores (ties by place), within the limits."""
        units = len(scores)
        # what is gone first, what is needed last, then by score; stable, so ties by place
        rank = np.ones(units, int)
        for of, place in ((self.gone, 0), (self.needed, 2)):
            rank[list((of or {}).get(name, ()))] = place
        ranked = np.lexsort((scores, rank))
        return tuple(np.sort(ranked[: units - self.n_kept(name, units, n_removed)]).tolist())


class Allocation(Protocol):
    """Units to remove for an amount in [0, 1]."""

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]: ...


class Clock(Protocol):
    """What the allocation asks of `prunelab.evaluate.NetworkLatency`."""

    def ms(self, removed: Mapping[str, Sequence[int]]) -> float:
        """The latency when these units go."""

    def terms(self, levels: Mapping[str, Array]) -> tuple[Sequence[Any], float]:
        """The latency as terms of groups' levels, and what no group changes."""


@dataclass(frozen=True)
class Field:
    """What an allocation may look at.

    ``scores``: (units,) by group, and whether they are ``comparable`` between groups as they are. ``graph``: the
    network; ``calibration``: what data said of it, where a scope needs that (`SCOPE_NEEDS`); ``losses``: by group,
    from ratio to the measured loss, or a `prunelab.Sensitivity`; ``target``: what is asked for, such as ("macs", 0.5);
    ``clock``: what a latency target is measured by.
    """

    scores: Mapping[str, Array]
    limits: Limits
    graph: Graph | None = None
    comparable: bool = False
    calibration: Calibration | None = None
    losses: Any = None
    target: tuple[str, float] = ("", 0.0)
    seed: int = 0
    clock: Clock | None = None


@dataclass(frozen=True)
class Local:
    """Each group alike: the amount is the ratio of every group."""

    scores: Mapping[str, Array]
    limits: Limits

    @classmethod
    def over(cls, field: Field) -> Local:
        """The allocation of a field."""
        return cls(field.scores, field.limits)

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        return {name: self.limits.choose(name, s, n_removed(amount, len(s))) for name, s in self.scores.items()}


@dataclass(frozen=True)
class Global:
    """One ranking over all groups; the amount is the fraction of all units that goes.

    Scores are divided by their group's mean, so that a layer of small weights is not emptied first; those that compare
    as they are (``comparable``) are not.
    """

    scores: Mapping[str, Array]
    limits: Limits
    comparable: bool = False

    @classmethod
    def over(cls, field: Field) -> Global:
        """The allocation of a field."""
        return cls(field.scores, field.limits, field.comparable)

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        names = list(self.scores)
        relative = [self.scores[n] if self.comparable else _relative(self.scores[n]) for n in names]
        sizes = [len(s) for s in relative]
        # the best units of each group are its floor, and never stand in the ranking
        owner = np.repeat(np.arange(len(names)), sizes)
        flat = np.concatenate(relative) if relative else np.zeros(0)
        starts = np.cumsum([0, *sizes])[:-1]
        best = np.concatenate([np.zeros(0, int), *(start + np.argsort(-s, kind="stable")[: self.limits.least(len(s))]
                                                   for start, s in zip(starts, relative, strict=True))])
        rankable = np.setdiff1d(np.arange(len(flat)), best)
        order = rankable[np.argsort(flat[rankable], kind="stable")]
        taken = order[: n_removed(amount, len(flat))]
        counts = np.bincount(owner[taken], minlength=len(names))
        return {name: self.limits.choose(name, self.scores[name], int(n))
                for name, n in zip(names, counts, strict=True)}


@dataclass(frozen=True)
class Ratios:
    """A ratio for each named group; the others stay. The amount is ignored."""

    scores: Mapping[str, Array]
    limits: Limits
    ratios: Mapping[str, float]

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        return {name: self.limits.choose(name, s, n_removed(self.ratios.get(name, 0.0), len(s)))
                for name, s in self.scores.items()}


def n_removed(ratio: float, units: int) -> int:
    """How many of ``units`` go at ``ratio``: the nearest number that leaves one."""
    return min(units - 1, units - round(units * (1 - ratio)))


def _relative(scores: Array) -> Array:
    mean = float(np.abs(scores).mean())
    return scores / mean if mean > 0 else scores


def smallest(allocation: Allocation, enough: Any, steps: int) -> dict[str, tuple[int, ...]] | None:
    """The units of the smallest amount (in ``steps`` equal parts of [0, 1]) that is ``enough(removed)``.

    None if even all is not.
    """
    low, high = -1, steps
    best = allocation.removed(1.0)
    if not enough(best):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        removed = allocation.removed(middle / steps)
        if enough(removed):
            high, best = middle, removed
        else:
            low = middle
    return best


def total_units(scores: Mapping[str, Sequence[float] | Array]) -> int:
    """How many units there are in all."""
    return sum(len(s) for s in scores.values())
