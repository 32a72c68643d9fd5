"""The tree-structured Parzen estimator."""

from __future__ import annotations

from optuna.samplers import BaseSampler, TPESampler

from prunelab.search.samplers.settings import Settings


def tpe(settings: Settings) -> BaseSampler:
    """Optuna's, all variables together. Settings are drawn where good trials are dense and bad ones are not.

    Bergstra, Bardenet, Bengio, Kegl: Algorithms for Hyper-Parameter Optimization, 2011; of several objectives: Ozaki et
    al., 2022 (doi:10.1613/jair.1.13188).
    """
    return TPESampler(seed=settings.seed32, multivariate=True)
