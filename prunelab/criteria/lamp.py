"""Layer-adaptive magnitude: a unit against all that are at least as large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped


@dataclass(frozen=True, kw_only=True)
class Lamp(Grouped):
    """``score(u) = ||w_u||^2 / sum_{v: ||w_v|| >= ||w_u||} ||w_v||^2``: comparable between layers, whatever their
    scale; the largest unit of each has one, so that no layer is emptied.

    Lee, Park, Mo, Ahn, Shin: Layer-Adaptive Sparsity for the Magnitude-Based Pruning, 2021 (arXiv:2010.07611), taken
    by unit.
    """

    name = "lamp"
    comparable = True
    normalize: str = "lamp"

    def member(self, material: Material, key: str, weights: Array) -> Array:
        return np.square(weights).sum(axis=1)
