"""A genetic algorithm: parents by tournament, children with each layer from one of them, some of it mutated."""

from __future__ import annotations

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from prunelab.errors import check_ratio, check_whole
from prunelab.search.samplers.coordinates import Array, Coordinates
from prunelab.search.samplers.history import History, HistorySampler, drawn_weights, fresh


class GeneticSampler(HistorySampler):
    """A genetic algorithm as an Optuna sampler, in which the better of all trials so far are the parents.

    Both parents win a tournament of ``tournament`` among the best ``population`` trials. The child takes each variable
    (each layer's ratio) from one of them, or from between them; each of its variables mutates with the probability
    ``mutation`` (one variable a child, if left out). With several objectives each child is made under other weights of
    them.

    Holland: Adaptation in Natural and Artificial Systems, 1975. Tournaments: Goldberg, Deb: A Comparative Analysis of
    Selection Schemes, 1991. Uniform crossover: Syswerda, 1989. Weights drawn anew: Murata, Ishibuchi: MOGA, 1995
    (doi:10.1109/ICEC.1995.489161).

    Args:
        seed: the same one gives the same trials, where one process works.
        population: how many of the best are parents; as many trials are drawn at random first.
        tournament: how many of them compete to be one.
        mutation: the probability that a variable changes, in [0, 1).
    """

    def __init__(self, seed: int | None = None, *, population: int = 16, tournament: int = 3,
                 mutation: float | None = None) -> None:
        super().__init__(seed, check_whole(population, "population", 2))
        self._tournament = check_whole(tournament, "tournament", 1)
        self._mutation = None if mutation is None else check_ratio(mutation, place="mutation")

    def propose(self, study: Study, trial: FrozenTrial, coordinates: Coordinates, history: History,
                rng: np.random.Generator) -> Array:
        losses = history.losses(drawn_weights(rng, history.values.shape[1]))
        best = np.argsort(losses, kind="stable")[: self._n_startup]

        def child() -> Array:
            mother, father = (history.points[self._winner(best, rng)] for _ in range(2))
            return self._mutated(crossed(mother, father, coordinates, rng), coordinates, rng)

        return fresh(coordinates, history, child, rng)

    def _winner(self, best: Array, rng: np.random.Generator) -> int:
        """The best of a few, who stand in order of their losses."""
        return int(best[rng.integers(len(best), size=self._tournament).min()])

    def _mutated(self, point: Array, coordinates: Coordinates, rng: np.random.Generator) -> Array:
        n = len(coordinates)
        changed = rng.random(n) < (1 / n if self._mutation is None else self._mutation)
        step = np.maximum(np.abs(rng.normal(0, 0.15, n)), coordinates.grain) * rng.choice([-1.0, 1.0], n)
        anew = np.where(coordinates.ordered, np.clip(point + step, 0, 1), rng.random(n))
        return np.where(changed, anew, point)


def crossed(mother: Array, father: Array, coordinates: Coordinates, rng: np.random.Generator) -> Array:
    """Each variable of one parent; of a third of the children those with an order from between them."""
    child = np.where(rng.random(len(mother)) < 0.5, mother, father)
    if rng.random() < 1 / 3:
        between = mother + rng.random(len(mother)) * (father - mother)
        child = np.where(coordinates.ordered, between, child)
    return child
