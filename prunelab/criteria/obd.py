"""Optimal brain damage: the diagonal of the Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped


@dataclass(frozen=True, kw_only=True)
class Obd(Grouped):
    """``score(u) = 1/2 sum_i h_ui w_ui^2``, ``h = E[g^2]``: the loss's rise if the unit's weights are zero, its Hessian
    taken as diagonal.

    LeCun, Denker, Solla: Optimal Brain Damage, NIPS 1989 (before arXiv), equation 5. The diagonal is the mean square of
    the batches' gradients, which is the Fisher information's up to a factor that is the same for all weights.
    """

    name = "obd"
    needs = ("gradients",)
    comparable = True

    def member(self, material: Material, key: str, weights: Array) -> Array:
        assert material.squares is not None
        return 0.5 * (material.squares[key] * np.square(weights)).sum(axis=1)
