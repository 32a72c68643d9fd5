"""Granularity "layer": residual branches scored against each other, some of them spared."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.criteria import Criterion, needs_of, score
from prunelab.errors import OptionError, unknown_name
from prunelab.plan.plan import Plan, PlanGroup

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

Array = np.ndarray[Any, Any]


# What pieces of a weight can be scored by: the rest speaks of units of a width.
_OF_INPUTS = frozenset({"input_squares", "input_moments"})
_OF_WEIGHTS = _OF_INPUTS | {"gradients"}


def check_needs(criterion: Criterion, granularity: str) -> None:
    """Refuse a criterion that looks at what is not known of blocks, or of pieces of a weight.

    Raises:
        OptionError: it does.
    """
    needs = set(needs_of(criterion)) - (_OF_WEIGHTS if granularity != "layer" else set())
    if needs:
        raise OptionError(f"granularity '{granularity}' compares weights, and the criterion {criterion.name} looks at "
                          f"{' and '.join(sorted(needs))}; choose one that looks at weights, such as l1_weight")


def check_of_units(criterion: Criterion, granularity: str) -> None:
    """Refuse a criterion of single weights where whole units are compared.

    Raises:
        OptionError: it is one.
    """
    if _OF_INPUTS.intersection(needs_of(criterion)):
        raise OptionError(f"the criterion {criterion.name} scores single weights, and granularity '{granularity}' "
                          "takes whole units; ask for granularity='element' or '2:4', or choose another criterion, "
                          "such as reconstruction")


def check_blocks(scope: str, target: str) -> None:
    """Refuse what has no meaning for blocks, which are one group and go whole.

    Raises:
        OptionError: a scope that spreads over groups, or ratios of layers.
    """
    if scope not in ("local", "global"):
        raise OptionError(f"scope is '{scope}', and granularity 'layer' has one group to choose from; leave scope out")
    if target == "ratios":
        raise OptionError("ratios are of layers' units, and granularity 'layer' takes layers out whole; ask for "
                          "sparsity, macs or params, and name in ignore what is to stay")


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
        if len(units) and np.isposinf(scores[name][list(units)]).any():
            most = np.isfinite(scores[name]).sum()
            raise OptionError(f"{target} cannot be met: {most} of {len(scores[name])} {name} may go, and {len(units)} "
                              "would have to; ask for less, or ignore fewer of them")
