"""Bayesian optimization with Gaussian processes."""

from __future__ import annotations

import importlib.util

from optuna.samplers import BaseSampler, GPSampler

from prunelab.errors import MissingExtraError
from prunelab.search.samplers.settings import Settings


def bayesian(settings: Settings) -> BaseSampler:
    """Optuna's: the next trial is where a Gaussian process of the trials so far expects the most improvement.

    Jones, Schonlau, Welch: Efficient Global Optimization of Expensive Black-Box Functions, 1998
    (doi:10.1023/A:1008306431147); of several objectives: Daulton, Balandat, Bakshy, 2020 (arXiv:2006.05078).

    Raises:
        MissingExtraError: torch, with which Optuna fits the process, is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("torch", "torchscript")
    return GPSampler(seed=settings.seed32, deterministic_objective=True)
