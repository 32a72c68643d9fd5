"""What a step takes away: from a plan and a wish to a larger plan. Pure but for reading weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.criteria import CRITERIA, Criterion, criterion_of, needs_of, score
from prunelab.errors import OptionError, check_ratio, check_whole, unknown_name
from prunelab.evaluate import calibrate
from prunelab.graph import Graph, Group
from prunelab.graph.sparse import Pattern
from prunelab.plan import Plan, propose
from prunelab.plan.allocation import Limits, n_removed
from prunelab.plan.plan import PlanGroup
from prunelab.plan.scopes import SCOPES
from prunelab.plan.sparse import SparseGroup

# what is counted -> what a person calls it
MEASURES = {"sparsity": "units", "macs": "MACs", "params": "params"}

Scores = Callable[[Group], np.ndarray[Any, Any]]


def weight_criteria() -> list[str]:
    """The names of the criteria that need nothing but weights."""
    return [name for name, criterion in CRITERIA.items() if not needs_of(criterion)]


@dataclass(frozen=True)
class Cut:
    """How a step chooses: the criterion, what kept units come in multiples of, what a unit is, and the seed for
    criteria that draw; ``data`` and ``loss`` are for criteria that look at activations or gradients."""

    criterion: str | Criterion
    round_to: int = 1
    granularity: str = "auto"
    seed: int = 0
    data: Any = None
    loss: Any = None

    def __post_init__(self) -> None:
        criterion_of(self.criterion)
        object.__setattr__(self, "round_to", check_whole(self.round_to, "round_to", 1))

    @property
    def needs(self) -> tuple[str, ...]:
        """What the criterion looks at beside weights."""
        return tuple(needs_of(criterion_of(self.criterion)))

    def check(self, why: str) -> Cut:
        """The same, whose data is there where it is needed; ``why`` tells what to do where it is not.

        Raises:
            OptionError: a criterion that looks at data, without any.
        """
        if self.needs and self.data is None:
            raise OptionError(f"the criterion {self.criterion_name} looks at {' and '.join(self.needs)}, {why}, or "
                              f"choose one that looks at weights ({', '.join(weight_criteria())})")
        return self

    def scores(self, graph: Graph, group: Group) -> np.ndarray[Any, Any]:
        """The scores of a group's units, data gathered where it is looked at."""
        seen = None
        if self.needs:
            seen = calibrate(graph, self.data, self.criterion, loss=self.loss, groups=[group])
        return score(graph, group, self.criterion, seed=self.seed, calibration=seen)

    @property
    def criterion_name(self) -> str:
        """The criterion's name."""
        return criterion_of(self.criterion).name


@dataclass(frozen=True)
class Target:
    """What is to be gone of the dense model, over all layers: a ``ratio`` of the units, MACs or params."""

    by: str
    ratio: float
    scope: str

    def __post_init__(self) -> None:
        if self.by not in MEASURES:
            raise unknown_name("measure", self.by, MEASURES, place="by")
        if self.scope not in SCOPES:
            raise unknown_name("scope", self.scope, SCOPES)

    def __str__(self) -> str:
        return f"{100 * self.ratio:.3g} % of {MEASURES[self.by]}"


def find_group(graph: Graph, layer: str) -> Group:
    """The prunable group that holds a layer's output.

    Raises:
        UnknownNameError: no such layer; the nearest is in the message.
        OptionError: one that is frozen, with the reason.
    """
    group = graph.group(layer)
    if not group.prunable:
        raise OptionError(f"{group.name} cannot be cut: {group.reason}; choose one of lab.graph.prunable")
    return group


def next_group(graph: Graph, plan: Plan, ratio: float, cut: Cut) -> Group:
    """The first group in network order that loses units at ``ratio``.

    Raises:
        OptionError: all are at it.
    """
    for group in graph.prunable:
        if takes_more(plan, group, ratio, cut):
            return group
    rounded = f" in multiples of {cut.round_to}" if cut.round_to > 1 else ""
    raise OptionError(f"every layer is at the ratio {ratio:g}{rounded} already; give a higher one, or go back")


def gone(plan: Plan, group: str) -> tuple[int, ...]:
    """The units of a group that are gone; none where the plan only masks weights in their place."""
    return next((g.removed for g in plan.groups if g.name == group and isinstance(g, PlanGroup)), ())


def takes_more(plan: Plan, group: Group, ratio: float, cut: Cut) -> bool:
    """Whether a group loses units at ``ratio`` that are not gone yet."""
    off = frozenset(gone(plan, group.name))
    limits = Limits(cut.round_to, {group.name: off})
    return limits.n_kept(group.name, group.units, n_removed(ratio, group.units)) < group.units - len(off)


