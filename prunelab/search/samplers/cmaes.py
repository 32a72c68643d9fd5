"""Evolution with a covariance matrix that adapts."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from prunelab.errors import OptionError
from prunelab.search.samplers.coordinates import Coordinates
from prunelab.search.samplers.settings import Settings

# Trials that are drawn at random first; steps away from what was seen already, each a little longer
_STARTUP, _STEPS, _LONGER = 10, 60, 1.05


def cmaes(settings: Settings) -> BaseSampler:
    """Optuna's; names are drawn at random beside it. Where its point is rounded to values that were tried, a near one
    that was not is tried instead: an injected solution (Hansen: Injecting External Solutions Into CMA-ES, 2011,
    arXiv:1110.4181).

    Hansen, Ostermeier: Completely Derandomized Self-Adaptation in Evolution Strategies, 2001
    (doi:10.1162/106365601750190398).

    Raises:
        OptionError: several objectives.
    """
    if settings.n_objectives > 1:
        raise OptionError(f"the sampler cmaes takes one objective, and {settings.n_objectives} are given; give one and "
                          "the others as constraints, or take annealing, genetic, pso, tpe, nsga2 or bayesian")
    return _Fresh(settings.seed32)


class _Fresh(CmaEsSampler):
    """Optuna's, which of variables with steps asks for the same values again and again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, n_startup_trials=_STARTUP, independent_sampler=RandomSampler(seed=seed),
                         warn_independent_sampling=False)
        self._drawn_by = seed

    def sample_relative(self, study: Study, trial: FrozenTrial,
                        search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        found = super().sample_relative(study, trial, search_space)
        if not found:
            return found
        coordinates = Coordinates(search_space)
        seen = {_key(coordinates.point(t.params)) for t in study.get_trials(deepcopy=False)
                if t.number != trial.number and search_space.keys() <= t.params.keys()}
        rng = np.random.default_rng([self._drawn_by, trial.number])
        asked = point = coordinates.point(found)
        for k in range(_STEPS):
            if _key(point) not in seen:
                break
            step = rng.normal(0, _LONGER**k, len(asked)) * coordinates.grain
            point = coordinates.snapped(np.clip(asked + step, 0.0, 1.0))
        return coordinates.params(point)


def _key(point: np.ndarray[Any, Any]) -> tuple[float, ...]:
    return tuple(np.round(point, 9))
