"""Fisher information of a unit's gate."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


@dataclass(frozen=True, kw_only=True)
class Fisher(Normalized):
    """``score(u) = 1/2 E_x (sum_positions a_u dL/da_u)^2``: the loss's rise to second order, the Hessian of the unit's
    gate taken as its Fisher information.

    Theis, Korshunova, Tejani, Huszar: Faster Gaze Prediction with Dense Networks and Fisher Pruning, 2018
    (arXiv:1801.05787), equation 11.
    """

    name = "fisher"
    needs = ("activations", "activation_gradients")
    comparable = True

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        assert material.activations.fisher is not None
        return 0.5 * material.activations.fisher
