"""The fast elitist genetic algorithm for several objectives."""

from __future__ import annotations

from optuna.samplers import BaseSampler, NSGAIISampler

from prunelab.search.samplers.settings import Settings

# Generations that a study of the planned length has at least
_GENERATIONS = 5


def nsga2(settings: Settings) -> BaseSampler:
    """Optuna's, with as many in a generation as give five of them in the planned trials, from 8 to 50.

    Deb, Pratap, Agarwal, Meyarivan: A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002
    (doi:10.1109/4235.996017).
    """
    population = min(max(settings.n_trials // _GENERATIONS, 8), 50)
    return NSGAIISampler(seed=settings.seed32, population_size=population)
