"""By how much the loss rises without a unit, measured."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


@dataclass(frozen=True, kw_only=True)
class Sensitivity(Normalized):
    """``score(u) = L(without u) - L``: each unit is taken away alone, and the loss on calibration data measured.

    The oracle of Molchanov, Tyree, Karras, Aila, Kautz: Pruning Convolutional Neural Networks for Resource Efficient
    Inference, 2017 (arXiv:1611.06440), section 2.2: one forward of what follows the cut for each unit.
    """

    name = "sensitivity"
    needs = ("losses",)
    comparable = True

    def scores(self, material: Material) -> Array:
        assert material.losses is not None
        return material.losses
