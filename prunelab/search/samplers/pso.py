"""Particle swarm optimization: particles drawn to the best place of their own and of all."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from prunelab.errors import check_positive, check_whole
from prunelab.search.samplers.coordinates import Array, Coordinates
from prunelab.search.samplers.history import History, HistorySampler, drawn_weights, fresh

_KEY = "prunelab:particle"
# Clerc, Kennedy 2002: the constriction at which swarms come to rest
_INERTIA, _PULL = 0.7298, 1.49618


class ParticleSwarmSampler(HistorySampler):
    """A particle swarm as an Optuna sampler: trial ``n`` is a step of the particle ``n mod particles``.

    ``v' = w v + c r1 (own best - x) + c r2 (best of all - x)``, ``x' = x + v'`` in the unit cube, a variable of names
    by its place in the list. A wall takes the speed away. Position and speed stand with the trial, so that a swarm goes
    on in any process. With several objectives each particle has weights of its own, and spreads along the front.

    Kennedy, Eberhart: Particle Swarm Optimization, 1995 (doi:10.1109/ICNN.1995.488968); the constants after Clerc,
    Kennedy, 2002 (doi:10.1109/4235.985692).

    Args:
        seed: the same one gives the same trials, where one process works.
        particles: how many there are; the first step of each is drawn at random.
        inertia, pull: ``w`` and ``c``.
    """

    def __init__(self, seed: int | None = None, *, particles: int = 10, inertia: float = _INERTIA,
                 pull: float = _PULL) -> None:
        super().__init__(seed, check_whole(particles, "particles", 1))
        self._inertia, self._pull = check_positive(inertia, "inertia"), check_positive(pull, "pull")

    def propose(self, study: Study, trial: FrozenTrial, coordinates: Coordinates, history: History,
                rng: np.random.Generator) -> Array:
        own = trial.number % self._n_startup
        weights = drawn_weights(np.random.default_rng([self._seed, own, 3]), history.values.shape[1])
        losses = history.losses(weights)
        best_of_all = history.points[int(np.argmin(losses))]
        mine = np.flatnonzero(history.numbers % self._n_startup == own)
        if not len(mine):  # its first step was lost
            mine = np.array([int(rng.integers(len(history)))])
        own_best = history.points[mine[np.argmin(losses[mine])]]
        x, v = self._last(study, int(history.numbers[mine[-1]]), coordinates, history.points[mine[-1]], rng)

        def step() -> Array:
            r1, r2 = rng.random((2, len(coordinates)))
            return x + self._inertia * v + self._pull * (r1 * (own_best - x) + r2 * (best_of_all - x))

        # a swarm that has come to rest on values with steps sends the particle elsewhere
        moved = fresh(coordinates, history, step, rng)
        inside = np.clip(moved, 0.0, 1.0)
        v, moved = np.where(inside == moved, inside - x, 0.0), inside
        told = {c.name: [float(a), float(b)] for c, a, b in zip(coordinates.each, moved, v, strict=True)}
        study._storage.set_trial_system_attr(trial._trial_id, _KEY, told)
        return moved

    def _last(self, study: Study, number: int, coordinates: Coordinates, point: Array,
              rng: np.random.Generator) -> tuple[Array, Array]:
        """Position and speed of a particle's last step: those it came with, or the trial's point and a small speed."""
        trials = study.get_trials(deepcopy=False)
        told: dict[str, Any] = trials[number].system_attrs.get(_KEY, {})
        rest = rng.uniform(-0.25, 0.25, len(coordinates))
        pairs = [told.get(c.name, (p, s)) for c, p, s in zip(coordinates.each, point, rest, strict=True)]
        return np.array([p for p, _ in pairs]), np.array([s for _, s in pairs])
