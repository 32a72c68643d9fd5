"""A unit's share of its layer's weights, as a ranking and as a draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


def share(material: Material) -> Array:
    """How much of the layer's weights a unit has, in and out: (units,), sums to one."""
    total = np.zeros(material.units)
    for weights in (*material.makers.values(), *material.readers.values()):
        norms = np.sqrt(np.square(weights).sum(axis=1))
        total += norms / norms.sum() if norms.sum() > 0 else 1 / material.units
    return total / total.sum()


@dataclass(frozen=True, kw_only=True)
class Importance(Normalized):
    """``score(u) = 1/M sum_m ||w^m_u|| / sum_v ||w^m_v||``: the mean share of the members' norms; the least go first.

    The share is the relative magnitude of Evci, Ioannou, Keskin, Dauphin: Gradient Flow in Sparse Neural Networks, and
    How Lottery Tickets Win, 2022 (arXiv:2010.03533), taken by unit over what makes and what reads it.
    """

    name = "importance"

    def scores(self, material: Material) -> Array:
        return share(material)


@dataclass(frozen=True, kw_only=True)
class ImportanceSampling(Normalized):
    """Units are drawn, with probability by `Importance`, and what is drawn first is kept longest.

    ``score(u) = log(p_u) + g_u``, ``g_u`` from a Gumbel distribution: the highest k are k draws without replacement
    with probabilities p (Kool, van Hoof, Welling: Stochastic Beams and Where to Find Them, 2019, arXiv:1903.06059).
    Keeping a sample by importance has the error bounds of Baykal, Liebenwein, Gilitschenski, Feldman, Rus:
    Data-Dependent Coresets for Compressing Neural Networks, 2019 (arXiv:1804.05345). The same seed draws the same.
    """

    name = "importance_sampling"
    comparable = True

    def scores(self, material: Material) -> Array:
        with np.errstate(divide="ignore"):
            log_share = np.log(share(material))
        # a unit without weights is never drawn before one that has some; scores stay finite
        return np.maximum(log_share, -700.0) + material.rng.gumbel(size=material.units)


