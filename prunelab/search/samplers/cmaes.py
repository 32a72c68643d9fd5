"""Evolution with a covariance matrix that adapts."""

from __future__ import annotations

from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler

from prunelab.errors import OptionError
from prunelab.search.samplers.settings import Settings


def cmaes(settings: Settings) -> BaseSampler:
    """Optuna's; names are drawn at random beside it. Its margin keeps it moving on variables with steps.

    Hansen, Ostermeier: Completely Derandomized Self-Adaptation in Evolution Strategies, 2001
    (doi:10.1162/106365601750190398); with margin: Hamano et al., 2022 (arXiv:2205.13482).

    Raises:
        OptionError: several objectives.
    """
    if settings.n_objectives > 1:
        raise OptionError(f"the sampler cmaes takes one objective, and {settings.n_objectives} are given; give one and "
                          "the others as constraints, or take annealing, genetic, pso, tpe, nsga2 or bayesian")
    return CmaEsSampler(seed=settings.seed32, with_margin=True,
                        independent_sampler=RandomSampler(seed=settings.seed32))
