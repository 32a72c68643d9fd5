"""How often a unit is not zero."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


@dataclass(frozen=True, kw_only=True)
class Apoz(Normalized):
    """``score(u) = 1 - APoZ_u``, the average percentage of zeros after the activation: silent units go first.

    Hu, Peng, Tai, Tang: Network Trimming: A Data-Driven Neuron Pruning Approach, 2016 (arXiv:1607.03250).
    """

    name = "apoz"
    needs = ("activations",)

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        return 1 - material.activations.zeros
