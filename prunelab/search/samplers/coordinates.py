"""Settings of a trial as a point in the unit cube, and back: what the samplers move about in. NumPy and Optuna only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Coordinate:
    """One variable as numbers in [0, 1]: ``levels`` is how many values it has (0: no end of them), ``ordered`` whether
    near numbers mean near values."""

    name: str
    distribution: BaseDistribution

    @cached_property
    def levels(self) -> int:
        d = self.distribution
        if isinstance(d, CategoricalDistribution):
            return len(d.choices)
        assert isinstance(d, (FloatDistribution, IntDistribution))
        if d.step is None or d.log:
            return 0
        return int((d.high - d.low) / d.step + 1e-9) + 1

    @cached_property
    def ordered(self) -> bool:
        d = self.distribution
        return not isinstance(d, CategoricalDistribution) or (
            len(d.choices) > 1 and all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in d.choices)
            and list(d.choices) == sorted(d.choices))  # type: ignore[type-var]

    def position(self, value: Any) -> float:
        """Where a value stands, in the middle of what comes back to it."""
        d = self.distribution
        if self.levels:
            place = d.to_internal_repr(value) if isinstance(d, CategoricalDistribution) else (
                (value - d.low) / d.step)  # type: ignore[attr-defined]
            return (float(place) + 0.5) / self.levels
        low, high = _ends(d)
        at = math.log(value) if d.log else float(value)  # type: ignore[attr-defined]
        return (at - low) / (high - low) if high > low else 0.5

    def value(self, position: float) -> Any:
        """The value at a position, which may be outside of [0, 1] a little: then the nearest."""
        d, inside = self.distribution, min(max(float(position), 0.0), 1.0)
        if self.levels:
            place = min(int(inside * self.levels), self.levels - 1)
            if isinstance(d, CategoricalDistribution):
                return d.choices[place]
            found = d.low + place * d.step  # type: ignore[attr-defined]
            return int(found) if isinstance(d, IntDistribution) else min(float(found), float(d.high))  # type: ignore[attr-defined]
        low, high = _ends(d)
        at = low + inside * (high - low)
        found = math.exp(at) if d.log else at  # type: ignore[attr-defined]
        found = min(max(found, d.low), d.high)  # type: ignore[attr-defined]
        return round(found) if isinstance(d, IntDistribution) else float(found)


def _ends(d: Any) -> tuple[float, float]:
    return (math.log(d.low), math.log(d.high)) if d.log else (float(d.low), float(d.high))


class Coordinates:
    """All variables of a search, in the order of their names."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self.each = [Coordinate(name, space[name]) for name in sorted(space)]

    def __len__(self) -> int:
        return len(self.each)

    def point(self, params: Mapping[str, Any]) -> Array:
        """(variables,): where the settings of a trial stand."""
        return np.array([c.position(params[c.name]) for c in self.each])

    def params(self, point: Array) -> dict[str, Any]:
        """The settings at a point."""
        return {c.name: c.value(p) for c, p in zip(self.each, point, strict=True)}

    def snapped(self, point: Array) -> Array:
        """The point of the settings that a point stands for."""
        return self.point(self.params(point))

    @cached_property
    def ordered(self) -> Array:
        """(variables,), bool: which have an order."""
        return np.array([c.ordered for c in self.each])

    @cached_property
    def grain(self) -> Array:
        """(variables,): the least distance between two values; 0 where there is none."""
        return np.array([1 / c.levels if c.levels else 0.0 for c in self.each])
