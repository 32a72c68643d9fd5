"""From what a trial chose to a plan and what it costs: scores and calibration gathered once for all trials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from prunelab.criteria import Calibration, Criterion, needs_of, score
from prunelab.errors import OptionError
from prunelab.evaluate import NetworkLatency, Sensitivity, calibrate, latency, sensitivity
from prunelab.evaluate.identity import digest, fingerprint
from prunelab.graph import Graph, Group
from prunelab.graph.removals import is_sparse
from prunelab.graph.sparse import Pattern
from prunelab.plan import Plan, propose
from prunelab.plan.scopes import SCOPE_NEEDS
from prunelab.search.building import Builder
from prunelab.search.fields import TARGETS
from prunelab.search.space import Space
from prunelab.surgery import compact

# Scopes that want to know what each group bears
_LOSSES = ("sensitivity", "budget")
# What follows a cut: two trials of one plan that differ in it are two
_HEALING = ("repair", "epochs", "lr", "optimizer", "sentences", "quantization", "arguments")


@dataclass(frozen=True)
class Candidate:
    """A trial before it runs: its settings, its plan, what it will cost by name, and a ``key`` that is the same for
    trials which cannot but come out the same."""

    settings: Mapping[str, Any]
    plan: Plan
    costs: Mapping[str, float]
    key: str

    @property
    def trains(self) -> bool:
        """Whether weights change: a model of its own is needed then."""
        return bool(self.settings["repair"] or self.settings["epochs"])


class Planner:
    """Plans of one space for one model.

    Args:
        base: what is gone already. ``costs``: the names of those that are wanted. ``data``, ``loss``: for criteria and
            scopes that look at data. ``builder``: of the networks that trials build, where they do.
    """

    def __init__(self, graph: Graph, space: Space, base: Plan, *, costs: tuple[str, ...] = (), data: Any = None,
                 loss: Any = None, seed: int = 0, builder: Builder | None = None) -> None:
        self.graph, self.space, self.base, self.seed = graph, space, base, seed
        self._costs, self._data, self._loss, self._builder = costs, data, loss, builder
        self._scores: dict[tuple[Any, ...], Any] = {}
        self._calibrations: dict[str, Calibration] = {}

    @property
    def dense(self) -> Candidate:
        """The model as it is: what is gone already, and nothing else."""
        return Candidate(Space().settings({}), self.base, self.costs(self.base), "dense")

    def candidate(self, chosen: Mapping[str, Any]) -> Candidate:
        """The plan of what a trial chose.

        Raises:
            OptionError: a target that cannot be met.
        """
        settings = self.space.settings(chosen)
        return self._on(settings["arguments"])._candidate(settings)

    def _on(self, arguments: Mapping[str, Any]) -> Planner:
        """The planner of the network that these arguments build; this one, where there are none."""
        if self._builder is None or not arguments:
            return self
        graph = self._builder.graph(arguments)
        return Planner(graph, self.space, Plan.empty(graph), costs=self._costs, data=self._data, loss=self._loss,
                       seed=self.seed)

    def _candidate(self, settings: Mapping[str, Any]) -> Candidate:
        plan = self._plan(settings)
        cut = [(g.name, np.asarray(g.zeros if is_sparse(g) else g.removed))  # type: ignore[union-attr]
               for g in plan.groups if g.n_removed]
        key = fingerprint({"plan": digest(cut), **{name: settings[name] for name in _HEALING}})
        return Candidate(settings, plan, self.costs(plan, settings), key)

    def _plan(self, settings: Mapping[str, Any]) -> Plan:
        granularity, scope = settings["granularity"], settings["scope"]
        criterion = self._criterion(settings)
        amount = {name: settings[name] for name in TARGETS if settings[name] is not None}
        if not amount:
            amount = {"ratios": self._ratios(settings["ratios"], granularity)}
        pattern = Pattern.parse(granularity)
        if pattern is not None and pattern.kind == "n:m":
            amount = {}
        plan, region = self.base, granularity == "spatial"  # which is found in the data, and not by scores of weights
        if amount.get("ratios", True):  # there may be words, a region, or a constructor's arguments alone
            plan = propose(
                self.graph, criterion, **amount, scope=scope, granularity=granularity, round_to=settings["round_to"],
                ignore=self.space.ignore, seed=self.seed, start=plan, losses=self.losses if scope in _LOSSES else None,
                data=self._data if region else self._calibration(granularity), loss=self._loss,
                scores=None if region or pattern is not None else self._scored(criterion, settings, granularity))
        for name in ("spatial", "vocabulary"):
            if settings[name]:
                plan = propose(self.graph, criterion if name == "vocabulary" else "l1_weight",
                               **self._amount(name, settings[name]), granularity=name, start=plan, seed=self.seed,
                               loss=self._loss, data=self._data if name == "spatial" else self._calibration(name))
        return plan

    def _amount(self, granularity: str, asked: float) -> dict[str, Any]:
        """A fraction as it is; a number of words that stay as the ratio of each table that has more."""
        if asked < 1:
            return {"sparsity": asked}
        return {"ratios": {g.name: max(1 - asked / g.units, 0.0) for g in self._groups(granularity) if g.prunable}}

    def _criterion(self, settings: Mapping[str, Any]) -> Criterion:
        found = self.space.criterion_of(settings["criterion"])
        if settings["clusters"] is not None and hasattr(found, "clusters"):
            return replace(found, clusters=settings["clusters"])  # type: ignore[type-var]
        return found

    def _ratios(self, ratios: Mapping[str, float], granularity: str) -> dict[str, float]:
        """Those of groups that this granularity has."""
        there = {g.name for g in self._groups(granularity)}
        return {name: ratio for name, ratio in ratios.items() if name in there}

    def _groups(self, granularity: str) -> tuple[Group, ...]:
        return self.graph.at(granularity)

    def _scored(self, criterion: Criterion, settings: Mapping[str, Any], granularity: str) -> dict[str, Any]:
        """The scores of all groups, once for each way to score."""
        key = (criterion.name, settings["clusters"], granularity)
        if key not in self._scores:
            seen = self._calibration(granularity)
            self._scores[key] = {g.name: score(self.graph, g, criterion, seed=self.seed, calibration=seen)
                                 for g in self._groups(granularity) if g.prunable}
        return self._scores[key]

    def _calibration(self, granularity: str) -> Calibration | None:
        """All that the space's criteria and scopes ask of data, gathered once for a granularity."""
        needs = {need for name in _all(self.space.criterion) for need in needs_of(self.space.criterion_of(name))}
        needs |= {need for scope in _all(self.space.scope) for need in SCOPE_NEEDS.get(scope, ())}
        if not needs:
            return None
        if self._data is None:
            raise OptionError(f"the space has criteria or scopes that look at {' and '.join(sorted(needs))}; give data")
        if granularity not in self._calibrations:
            groups = [g for g in self._groups(granularity) if g.prunable]
            self._calibrations[granularity] = calibrate(self.graph, self._data, sorted(needs), loss=self._loss,
                                                        groups=groups)
        return self._calibrations[granularity]

    @cached_property
    def losses(self) -> Sensitivity:
        """What each group bears, measured once."""
        return sensitivity(self.graph, self._data, loss=self._loss, metric="loss", plan=self.base, confidence=0.5,
                           ratios=(0.2, 0.4, 0.6, 0.8), seed=self.seed, on_progress=lambda told: None)

    # costs

    def costs(self, plan: Plan, settings: Mapping[str, Any] | None = None) -> dict[str, float]:
        """What a plan costs, by name: those that were asked for."""
        quantization = "none" if settings is None else settings["quantization"]
        found: dict[str, float] = {}
        for name in self._costs:
            if name == "latency_ms":
                found[name] = self._latency(plan)
            elif name == "size_bytes":
                found[name] = self._bytes(plan, quantization)
            else:
                found[name] = getattr(plan.cost, name)
        return found

    @cached_property
    def _clock(self) -> NetworkLatency:
        return NetworkLatency(self.graph).calibrate()

    def _latency(self, plan: Plan) -> float:
        known = {g.name for g in self.graph.groups}
        if all(g.name in known or not g.n_removed for g in plan.groups):
            return self._clock.ms(plan)
        # a region, words, experts: no table of operators knows them
        return latency(compact(self.graph.model, plan), list(self.graph.input_specs), runs=10).median_ms

    def _bytes(self, plan: Plan, quantization: str) -> int:
        if quantization == "none":
            return plan.cost.bytes
        kept, graph = self.graph.opened_for(plan).kept(plan), self.graph.opened_for(plan)
        spared = 0
        for p in graph.program.parameters:
            if is_weight(p):
                sizes = [kept.number(d) for d in graph.structure.dims(p.name)]
                # a byte a weight, and a float a channel for its scale
                spared += 3 * math.prod(sizes) - 4 * sizes[out_axis(len(sizes))]
        return plan.cost.bytes - spared


def is_weight(parameter: Any) -> bool:
    """Whether a parameter is one that eight bits are made of: a float weight of two axes or more."""
    return bool(parameter.trainable and parameter.dtype == "float32" and len(parameter.shape) > 1)


def out_axis(n_axes: int) -> int:
    """Which axis of a weight makes outputs: the second of a matrix, the first of a convolution."""
    return 1 if n_axes == 2 else 0


def _all(value: Any) -> tuple[str, ...]:
    return tuple(value.choices) if hasattr(value, "choices") else (value,)
