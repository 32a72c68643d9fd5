"""First-order Taylor expansion of the loss: by weights, and by activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped, Normalized


@dataclass(frozen=True, kw_only=True)
class Taylor(Grouped):
    """``score(u) = (sum_i g_ui w_ui)^2``: by how much the loss changes, to first order, if the unit's weights are zero.

    Molchanov, Mallya, Tyree, Frosio, Kautz: Importance Estimation for Neural Network Pruning, 2019 (arXiv:1906.10771),
    equation 8 by group. With ``together=False`` the squares of single weights are summed, ``sum_i E[g_ui^2] w_ui^2``,
    the paper's equation 9, each batch's gradient for itself.
    """

    name = "taylor"
    needs = ("gradients",)
    comparable = True
    together: bool = True

    def member(self, material: Material, key: str, weights: Array) -> Array:
        assert material.gradients is not None
        assert material.squares is not None
        if not self.together:
            return (material.squares[key] * np.square(weights)).sum(axis=1)
        return np.square((material.gradients[key] * weights).sum(axis=1))


@dataclass(frozen=True, kw_only=True)
class TaylorActivation(Normalized):
    """``score(u) = E_x |sum_positions a_u dL/da_u|``: the loss's change if the unit's activation is zero.

    Molchanov, Tyree, Karras, Aila, Kautz: Pruning Convolutional Neural Networks for Resource Efficient Inference, 2017
    (arXiv:1611.06440), equation 7; ``normalize="mean"`` or "gaussian" stand for its layer-wise normalisation.
    """

    name = "taylor_activation"
    needs = ("activations", "activation_gradients")
    comparable = True

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        assert material.activations.taylor is not None
        return material.activations.taylor
