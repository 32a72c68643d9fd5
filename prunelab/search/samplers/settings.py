"""What a sampler is made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class Settings:
    """The ``seed``, the variables, how many objectives there are, how many trials are planned, and how many there are
    already in a study that goes on; ``place``: of this process among those that began at as many trials."""

    seed: int
    space: Mapping[str, BaseDistribution]
    n_objectives: int = 1
    n_trials: int = 50
    n_tried: int = 0
    place: tuple[int, int] = (1, 0)

    @property
    def seed32(self) -> int:
        """The seed as Optuna's samplers take it: NumPy's old generator, below 2^32.

        They draw from its beginning whenever they are made; in a study that goes on from another one, so that it does
        not try the same again, nor what another process tries that began with it.
        """
        others = 0 if self.place == (1, 0) else 1000 * self.place[0] + self.place[1]
        return (self.seed + 0x9E3779B1 * self.n_tried + 0x85EBCA6B * others) % 2**32


SamplerMaker = Callable[[Settings], BaseSampler]
