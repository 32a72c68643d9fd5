"""The rank of a unit's feature maps."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


@dataclass(frozen=True, kw_only=True)
class HRank(Normalized):
    """``score(u) = E_x rank(A_u(x))``: maps of low rank carry little; a map is (height, width), or (1, n) without such.

    Lin, Ji, Wang, Zhang, Zhang, Tian, Shao: HRank: Filter Pruning using High-Rank Feature Map, 2020 (arXiv:2002.10179).
    """

    name = "hrank"
    needs = ("activations", "feature_maps")

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        assert material.activations.rank is not None
        return material.activations.rank
