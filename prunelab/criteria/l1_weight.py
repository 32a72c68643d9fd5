"""L1 norm of a unit's weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped
from prunelab.criteria.rows import row_sums


@dataclass(frozen=True, kw_only=True)
class L1Weight(Grouped):
    """``score(u) = sum_i |w_ui|``: filters of small magnitude go first.

    Li, Kadav, Durdanovic, Samet, Graf: Pruning Filters for Efficient ConvNets, 2017 (arXiv:1608.08710).
    """

    name = "l1_weight"

    def member(self, material: Material, key: str, weights: Array) -> Array:
        return row_sums(np.abs, weights)
