"""Every setting drawn on its own: what the others are compared with."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from prunelab.search.samplers.settings import Settings


def random(settings: Settings) -> BaseSampler:
    """Optuna's. Bergstra, Bengio: Random Search for Hyper-Parameter Optimization, 2012."""
    return RandomSampler(seed=settings.seed32)
