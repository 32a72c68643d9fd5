"""L2 norm of a unit's weights."""

from __future__ import annotations

import numpy as np

from prunelab.criteria.base import Array, Material


class L2Weight:
    """``score(u) = sqrt(sum_i w_ui^2)``: as L1, with large weights counting more.

    He, Kang, Dong, Fu, Yang: Soft Filter Pruning, 2018 (arXiv:1808.06866).
    """

    name = "l2_weight"

    def __call__(self, material: Material) -> Array:
        return np.sqrt(np.square(material.weights).sum(axis=1))
