"""How large a unit's activations are."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


@dataclass(frozen=True, kw_only=True)
class Activation(Normalized):
    """``score(u) = E |a_u|``, over positions and samples.

    Polyak, Wolf: Channel-Level Acceleration of Deep Face Representations, 2015 (IEEE Access 3, before arXiv); Molchanov
    et al., 2017 (arXiv:1611.06440), section 2.2, "activation".
    """

    name = "activation"
    needs = ("activations",)

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        return material.activations.magnitude
