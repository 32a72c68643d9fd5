"""The scopes by name: how a budget can be spread over groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prunelab.errors import unknown_name
from prunelab.plan.allocation import Allocation, Field, Global, Local
from prunelab.plan.bearable import Bearable
from prunelab.plan.budget import Budget
from prunelab.plan.clusters import Clusters
from prunelab.plan.isomorphic import Isomorphic
from prunelab.plan.uniform import EvenMacs, UniformMacs

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


def scope_of(scope: Any) -> Callable[[Field], Allocation]:
    """What makes the allocation of a scope's name, or of an object that is one.

    Raises:
        UnknownNameError: a name that nobody knows.
    """
    if isinstance(scope, EvenMacs):
        return scope.over
    if not isinstance(scope, str) or scope not in SCOPES:
        raise unknown_name("scope", scope, SCOPES)
    return SCOPES[scope]
