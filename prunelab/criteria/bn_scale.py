"""The gain of the batch norm behind a unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import REDUCTIONS, Normalized
from prunelab.errors import OptionError, unknown_name


@dataclass(frozen=True, kw_only=True)
class BnScale(Normalized):
    """``score(u) = |gamma_u|``: network slimming; several norms of a group are brought together by ``reduction``.

    Liu, Li, Shen, Huang, Yan, Zhang: Learning Efficient Convolutional Networks through Network Slimming, 2017
    (arXiv:1708.06519). It is meant for networks trained with an L1 penalty on gamma: see `prunelab.train.sparse`.
    """

    name = "bn_scale"
    reduction: str = "sum"
    # the paper's own: one ranking of gamma over all layers
    comparable = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reduction not in REDUCTIONS:
            raise unknown_name("reduction", self.reduction, REDUCTIONS, place="the criterion bn_scale")

    def scores(self, material: Material) -> Array:
        gains = [np.abs(g).mean(axis=1) for key, g in material.scales.items() if key.endswith("weight[0]")]
        if not gains:
            raise OptionError("the criterion bn_scale finds no batch norm behind a group that is "
                              f"{', '.join(material.makers)}; ignore it, or use another criterion such as l1_weight")
        return REDUCTIONS[self.reduction](np.stack(gains))
