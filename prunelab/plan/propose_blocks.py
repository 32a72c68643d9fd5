"""Granularity "layer": residual branches scored against each other, some of them spared."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.criteria import Criterion, score
from prunelab.errors import OptionError, unknown_name
from prunelab.plan.plan import Plan, PlanGroup

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

Array = np.ndarray[Any, Any]


def propose_blocks(graph: Graph, base: Plan, criterion: Criterion, ignore: Sequence[str],
                   seed: int) -> tuple[Plan, dict[str, Array]]:
    """The plan with the group of blocks in it, and their scores; those to ignore have an infinite one.

    Raises:
        OptionError: a network without two branches that can go.
        UnknownNameError: no block is called so.
    """
    group = next((g for g in graph.at("layer") if g.prunable), None)
    if group is None:
        raise OptionError(f"{graph.program.model} has no two residual branches that can go as a whole, so granularity "
                          "'layer' has nothing to choose from; cut channels instead")
    if all(g.name != group.name for g in base.groups):
        base = replace(base, groups=(*base.groups, PlanGroup.of(group)))
    scores = score(graph, group, criterion, seed=seed)
    for name in ignore:
        scores[[group.labels.index(label) for label in _match(group, name)]] = np.inf
    return base, {group.name: scores}


def _match(group: Group, pattern: str) -> list[str]:
    found = [label for label in group.labels if label == pattern or fnmatch.fnmatchcase(label, pattern)]
    if not found:
        raise unknown_name("block", pattern, group.labels, place="ignore")
    return found


def check_spared(removed: Mapping[str, Sequence[int]], scores: Mapping[str, Array], target: str) -> None:
    """Refuse a choice that takes a unit that was to stay.

    Raises:
        OptionError: too much is asked for.
    """
    for name, units in removed.items():
        taken = [u for u in units if np.isposinf(scores[name][u])]
        if taken:
            most = np.isfinite(scores[name]).sum()
            raise OptionError(f"{target} cannot be met: {most} of {len(scores[name])} {name} may go, and {len(units)} "
                              "would have to; ask for less, or ignore fewer of them")
