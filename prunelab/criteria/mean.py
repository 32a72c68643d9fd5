"""Mean magnitude of a unit's weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped


@dataclass(frozen=True, kw_only=True)
class Mean(Grouped):
    """``score(u) = mean_i |w_ui|`` over the weights of all members: L1 divided by the number of weights.

    So groups of large and of small filters compare.
    """

    name = "mean"
    comparable = True
    reduction: str = "mean"

    def member(self, material: Material, key: str, weights: Array) -> Array:
        return np.abs(weights).mean(axis=1)

    def reduce(self, scores: Array, members: Sequence[Array]) -> Array:
        if self.reduction == "mean":
            return np.average(scores, axis=0, weights=[w.shape[1] for w in members])
        return super().reduce(scores, members)
