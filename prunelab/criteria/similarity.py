"""Units that say what another one says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Activations, Array, Material
from prunelab.criteria.grouped import Normalized


@dataclass(frozen=True, kw_only=True)
class Similarity(Normalized):
    """One of the two most alike units goes, then one of the next two: ``score(u) = 1 - |corr(a_u, a_v)|``, v the most
    alike unit of those still there when u goes; of the two it is the one of less variance.

    Ayinde, Inanc, Zurada: Redundant Feature Pruning for Accelerated Inference in Deep Neural Networks, 2019 (Neural
    Networks 118; arXiv:1802.07653 is its short form), with responses in the place of weights.
    """

    name = "similarity"
    needs = ("activations",)
    comparable = True

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        alike = np.abs(correlations(material.activations))
        variance = np.diag(covariance(material.activations)).copy()
        np.fill_diagonal(alike, -1.0)
        scores, least = np.ones(material.units), 0.0
        for _ in range(material.units - 1):
            u, v = np.unravel_index(int(alike.argmax()), alike.shape)
            goes = u if (variance[u], u) <= (variance[v], v) else v
            least = max(least, float(1 - alike[u, v]))  # never below one that went before
            scores[goes] = least
            alike[goes, :] = alike[:, goes] = -1.0
        return scores


def covariance(activations: Activations) -> Array:
    """(units, units)."""
    return activations.gram - np.outer(activations.mean, activations.mean)


def correlations(activations: Activations) -> Array:
    """(units, units); a constant unit, which a bias can replace, is taken as fully alike to all."""
    spread = covariance(activations)
    deviation = np.sqrt(np.maximum(np.diag(spread), 0.0))
    constant = deviation <= 1e-7 * max(float(deviation.max()), 1e-30)
    scale = np.where(constant, 1.0, deviation)
    out = spread / np.outer(scale, scale)
    out[constant, :] = out[:, constant] = 1.0
    return np.clip(out, -1.0, 1.0)
