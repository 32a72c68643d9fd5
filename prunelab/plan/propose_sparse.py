"""Scores and a target -> a plan of masked weights: single ones, n of m, kernels, tiles."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.criteria import Calibration, Criterion, score
from prunelab.errors import OptionError, unknown_name
from prunelab.graph.sparse import Array, Pattern, layout_of
from prunelab.plan.plan import Plan
from prunelab.plan.sparse import SparseGroup
from prunelab.plan.thresholds import lowest, lowest_of_each

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

SCOPES = ("local", "global")


@dataclass(frozen=True)
class SparseTarget:
    """What is asked for: ``kind`` is "sparsity", "params" or "ratios", or None where the pattern says it (n of m)."""

    kind: str | None
    value: Any

    def __str__(self) -> str:
        return "" if self.kind is None else f"{self.kind}={self.value}"


def propose_sparse(graph: Graph, pattern: Pattern, criterion: Criterion, target: SparseTarget, *, scope: str,
                   ignore: Iterable[str], seed: int, start: Plan | None,
                   gather: Callable[[list[Group]], Calibration | None]) -> Plan:
    """The plan that masks the units of lowest score; see `prunelab.propose`. ``gather`` looks at data for groups."""
    if scope not in SCOPES:
        raise unknown_name("scope", scope, SCOPES)
    fitting = graph.at(str(pattern))
    ignored = {g.name for name in ignore for g in match_weights(fitting, name, place="ignore")}
    groups = [g for g in fitting if g.prunable and g.name not in ignored]
    if not groups:
        reasons = "; ".join(dict.fromkeys(g.reason for g in fitting if g.reason)) or "every weight is ignored"
        raise OptionError(f"no weight of {graph.program.model} has units of granularity '{pattern}': {reasons}; "
                          "choose another granularity, or ignore less")
    base = start or replace(Plan.empty(graph), groups=())
    graph.check(base)
    before = {g.name: g for g in base.groups if isinstance(g, SparseGroup)}
    for name, old in before.items():
        if old.granularity != str(pattern):
            raise OptionError(f"start masks {name} by granularity '{old.granularity}', and '{pattern}' is asked for; "
                              "go on with the same granularity, or start anew")
    calibration = gather(groups)
    scores = {g.name: score(graph, g, criterion, seed=seed, calibration=calibration) for g in groups}
    for name in scores.keys() & before.keys():
        scores[name] = np.where(before[name].gone, -np.inf, scores[name])
    held = {name: before[name].n_removed for name in scores if name in before}
    chosen = _choose(graph, pattern, groups, scores, target, scope, held)
    made = {g.name: SparseGroup.of(g, _shape(graph, g)).with_gone(chosen[g.name].ravel()) for g in groups}
    kept = tuple(g for g in base.groups if g.name not in made)
    plan = replace(base, groups=(*kept, *made.values()), metrics={}, made={
        **base.made, "criterion": criterion.name, "scope": scope, "target": str(target), "seed": seed,
        "granularity": str(pattern), "ignore": sorted(ignored)})
    return replace(plan, cost=graph.cost(plan))


def _choose(graph: Graph, pattern: Pattern, groups: Sequence[Group], scores: Mapping[str, Array], target: SparseTarget,
            scope: str, held: Mapping[str, int]) -> dict[str, Array]:
    """By weight, which units go: as many as are masked already (``held``) at least, which have the lowest scores."""
    names = list(scores)

    def of_each(ratio: Callable[[str], float]) -> dict[str, Array]:
        return {n: lowest([scores[n]], max(held.get(n, 0), _n_gone(ratio(n), scores[n].size)))[0] for n in names}

    if pattern.kind == "n:m":
        return {g.name: _n_of_m(pattern, g, _shape(graph, g), scores[g.name]) for g in groups}
    if target.kind == "ratios":
        ratios = _by_weight(groups, target.value)
        return of_each(lambda name: ratios.get(name, 0.0))
    amount = target.value if target.kind == "sparsity" else _amount(graph, groups, target)
    if scope == "local":
        return of_each(lambda name: amount)
    total = sum(s.size for s in scores.values())
    # a weight alone is compared with any other; kernels and tiles of unlike sizes by what is usual in their layer
    raw = pattern.kind == "element"
    ranked = [scores[n] if raw else _relative(scores[n]) for n in names]
    return dict(zip(names, lowest(ranked, max(sum(held.values()), round(amount * total))), strict=True))


def _shape(graph: Graph, group: Group) -> tuple[int, ...]:
    return graph.tensor_shape(group.members[0].parameter)


def _n_gone(ratio: float, units: int) -> int:
    return min(units - 1, round(ratio * units))


def _relative(scores: Array) -> Array:
    finite = scores[np.isfinite(scores)]
    mean = float(np.abs(finite).mean()) if finite.size else 0.0
    return scores / mean if mean > 0 else scores


def _n_of_m(pattern: Pattern, group: Group, shape: tuple[int, ...], scores: Array) -> Array:
    """In each run of m inputs, the highest n stay: bool of the weight's shape."""
    n, m = pattern.size
    axis = layout_of(group.members, shape).into
    last = np.moveaxis(scores.reshape(shape), axis, -1)
    gone = lowest_of_each(last.reshape(-1, m), n).reshape(last.shape)
    return np.moveaxis(gone, -1, axis)


def _amount(graph: Graph, groups: Sequence[Group], target: SparseTarget) -> float:
    """The fraction of the groups' weights that is a fraction of all parameters."""
    held = sum(int(np.prod(_shape(graph, g))) for g in groups)
    dense = graph.cost().params
    amount = float(target.value) * dense / held
    if amount >= 1:
        most = held / dense
        raise OptionError(f"{target} cannot be met: the {len(groups)} weights that can be masked are {most:.3f} of the "
                          f"parameters; ask for less than {int(most * 1000) / 1000:.3f}, or ignore fewer layers")
    return amount


def match_weights(groups: Sequence[Group], pattern: str, *, place: str) -> list[Group]:
    """The weights that a name or a pattern means: a parameter, a layer, or all that match.

    Raises:
        UnknownNameError: nothing is called so.
    """
    def names(g: Group) -> tuple[str, ...]:
        return (g.name, g.members[0].parameter, *g.layers)

    found = [g for g in groups if pattern in names(g)]
    if not found and any(c in pattern for c in "*?["):
        found = [g for g in groups if any(fnmatch.fnmatchcase(n, pattern) for n in names(g))]
    if not found:
        raise unknown_name("layer", pattern, dict.fromkeys(n for g in groups for n in names(g)), place=place)
    return found


def _by_weight(groups: Sequence[Group], ratios: Mapping[str, float]) -> dict[str, float]:
    return {g.name: ratio for name, ratio in ratios.items() for g in match_weights(groups, name, place="ratios")}
