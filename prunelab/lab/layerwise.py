"""Iterative layer-wise runs: which layer is taken when, and how far; the same whenever a run is gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.criteria import criterion_of
from prunelab.errors import OptionError, check_ratio
from prunelab.evaluate import sensitivity
from prunelab.evaluate.progress import Progress
from prunelab.graph import Graph
from prunelab.lab.cuts import Cut, find_group
from prunelab.lab.progress import Meter
from prunelab.lab.work import Work
from prunelab.plan import Plan
from prunelab.plan.layers import layers
from prunelab.plan.schedules import LAYER_SCHEDULES, LayerStep


def layer_ratios(graph: Graph, to: float | Mapping[str, float]) -> dict[str, float]:
    """By group, in network order: ``to`` for each, or what it says of each.

    Raises:
        UnknownNameError, OptionError: a layer that is not there or frozen; a ratio outside ``[0, 1)``.
    """
    if not isinstance(to, Mapping):
        return {group.name: check_ratio(to, place="to") for group in graph.prunable}
    found = {find_group(graph, layer).name: check_ratio(ratio, place=f"to.{layer}") for layer, ratio in to.items()}
    return {group.name: found[group.name] for group in graph.prunable if group.name in found}


def layer_steps(schedule: str, work: Work, ratios: Mapping[str, float], rounds: int, cut: Cut,
                meter: Meter) -> tuple[LayerStep, ...]:
    """What is cut when. What orders the layers is looked at in the uncut model, so that a run that is gone on with has
    the same order."""
    order: Any = list(ratios)
    if schedule == "by_cost":
        costs = {row.name: row.macs or 0 for row in layers(work.bench.graph)}
        order = {name: costs.get(name, 0) for name in ratios}
    elif schedule == "by_sensitivity":
        order = _losses(work, ratios, cut, meter)
    return LAYER_SCHEDULES[schedule](order, ratios, rounds)


def _losses(work: Work, ratios: Mapping[str, float], cut: Cut, meter: Meter) -> Mapping[str, Mapping[float, float]]:
    """What each layer alone costs at its ratio, measured in the uncut model; kept in the workspace."""
    bench, task = work.bench, work.task
    if task.val is None:
        raise OptionError("the schedule by_sensitivity needs validation data; open the Lab with val=, or choose "
                          "in_order or by_cost")

    def told(progress: Progress) -> None:
        meter.tell()
        meter.control.check()

    here = bench.state
    uncut = next(state for state in reversed(bench.nodes.path(here)) if not state.plan)
    bench.visit(uncut)
    try:
        found = sensitivity(
            bench.graph, task.val, ratios=sorted({ratio for ratio in ratios.values() if ratio}),
            metric=next(iter(task.metrics), "loss"), loss=task.loss, criterion=criterion_of(cut.criterion),
            groups=list(ratios), plan=Plan.empty(bench.graph), seed=work.seed, on_progress=told,
            cache=None if bench.store.folder is None else bench.store.folder / "sensitivity")
    finally:
        bench.visit(here)
    return found.losses
