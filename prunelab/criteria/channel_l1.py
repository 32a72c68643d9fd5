"""Channel-wise L1 over every member of a group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Grouped


@dataclass(frozen=True, kw_only=True)
class ChannelL1(Grouped):
    """``score(u) = sum over members m of sum_i |w^m_ui|``: what makes a channel, scales it and reads it.

    He, Zhang, Sun: Channel Pruning for Accelerating Very Deep Neural Networks, 2017 (arXiv:1707.06168) prune channels,
    where filter pruning counts what makes them only; the sum over a group is DepGraph's (Fang et al., 2023,
    arXiv:2301.12900).
    """

    name = "channel_l1"
    members: str = "all"

    def member(self, material: Material, key: str, weights: Array) -> Array:
        return np.abs(weights).sum(axis=1)
