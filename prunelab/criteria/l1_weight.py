"""L1 norm of a unit's weights."""

from __future__ import annotations

import numpy as np

from prunelab.criteria.base import Array, Material


class L1Weight:
    """``score(u) = sum_i |w_ui|``: filters of small magnitude go first.

    Li, Kadav, Durdanovic, Samet, Graf: Pruning Filters for Efficient ConvNets, 2017 (arXiv:1608.08710).
    """

    name = "l1_weight"

    def __call__(self, material: Material) -> Array:
        return np.abs(material.weights).sum(axis=1)
