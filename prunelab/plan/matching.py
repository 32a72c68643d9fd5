"""What names and patterns mean: groups, and ratios by group."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from prunelab.errors import OptionError, unknown_name
from prunelab.graph import Graph

if TYPE_CHECKING:
    from prunelab.graph import Group


def match(graph: Graph, pattern: str, *, place: str, among: Sequence[Group] | None = None) -> list[Group]:
    """The groups that a name or a pattern means: a group, the groups of a layer's outputs, or all that match.

    Args:
        among: the groups that are meant; all of the graph's without it.

    Raises:
        UnknownNameError: nothing is called so.
    """
    groups = graph.groups if among is None else among
    exact = [g for g in groups if g.name == pattern]
    if exact:
        return exact
    found = [g for g in groups if pattern in g.layers]
    if not found and any(c in pattern for c in "*?["):
        found = [g for g in groups if fnmatch.fnmatchcase(g.name, pattern)
                 or any(fnmatch.fnmatchcase(layer, pattern) for layer in g.layers)]
    if not found:
        known = dict.fromkeys([*(g.name for g in groups), *(x for g in groups for x in g.layers)])
        raise unknown_name("layer", pattern, known, place=place)
    return found


def by_group(graph: Graph, ratios: Mapping[str, float], groups: list[Group],
             among: Sequence[Group]) -> dict[str, float]:
    """The ratio of each of ``groups``, of ratios by name or pattern.

    Raises:
        UnknownNameError, OptionError: a name that nothing has; a group that cannot be cut.
    """
    out: dict[str, float] = {}
    allowed = {g.name for g in groups}
    for pattern, ratio in ratios.items():
        matched = match(graph, pattern, place="ratios", among=among)
        if not any(g.prunable for g in matched) and ratio > 0:
            frozen = matched[0]
            raise OptionError(f"'{pattern}' in ratios cannot be cut: {frozen.name} is frozen by {frozen.reason}; "
                              "leave it out, or choose a group of graph.prunable")
        out.update({g.name: ratio for g in matched if g.name in allowed})
    return out
