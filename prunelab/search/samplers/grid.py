"""All combinations, each once, in an order drawn by the seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GridSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from prunelab.errors import OptionError
from prunelab.search.samplers.coordinates import Coordinate
from prunelab.search.samplers.settings import Settings
from prunelab.search.variables import values_of

# Values of a range without steps
_VALUES = 5
# Optuna's keeps a list of all combinations
_MOST = 200_000


def grid(settings: Settings) -> BaseSampler:
    """Optuna's. It finds the best there is when it comes to its end; before, it is a random search that never repeats
    itself. A range without steps has five values.

    Raises:
        OptionError: more combinations than can be listed.
    """
    values = {name: _values(name, d) for name, d in settings.space.items()}
    n = math.prod(map(len, values.values()))
    if n > _MOST:
        raise OptionError(f"the grid has {float(n):.3g} combinations of {len(values)} variables, and at most {_MOST:,} "
                          "can be listed; give fewer or coarser ones (one ratio a kind of layers: per='kind'), or "
                          "another sampler")
    return _Grid(values, seed=settings.seed % 2**32)  # in one order, however often it goes on


class _Grid(GridSampler):
    """Optuna's, which after every trial looks through all of the trials whether it is at its end."""

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if trial.number >= self._n_min_trials - 1:
            super().after_trial(study, trial, state, values)


def _values(name: str, distribution: BaseDistribution) -> list[Any]:
    coordinate = Coordinate(name, distribution)
    if coordinate.levels or isinstance(distribution, CategoricalDistribution):
        return values_of(distribution)
    return list(dict.fromkeys(coordinate.value(p) for p in np.linspace(0, 1, _VALUES)))
