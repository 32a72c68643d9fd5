"""Mean magnitude of a unit's weights."""

from __future__ import annotations

import numpy as np

from prunelab.criteria.base import Array, Material


class Mean:
    """``score(u) = mean_i |w_ui|``: L1 divided by the number of weights.

    So groups of large and of small filters compare.
    """

    name = "mean"

    def __call__(self, material: Material) -> Array:
        return np.abs(material.weights).mean(axis=1)
