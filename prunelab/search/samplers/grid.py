"""All combinations, each once: in an order drawn by the seed, every third one beside the best so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GridSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from prunelab.errors import OptionError
from prunelab.search.front import front_of
from prunelab.search.samplers.coordinates import Coordinate
from prunelab.search.samplers.settings import Settings
from prunelab.search.variables import values_of

# Values of a range without steps
_VALUES = 5
# Optuna's keeps a list of all combinations
_MOST = 200_000
# Of so many trials one is beside the best
_EACH = 3


def grid(settings: Settings) -> BaseSampler:
    """It finds the best there is when it comes to its end. Most are never run to it, so every third trial is the one
    that differs least from the best so far. A range without steps has five values.

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
    """Optuna's, in another order; and it looks through all of the trials whether it is at its end only where it could
    be, not after every trial."""

    def __init__(self, values: Mapping[str, Sequence[Any]], seed: int) -> None:
        super().__init__(values, seed=seed)
        # the places of the values, an axis a variable: numbers have an order, names have none
        self._places = np.array([[options.index(value) for options, value in zip(
            self._search_space.values(), combination, strict=True)] for combination in self._all_grids])
        self._ordered = np.array([all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in options)
                                  for options in self._search_space.values()])

        self._front: list[FrozenTrial] = []  # of those that were looked at: judging all anew would take ever longer
        self._judged: set[int] = set()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        super().before_trial(study, trial)  # says whose grid it is, and what to do where nothing is left
        if "fixed_params" in trial.system_attrs:
            return
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        left = np.ones(self._n_min_trials, bool)
        left[[t.system_attrs["grid_id"] for t in trials
              if t.number != trial.number and "grid_id" in t.system_attrs]] = False
        if left.any() and "grid_id" not in trial.system_attrs:
            best = self._best(study, trials, trial.number // _EACH) if trial.number % _EACH == _EACH - 1 else None
            chosen = int(left.argmax()) if best is None else self._nearest(best, np.flatnonzero(left))
            study._storage.set_trial_system_attr(trial._trial_id, "grid_id", chosen)

    def _best(self, study: Study, trials: Sequence[FrozenTrial], turn: int) -> int | None:
        """The combination that is the best so far; of several objectives each of the front in its turn."""
        for t in trials:
            if t.state == TrialState.COMPLETE and "grid_id" in t.system_attrs and t.number not in self._judged:
                self._judged.add(t.number)
                self._front.append(t)
        if not self._front:
            return None
        signs = [-1 if direction == StudyDirection.MAXIMIZE else 1 for direction in study.directions]
        on_it = front_of(np.array([t.values for t in self._front]) * signs)
        self._front = sorted((t for t, on in zip(self._front, on_it, strict=True) if on), key=lambda t: t.number)
        return int(self._front[turn % len(self._front)].system_attrs["grid_id"])

    def _nearest(self, best: int, left: np.ndarray[Any, Any]) -> int:
        steps = np.abs(self._places[left] - self._places[best])
        far = np.where(self._ordered, steps, steps > 0).sum(axis=1)
        return int(left[far.argmin()])

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if trial.number >= self._n_min_trials - 1:
            super().after_trial(study, trial, state, values)


def _values(name: str, distribution: BaseDistribution) -> list[Any]:
    coordinate = Coordinate(name, distribution)
    if coordinate.levels or isinstance(distribution, CategoricalDistribution):
        return values_of(distribution)
    return list(dict.fromkeys(coordinate.value(p) for p in np.linspace(0, 1, _VALUES)))
