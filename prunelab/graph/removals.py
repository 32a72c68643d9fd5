"""What the graph needs of a plan, which lives in a room below; and the granularities that a plan may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from prunelab.graph.program import TensorSpec


class Removal(Protocol):
    """What the graph needs of a group in a plan."""

    @property
    def name(self) -> str: ...
    @property
    def units(self) -> int: ...
    @property
    def removed(self) -> Sequence[int]: ...


class Removals(Protocol):
    """What the graph needs of a plan; `prunelab.Plan` is one, and lives in a room below."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def inputs(self) -> Sequence[TensorSpec]: ...
    @property
    def groups(self) -> Sequence[Removal]: ...


# What changes the numbers that a model takes or gives, and is frozen unless it is asked for.
OPENED = ("vocabulary", "expert", "spatial")
GRANULARITIES = ("auto", "channel", "head", "hidden", "width", "layer", *OPENED)
PATTERNS = ("element", "n:m", "kernel", "block")


def is_sparse(group: Any) -> bool:
    """Whether a plan's group masks weights in their place."""
    return hasattr(group, "zeros")


def masked_weights(plan: Removals | None) -> dict[str, np.ndarray[Any, Any]]:
    """For each weight that a plan masks in its place: bool of its shape, true where it is zero."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for group in () if plan is None else plan.groups:
        if is_sparse(group):
            found[group.parameter] = group.zeros  # type: ignore[attr-defined]
    return found
