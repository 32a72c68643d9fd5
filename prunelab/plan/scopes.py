"""The scopes by name: how a budget can be spread over groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prunelab.plan.allocation import Allocation, Field, Global, Local
from prunelab.plan.bearable import Bearable
from prunelab.plan.budget import Budget
from prunelab.plan.clusters import Clusters
from prunelab.plan.isomorphic import Isomorphic
from prunelab.plan.uniform import UniformMacs

SCOPES: Mapping[str, Callable[[Field], Allocation]] = {
    "local": Local.over,
    "global": Global.over,
    "isomorphic": Isomorphic.over,
    "uniform_macs": UniformMacs.over,
    "clusters": Clusters.over,
    "sensitivity": Bearable.over,
    "budget": Budget.over,
}

# What a scope needs of calibration data
SCOPE_NEEDS: Mapping[str, tuple[str, ...]] = {"clusters": ("activations",)}
