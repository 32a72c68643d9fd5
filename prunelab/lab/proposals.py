"""A step before it is done: the plan afterwards, its label, and its line of code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from prunelab.graph import Graph, Group
from prunelab.lab.cuts import Cut, Target, cut_all, cut_layer, reached
from prunelab.lab.options import Healing
from prunelab.plan import Plan, propose
from prunelab.plan.plan import PlanGroup
from prunelab.render.numbers import counted, percent


@dataclass(frozen=True)
class Proposal:
    """A step before it is done: the plan afterwards, what it is called, and the line of Python that makes it."""

    plan: Plan
    label: str
    action: str


def propose_layer(graph: Graph, plan: Plan, group: Group, ratio: float, cut: Cut, healing: Healing) -> Proposal:
    """The step that cuts one group to ``ratio``."""
    larger = cut_layer(graph, plan, group, ratio, cut)
    action = line([repr(group.name), f"ratio={ratio!r}"], cut, healing)
    return Proposal(larger, f"{group.name} {percent(ratio, 0)}", action)


def propose_layers(graph: Graph, plan: Plan, ratios: Mapping[str, float], cut: Cut, healing: Healing) -> Proposal:
    """The step that cuts several groups, each to its ratio; those that are so far already stay."""
    larger = propose(graph, cut.criterion, ratios=ratios, round_to=cut.round_to, seed=cut.seed, start=plan,
                     data=cut.data, loss=cut.loss)
    moved = [name for name in ratios if larger.removed(name) != plan.removed(name)]
    return Proposal(larger, counted(len(moved), "layer"), line([repr(dict(ratios))], cut, healing))


def propose_all(graph: Graph, plan: Plan, target: Target, cut: Cut, healing: Healing) -> Proposal:
    """The step that cuts all groups until the target is met."""
    larger = cut_all(graph, plan, {target.by: target.ratio}, target.scope, cut)
    action = line([f"ratio={target.ratio!r}", f"by={target.by!r}", f"scope={target.scope!r}"], cut, healing)
    # rounding may take more than was asked: the label tells what is gone
    return Proposal(larger, str(replace(target, ratio=reached(larger, target.by))), action)


_LONGEST = 500  # characters of a plan in a line of code; beyond, the line names the state that has the plan


def adopt_line(plan: Plan, state: str, healing: Healing) -> str:
    """The line of Python that repeats the adoption of a plan, which ``state`` has then."""
    plain = all(isinstance(group, PlanGroup) for group in plan.groups)
    units = {group.name: list(group.removed) for group in plan.groups if group.n_removed} if plain else {}
    told = repr(units) if units and len(repr(units)) <= _LONGEST else repr(state)
    return f"lab.adopt({told}, {healing})"


def line(arguments: list[str], cut: Cut, healing: Healing) -> str:
    """The line of Python that repeats a step."""
    more = [f"criterion={cut.criterion_name!r}"]
    more += [f"round_to={cut.round_to}"] if cut.round_to != 1 else []
    more += [f"granularity={cut.granularity!r}"] if cut.granularity != "auto" else []
    return f"lab.step({', '.join([*arguments, *more, str(healing)])})"
