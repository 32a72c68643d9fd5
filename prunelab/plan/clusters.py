"""Point clustering as an allocation: a ratio for each cluster of a group's units, representatives kept."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prunelab.criteria import cluster_units
from prunelab.plan.allocation import Array, Field, Limits, n_removed

# Clusters a group, as a fraction of its units
CLUSTERS = 0.25


@dataclass(frozen=True)
class Clusters:
    """Units that respond alike are a cluster; each cluster loses the amount, its units of lowest score first.

    The best of each cluster, its representative, goes last: so what only a few units say is not lost, however low
    their scores. k-means over responses, a quarter as many clusters as units.
    """

    scores: Mapping[str, Array]
    limits: Limits
    labels: Mapping[str, Array]

    @classmethod
    def over(cls, field: Field) -> Clusters:
        """The allocation of a field; needs activations."""
        assert field.calibration is not None
        labels = {}
        for name, scores in field.scores.items():
            rng = np.random.default_rng([field.seed, zlib.crc32(name.encode())])
            n = max(1, round(CLUSTERS * len(scores)))
            labels[name] = cluster_units(field.calibration.activations[name], n, rng)[0]
        return cls(field.scores, field.limits, labels)

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        return {name: self.limits.choose(name, within(s, self.labels[name]), n_removed(amount, len(s)))
                for name, s in self.scores.items()}


def within(scores: Array, labels: Array) -> Array:
    """Scores as ranks inside each cluster, (0, 1]: a threshold t takes the fraction t of every cluster."""
    out = np.empty(len(scores))
    for label in np.unique(labels):
        inside = np.flatnonzero(labels == label)
        order = inside[np.argsort(scores[inside], kind="stable")]
        out[order] = (np.arange(len(inside)) + 1) / len(inside)
    return out
