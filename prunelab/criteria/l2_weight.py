"""L2 norm of a unit's weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped
from prunelab.criteria.rows import row_sums


@dataclass(frozen=True, kw_only=True)
class L2Weight(Grouped):
    """``score(u) = sqrt(sum_i w_ui^2)``: as L1, with large weights counting more.

    He, Kang, Dong, Fu, Yang: Soft Filter Pruning, 2018 (arXiv:1808.06866). Torch-Pruning's ``p=2`` is its square.
    """

    name = "l2_weight"

    def member(self, material: Material, key: str, weights: Array) -> Array:
        return row_sums(np.square, weights)

    def finish(self, scores: Array) -> Array:
        # LAMP is a share of squared norms
        return scores if self.normalize == "lamp" else np.sqrt(scores)
