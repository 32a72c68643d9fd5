"""How the next trial is chosen: one way a file, named in one table.

A new one is a file with an Optuna sampler or a function that makes one, a line here, and a line in
`tests/search/test_samplers.py`, where Optuna's own contract tests try it. An instance of any Optuna sampler works
wherever a name does; those of ours work in any Optuna study.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from prunelab.errors import OptionError, shown, unknown_name
from prunelab.search.samplers.annealing import AnnealingSampler
from prunelab.search.samplers.bayesian import bayesian
from prunelab.search.samplers.cmaes import cmaes
from prunelab.search.samplers.genetic import GeneticSampler
from prunelab.search.samplers.grid import grid
from prunelab.search.samplers.nsga2 import nsga2
from prunelab.search.samplers.pso import ParticleSwarmSampler
from prunelab.search.samplers.random import random
from prunelab.search.samplers.settings import SamplerMaker, Settings
from prunelab.search.samplers.tpe import tpe

SAMPLERS: Mapping[str, SamplerMaker] = {
    "annealing": lambda settings: AnnealingSampler(settings.seed),
    "genetic": lambda settings: GeneticSampler(settings.seed),
    "pso": lambda settings: ParticleSwarmSampler(settings.seed),
    # Optuna's own
    "random": random,
    "grid": grid,
    "tpe": tpe,
    "nsga2": nsga2,
    "cmaes": cmaes,
    "bayesian": bayesian,
}


def sampler_of(sampler: Any, settings: Settings) -> BaseSampler:
    """The sampler of that name, made for a study, or the instance itself.

    Raises:
        UnknownNameError: no sampler is called so.
        OptionError: something else, or a sampler that cannot do what is asked.
    """
    if isinstance(sampler, BaseSampler):
        return sampler
    if not isinstance(sampler, str):
        raise OptionError(f"sampler is {shown(sampler)}; give one of {', '.join(SAMPLERS)}, or an Optuna sampler")
    if sampler not in SAMPLERS:
        raise unknown_name("sampler", sampler, SAMPLERS)
    with warnings.catch_warnings():
        # Optuna's word for what may still change its signature
        warnings.simplefilter("ignore", ExperimentalWarning)
        return SAMPLERS[sampler](settings)


__all__ = ["SAMPLERS", "AnnealingSampler", "GeneticSampler", "ParticleSwarmSampler", "Settings", "sampler_of"]
