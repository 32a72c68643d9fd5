"""What a criterion is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Material:
    """All that a criterion may look at, for one group, gathered beforehand.

    ``makers``: for each parameter axis that makes the units, its weights as (units, n), one row a unit.
    ``rng``: a generator of its own for criteria that draw.
    """

    makers: Mapping[str, Array]
    units: int
    rng: np.random.Generator

    @cached_property
    def weights(self) -> Array:
        """The weights of all makers side by side: (units, n)."""
        return np.concatenate(list(self.makers.values()), axis=1)


class Criterion(Protocol):
    """Anything with a name that gives each unit a score: (units,), float, higher is kept."""

    @property
    def name(self) -> str: ...

    def __call__(self, material: Material) -> Array: ...
