"""Distance to all others: what is near the middle can be made by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped


@dataclass(frozen=True, kw_only=True)
class GeometricMedian(Grouped):
    """``score(u) = sum_v ||w_u - w_v||``: filters near the geometric median go first, FPGM.

    He, Liu, Wang, Hu, Yang: Filter Pruning via Geometric Median, 2019 (arXiv:1811.00250).
    """

    name = "geometric_median"

    def member(self, material: Material, key: str, weights: Array) -> Array:
        return distances(weights).sum(axis=1)


def distances(points: Array) -> Array:
    """The Euclidean distances between rows: (n, d) -> (n, n)."""
    # centred first: large common offsets would cancel badly in the expanded square
    centred = points - points.mean(axis=0)
    gram = centred @ centred.T
    squares = np.diag(gram)
    squared = np.maximum(squares[:, None] + squares[None, :] - 2 * gram, 0.0)
    np.fill_diagonal(squared, 0.0)
    return np.sqrt(squared)
