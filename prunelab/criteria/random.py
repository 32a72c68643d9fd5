"""Chance: the baseline that every other criterion has to beat."""

from __future__ import annotations

from prunelab.criteria.base import Array, Material


class Random:
    """``score(u)`` is drawn uniformly from [0, 1), the same for the same seed and group.

    Mittal, Bhardwaj, Khapra, Ravindran: Recovering from Random Pruning, 2018 (arXiv:1801.10447).
    """

    name = "random"
    comparable = True

    def __call__(self, material: Material) -> Array:
        return material.rng.random(material.units)
