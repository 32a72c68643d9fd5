"""What a sampler is made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class Settings:
    """The ``seed``, the variables, how many objectives there are and how many trials are planned."""

    seed: int
    space: Mapping[str, BaseDistribution]
    n_objectives: int = 1
    n_trials: int = 50

    @property
    def seed32(self) -> int:
        """The seed as Optuna's samplers take it: NumPy's old generator, below 2^32."""
        return self.seed % 2**32


SamplerMaker = Callable[[Settings], BaseSampler]
