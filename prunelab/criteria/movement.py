"""Weights that move towards zero go, whatever their size."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped


@dataclass(frozen=True, kw_only=True)
class FirstOrderMovement(Grouped):
    """``score(u) = - sum_i g_ui w_ui``: positive where a step of gradient descent takes the weights away from zero.

    Sanh, Wolf, Rush: Movement Pruning: Adaptive Sparsity by Fine-Tuning, 2020 (arXiv:2005.07683), equation 4, taken by
    unit over the calibration data.
    """

    name = "first_order_movement"
    needs = ("gradients",)
    comparable = True

    def member(self, material: Material, key: str, weights: Array) -> Array:
        assert material.gradients is not None
        return -(material.gradients[key] * weights).sum(axis=1)
