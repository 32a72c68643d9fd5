"""What a sampler of ours sees of a study: points, and how good each was; and a generator for each trial.

A sampler keeps nothing itself but what it has read: all it knows is in the study. So a study goes on after its process
ends, any number of processes work on one, and the same seed gives the same trials.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from prunelab.errors import check_seed
from prunelab.search.samplers.coordinates import Array, Coordinate, Coordinates

_SEEN = (TrialState.COMPLETE, TrialState.PRUNED)
# The weight of the sum beside the largest part: so that of two points with one largest part the better counts (Knowles
# 2006 has the same number)
_SUM = 0.05


# the point, the values, by how much constraints are missed
Row = tuple[Array, list[float], float]


@dataclass(frozen=True)
class History:
    """Trials that ended, in the order they were begun: ``numbers``, ``points``: (trials, variables) in the unit cube,
    ``values``: (trials, objectives), lower is better, NaN where a trial was refused; ``violations``: (trials,), by how
    much constraints are missed."""

    numbers: Array
    points: Array
    values: Array
    violations: Array

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, study: Study, coordinates: Coordinates, known: dict[int, Row | None]) -> History:
        """What a study holds of these variables. Trials without them, or without an end, are left out.

        Args:
            known: rows by the number of their trial, which are not read again; more are put there.
        """
        signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in study.directions]
        for trial in study.get_trials(deepcopy=False, states=_SEEN):
            if trial.number not in known:
                known[trial.number] = _row(trial, coordinates, signs)
        found = [(n, row) for n, row in sorted(known.items()) if row is not None]
        numbers, rows = [n for n, _ in found], [row for _, row in found]
        return cls(np.array(numbers, int), np.array([r[0] for r in rows], float).reshape(len(rows), len(coordinates)),
                   np.array([r[1] for r in rows], float).reshape(len(rows), len(signs)),
                   np.array([r[2] for r in rows], float))

    def losses(self, weights: Array) -> Array:
        """(trials,): one number for each, lower is better, so that trials compare under several objectives.

        A feasible trial has its augmented Chebyshev distance from the best of each objective, scaled by what was seen:
        in [0, 1.05]. One outside constraints, or without a value, comes after all that are inside, by how much it
        misses (Deb 2000, doi:10.1016/S0045-7825(99)00389-8).
        """
        inside = np.isfinite(self.values).all(axis=1) & (self.violations <= 0)
        out = 2.0 + self.violations + np.where(self.violations > 0, 0.0, 1e6)  # no value and no reason: last of all
        if inside.any():
            seen = self.values[inside]
            low, high = seen.min(axis=0), seen.max(axis=0)
            scaled = weights * (seen - low) / np.where(high > low, high - low, 1.0)
            out[inside] = scaled.max(axis=1) + _SUM * scaled.sum(axis=1)
        return out


def _row(trial: FrozenTrial, coordinates: Coordinates, signs: Sequence[float]) -> Row | None:
    if not all(c.name in trial.params and _holds(c, trial) for c in coordinates.each):
        return None
    missed = sum(max(v, 0.0) for v in trial.constraints.values())
    return coordinates.point(trial.params), _values(trial, signs), missed


def _holds(coordinate: Coordinate, trial: FrozenTrial) -> bool:
    d = coordinate.distribution
    return bool(d._contains(d.to_internal_repr(trial.params[coordinate.name])))


def _values(trial: FrozenTrial, signs: Sequence[float]) -> list[float]:
    """Lower is better; of a trial that was cut short its last report."""
    if trial.values is not None:
        return [s * v for s, v in zip(signs, trial.values, strict=True)]
    last = trial.last_step
    if last is not None and len(signs) == 1:
        return [signs[0] * trial.intermediate_values[last]]
    return [float("nan")] * len(signs)


class HistorySampler(BaseSampler):
    """The base of our samplers: `propose` gives a point, from the history and a generator.

    Args:
        seed: the same one gives the same trials, where one process works; without it, one is drawn.
        n_startup: so many trials are drawn at random first.
    """

    def __init__(self, seed: int | None = None, n_startup: int = 10) -> None:
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else check_seed(seed)
        self._n_startup = n_startup
        self._known: tuple[Any, dict[int, Row | None]] = (None, {})

    def propose(self, study: Study, trial: FrozenTrial, coordinates: Coordinates, history: History,
                rng: np.random.Generator) -> Array:
        """(variables,): the next point in the unit cube."""
        raise NotImplementedError

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        space = IntersectionSearchSpace(include_pruned=True).calculate(study)
        return {name: d for name, d in space.items() if not d.single()}

    def sample_relative(self, study: Study, trial: FrozenTrial,
                        search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        if not search_space:
            return {}
        coordinates, rng = Coordinates(search_space), self._rng(trial)
        history = History.of(study, coordinates, self._read(study, search_space))
        if len(history) < self._n_startup:
            return coordinates.params(rng.random(len(coordinates)))
        return coordinates.params(self.propose(study, trial, coordinates, history, rng))

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str,
                           param_distribution: BaseDistribution) -> Any:
        rng = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        return Coordinate(param_name, param_distribution).value(rng.random())

    def _read(self, study: Study, space: dict[str, BaseDistribution]) -> dict[int, Row | None]:
        """What was read of this study before; a trial that ended does not change."""
        key = (id(study._storage), study._study_id, sorted(space.items(), key=lambda item: item[0]))
        if self._known[0] != key:
            self._known = (key, {})
        return self._known[1]

    def _rng(self, trial: FrozenTrial) -> np.random.Generator:
        return np.random.default_rng([self._seed, trial.number])


def drawn_weights(rng: np.random.Generator, n: int) -> Array:
    """(n,): weights of objectives, uniform among all that add up to 1; 1 for a single one."""
    return rng.dirichlet(np.ones(n)) if n > 1 else np.ones(1)


def fresh(coordinates: Coordinates, history: History, make: Callable[[], Array], rng: np.random.Generator,
          tries: int = 20) -> Array:
    """A point that no trial was at: the first such of so many of ``make()``; where all were seen, what is near is
    known, and one is drawn from anywhere."""
    def anywhere() -> Array:
        return rng.random(len(coordinates))

    for draw in [make] * tries + [anywhere] * tries:
        point = draw()
        if np.abs(history.points - coordinates.snapped(point)).max(axis=1).min() > 1e-9:
            break
    return point