def check_mixed(plan: Plan, granularity: str = "auto") -> None:
    """That weights masked in their place and units that are cut leave each other whole.

    Raises:
        OptionError: of tiles and of runs of m inputs, the smaller model would have parts.
    """
    asked = Pattern.parse(granularity)
    masks = [g for g in plan.groups if isinstance(g, SparseGroup) and g.n_removed]
    units = [g for g in plan.groups if not isinstance(g, SparseGroup) and g.n_removed]
    if asked is not None and asked.kind in ("n:m", "block") and units:
        raise OptionError(f"units of {units[0].name} are cut here, and of the '{granularity}' of weights the smaller "
                          "model would have parts; mask first, in a state that has all its units: lab.goto('s0')")
    kinds = [g.granularity for g in masks if g.granularity not in ("element", "kernel")]
    if asked is None and kinds:
        raise OptionError(f"weights are masked by '{kinds[0]}' here, of which the smaller model would have parts if "
                          "units went; cut first, in a state without these masks: lab.goto('s0')")


def units_at(plan: Plan, group: Group, ratio: float, cut: Cut, scores: Scores) -> tuple[int, ...]:
    """The units of a group that are gone at ``ratio``: those that are, and those of the lowest scores."""
    gone = frozenset(plan.removed(group.name))
    limits = Limits(cut.round_to, {group.name: gone})
    return limits.choose(group.name, scores(group), n_removed(ratio, group.units))


def cut_layer(graph: Graph, plan: Plan, group: Group, ratio: float, cut: Cut) -> Plan:
    """``plan`` with ``ratio`` of one group's dense units gone.

    Raises:
        OptionError: a ratio below what is gone, or one that takes no further unit.
    """
    check_ratio(ratio, place=f"the ratio of {group.name}")
    gone = len(plan.removed(group.name))
    if n_removed(ratio, group.units) < gone:
        raise OptionError(f"the ratio {ratio:g} of {group.name} is below what is gone: {gone} of {group.units} units; "
                          "go back to a state before they went, or give a higher ratio")
    removed = units_at(plan, group, ratio, cut, lambda g: cut.scores(graph, g))
    if len(removed) == gone:
        raise OptionError(f"the ratio {ratio:g} takes no further unit of {group.name}: {gone} of {group.units} are "
                          f"gone; {_least_more(group, gone, cut)}")
    return plan.with_removed(graph, {group.name: removed}, criterion=cut.criterion_name, scope="layer",
                             target=f"{group.name}={ratio:g}", round_to=cut.round_to, seed=cut.seed)


def _least_more(group: Group, gone: int, cut: Cut) -> str:
    """The smallest ratio that takes another unit, as advice."""
    limits = Limits(cut.round_to, {group.name: frozenset(range(gone))})
    for n in range(gone + 1, group.units):
        if limits.n_kept(group.name, group.units, n) < group.units - gone:
            # upwards in the last digit that is shown, so that what a person types takes it
            return f"give at least {math.ceil(1000 * n / group.units) / 1000:.3f}"
    why = f"kept units come in multiples of {cut.round_to}" if cut.round_to > 1 else "the last one stays"
    return f"none can go, since {why}; choose another layer"


def cut_all(graph: Graph, plan: Plan, target: dict[str, float], scope: str, cut: Cut) -> Plan:
    """``plan`` grown until ``target`` (sparsity, macs or params: a fraction of the dense model) is met over all
    layers."""
    return propose(graph, cut.criterion, scope=scope, round_to=cut.round_to, seed=cut.seed, start=plan,
                   data=cut.data, loss=cut.loss,
                   sparsity=target.get("sparsity"), macs=target.get("macs"), params=target.get("params"))


def check_ratios(graph: Graph, ratios: Mapping[str, float]) -> dict[str, float]:
    """Several layers' ratios, by group, without those that are 0.

    Raises:
        OptionError: a ratio out of its range; a layer that is frozen; no ratio above 0.
        UnknownNameError: no such layer.
    """
    found = {find_group(graph, layer).name: check_ratio(ratio, place=f"the ratio of {layer}")
             for layer, ratio in ratios.items()}
    found = {name: ratio for name, ratio in found.items() if ratio}
    if not found:
        raise OptionError("no layer has a ratio above 0; give some, such as {'conv1': 0.3}")
    return found


def reached(plan: Plan, by: str) -> float:
    """The fraction of the dense model's units ("sparsity"), "macs" or "params" that a plan takes."""
    if by == "sparsity":
        return plan.sparsity
    dense = getattr(plan.dense_cost, by)
    return 1 - getattr(plan.cost, by) / dense if dense else 0.0


def contains(plan: Plan, part: Plan) -> bool:
    """Whether ``plan`` cuts all that ``part`` cuts."""
    return all(not only_part for _, only_part in plan.diff(part).values())


def takes_the_same(plan: Plan, other: Plan) -> bool:
    """Whether two plans take the same; groups that are whole count for nothing."""
    a, b = ({g.name: g for g in p.groups if g.n_removed} for p in (plan, other))
    return a == b
