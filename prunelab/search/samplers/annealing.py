"""Simulated annealing: a walk that also takes steps upwards, the less the colder it gets."""

from __future__ import annotations

import math

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from prunelab.errors import check_positive, check_ratio, check_whole
from prunelab.search.samplers.coordinates import Array, Coordinates
from prunelab.search.samplers.history import History, HistorySampler, drawn_weights, fresh


class AnnealingSampler(HistorySampler):
    """Simulated annealing as an Optuna sampler.

    From the point it stands at, the walk tries a neighbour; a better one is taken, a worse one with the probability
    ``exp(-(loss' - loss) / T)``. ``T`` falls by the factor ``cooling`` at every trial, from ``start`` times the spread
    of the losses seen. A neighbour moves a little of the budget: one variable goes up by what another goes down, or one
    or two move alone; a step is as long as it is warm. After ``patience`` trials without a step the walk restarts, warm
    again by half, from the best point. With several objectives each restart, and every ``patience`` trials, weighs them
    anew, so that the walk goes along the front.

    Kirkpatrick, Gelatt, Vecchi: Optimization by Simulated Annealing, Science 220, 1983
    (doi:10.1126/science.220.4598.671). Of several objectives: Serafini, Simulated Annealing for Multiobjective
    Optimization Problems, 1994.

    Args:
        seed: the same one gives the same trials, where one process works.
        start: the temperature at the beginning, in spreads of the losses seen.
        cooling: what the temperature is multiplied by at every trial, in (0, 1).
        patience: trials without a step until it restarts.
        n_startup: so many trials are drawn at random first; the walk begins at the best of them.
    """

    def __init__(self, seed: int | None = None, *, start: float = 0.5, cooling: float = 0.93, patience: int = 15,
                 n_startup: int = 10) -> None:
        super().__init__(seed, check_whole(n_startup, "n_startup", 1))
        self._start, self._cooling = check_positive(start, "start"), 1 - check_ratio(1 - cooling, place="1 - cooling")
        self._patience = check_whole(patience, "patience", 1)
        self._draws: dict[int, float] = {}

    def propose(self, study: Study, trial: FrozenTrial, coordinates: Coordinates, history: History,
                rng: np.random.Generator) -> Array:
        place, warmth = self._walk(history)
        here = history.points[place]
        return fresh(coordinates, history, lambda: neighbour(here, coordinates, warmth, rng), rng)

    def _walk(self, history: History) -> tuple[int, float]:
        """Where the walk stands, and how warm it is in (0, 1]: read off the trials, one after another."""
        n_objectives = history.values.shape[1]
        losses = self._weighed(history, 0, n_objectives)
        spreads = _spreads(losses)
        place = int(np.argmin(losses[: self._n_startup]))
        warmth, idle = 1.0, 0
        for k in range(self._n_startup, len(history)):
            warmth *= self._cooling if losses[place] < 2 else 1.0
            if n_objectives > 1 and (k - self._n_startup) % self._patience == 0:
                losses = self._weighed(history, k, n_objectives)
                spreads = _spreads(losses)
                place = int(np.argmin(losses[:k]))
            rise = losses[k] - losses[place]
            # outside constraints it only goes towards them
            heat = self._start * spreads[k] * warmth if losses[place] < 2 else 0.0
            # one draw a trial, by its number: the walk is the same whenever it is read
            if rise <= 0 or (heat > 0 and self._draw(int(history.numbers[k])) < math.exp(-rise / heat)):
                place, idle = k, 0 if rise < 0 else idle + 1
            else:
                idle += 1
            if idle >= self._patience:
                place, warmth, idle = int(np.argmin(losses[: k + 1])), (warmth + 1) / 2, 0
        return place, warmth

    def _weighed(self, history: History, k: int, n: int) -> Array:
        return history.losses(drawn_weights(np.random.default_rng([self._seed, k, 1]), n))

    def _draw(self, number: int) -> float:
        if number not in self._draws:
            self._draws[number] = float(np.random.default_rng([self._seed, number, 2]).random())
        return self._draws[number]


def neighbour(here: Array, coordinates: Coordinates, warmth: float, rng: np.random.Generator) -> Array:
    """A point near ``here``: budget moved between two variables, or one or two moved alone."""
    ordered = np.flatnonzero(coordinates.ordered)
    other = np.flatnonzero(~coordinates.ordered)
    point = here.copy()
    if len(other) and (not len(ordered) or rng.random() < len(other) / len(coordinates)):
        chosen = rng.choice(other)
        point[chosen] = rng.random()
        return point
    # at least one value further where values are apart
    step = np.maximum(np.abs(rng.normal(0, 0.02 + 0.2 * warmth, 2)), coordinates.grain[ordered].max())
    pair = rng.choice(ordered, min(2, len(ordered)), replace=False)
    sign = rng.choice([-1.0, 1.0])
    if len(pair) == 1 or rng.random() < 0.4:
        point[pair[0]] += sign * step[0]
    elif rng.random() < 0.7:
        point[pair[0]] += sign * step[0]
        point[pair[1]] -= sign * step[0]
    else:
        point[pair] += rng.choice([-1.0, 1.0], 2) * step
    return _reflected(point)


def _reflected(point: Array) -> Array:
    """Points beyond the cube's walls are thrown back into it."""
    folded = np.abs(point) % 2.0
    return np.where(folded > 1, 2.0 - folded, folded)


def _spreads(losses: Array) -> Array:
    """(trials,): the spread of the losses up to each, of feasible trials; others lie beyond 2."""
    inside = losses < 2
    n, part = np.maximum(np.cumsum(inside), 1), np.where(inside, losses, 0.0)
    mean = np.cumsum(part) / n
    return np.sqrt(np.maximum(np.cumsum(part * part) / n - mean * mean, 0.0))
