"""`sensitivity`: a metric with each group alone cut at some ratios, without computing twice what stands before the cut.

Groups are taken in network order. What stands before a group's first operator is moved on from the last group's, so
that all groups together cost one forward; what follows is run once a ratio, with the cut units taken out of its
operators, as the smaller model computes. The model itself is neither changed nor masked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import Criterion, criterion_of, needs_of
from prunelab.errors import OptionError, check_positive, check_ratio, check_seed, check_whole
from prunelab.evaluate.calibrate import calibrate
from prunelab.evaluate.cuts import Cuts
from prunelab.evaluate.evaluate import MetricName, usual_metrics
from prunelab.evaluate.forward import LossFunction, in_mode
from prunelab.evaluate.identity import data_identity, function_identity, model_identity
from prunelab.evaluate.judge import Judge
from prunelab.evaluate.measured import Point, Sensitivity
from prunelab.evaluate.paired import Confidence
from prunelab.evaluate.prefix import first_touched
from prunelab.evaluate.progress import Listener, Meter
from prunelab.evaluate.samples import hold_for, shuffled
from prunelab.evaluate.shelf import Shelf
from prunelab.evaluate.what_if import Field, Row
from prunelab.graph import Graph, Group
from prunelab.graph.cost import CostModel
from prunelab.graph.widths import Kept
from prunelab.plan import Plan, as_plan
from prunelab.plan.matching import match

RATIOS = tuple(k / 10 for k in range(1, 10))
# With `confidence`: the samples of a batch, few enough to stop soon, many enough to compute fast
_BATCH = 64


def sensitivity(
    model: Any,
    data: Any,
    *,
    ratios: float | Iterable[float] = RATIOS,
    metric: MetricName | None = None,
    loss: str | LossFunction | None = None,
    criterion: str | Criterion = "l1_weight",
    groups: str | Iterable[str] | None = None,
    plan: Plan | None = None,
    inputs: Any = None,
    confidence: float | None = None,
    relative: float = 0.25,
    samples: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    on_progress: Listener | None = None,
    on_points: Callable[[Sensitivity], object] | None = None,
    seed: int = 0,
) -> Sensitivity:
    """The metric with each group alone cut at each ratio. The model is left as it was; it is not even masked.

    The numbers are those of `prunelab.mask` and `prunelab.evaluate`, to float rounding. A measurement that is
    interrupted goes on where it was when it is asked for again.

    Args:
        model: a `Graph`, or a model, which is then traced with ``inputs`` (without them, with the first sample).
        data: as for `prunelab.evaluate`; read once and held in memory.
        ratios: the fractions of a group's units that are cut, each in ``[0, 1)``.
        metric: a name or a function, as for `prunelab.evaluate`; ``loss`` likewise. Without it, accuracy, or the loss
            where that is one of numbers, such as "mse".
        criterion: as for `prunelab.propose`; units of lowest score go.
        groups: only these: groups, layers or patterns such as ``"layer4.*"``.
        plan: what is cut already.
        confidence: in points, hundredths of the metric. Each number is then estimated from as few samples, drawn at
            random, as tell its difference from the dense model within so many points, or within the part ``relative``
            of itself (95 % interval of paired differences): a small loss is known to the point, a large one roughly.
            `Point.error` says how sure each is. The metric must be a mean over samples.
        samples: only the first so many.
        cache: a folder; what is measured there, by fingerprints of weights, plan and data, is not measured again.
        on_progress: called with a `Progress` after each group and ratio; without it, tqdm shows a bar.
        on_points: called with all that is known so far: before the first measurement and after each.
        seed: for criteria and samples that are drawn.

    Raises:
        OptionError: a ratio, confidence or number out of its range; a metric that ``confidence`` cannot estimate.
        UnknownNameError: a metric, criterion or group nobody knows.
        DataError, InputError: as `prunelab.evaluate`.
    """
    options = _Options(ratios, confidence, relative, samples, seed)
    metric = usual_metrics(loss)[0] if metric is None else metric
    chosen = criterion_of(criterion)
    held, graph = hold_for(model, data, options.samples, inputs=inputs)
    base = Plan.empty(graph) if plan is None else as_plan(plan)
    judge = Judge(metric, loss, options.confidence)
    identity = {**model_identity(graph, base), "criterion": function_identity(chosen), "seed": options.seed,
                "metric": [function_identity(metric), function_identity(loss)], "data": data_identity(held)}
    wanted = _chosen(graph, groups)
    calibration = calibrate(graph, data, chosen, loss=loss, groups=wanted) if needs_of(chosen) else None
    cuts = Cuts(graph, base, chosen, options.seed, calibration)
    seen = held if options.confidence is None else shuffled(held, _BATCH, options.seed)
    with Shelf(identity, cache) as shelf, in_mode(graph.model, training=False), paddle.no_grad():
        field = Field(graph, cuts, seen, judge)
        dense = shelf.dense(field.dense)
        made = {**identity, "criterion": chosen.name, "samples": field.n_samples, "confidence": confidence}

        def told() -> Sensitivity:
            known = _known(shelf, wanted, options.ratios)
            return Sensitivity(judge.name, judge.higher_is_better, dense, known, made)

        _measure(field, wanted, options.ratios, dense, shelf, on_progress,
                 (lambda: None) if on_points is None else lambda: on_points(told()))
        return told()


class _Options:
    """The plain options, checked."""

    def __init__(self, ratios: Any, confidence: Any, relative: Any, samples: Any, seed: Any) -> None:
        given = [ratios] if isinstance(ratios, (int, float)) else list(ratios)
        self.ratios = sorted({check_ratio(r, place="a ratio of ratios") for r in given} - {0.0})
        if not self.ratios:
            raise OptionError("ratios has no ratio above 0; give fractions removed, such as (0.3, 0.5, 0.7)")
        part = check_ratio(relative, place="relative")
        self.confidence = None if confidence is None else Confidence(
            check_positive(confidence, "confidence (in points)") / 100, part)
        self.samples = None if samples is None else check_whole(samples, "samples", 1)
        self.seed = check_seed(seed)


def _measure(field: Field, groups: list[Group], ratios: list[float], dense: float, shelf: Shelf,
             on_progress: Listener | None, on_points: Callable[[], object]) -> None:
    on_points()
    places = {g.name: first_touched(field.graph, (m.parameter for m in g.members)) for g in groups}
    after = _MacsAfter(field.graph.structure.costs, len(field.graph.program.ops))
    plans = {g.name: _missing(field.cuts, g, ratios, shelf, field.judge.confidence) for g in groups}
    work = {name: after(place) for name, place in places.items()}
    meter = Meter(sum(work[name] * len(plan) for name, plan in plans.items()), on_progress)
    try:
        for group in sorted(groups, key=lambda g: places[g.name]):
            name, wanted = group.name, plans[group.name]

            def ran(part: float, name: str = name) -> None:
                meter.done(part * work[name], name)

            def spared(part: float, name: str = name) -> None:
                meter.spare(part * work[name])

            for units, point in Row(field, group, places[name], dense, ran, spared).points(list(wanted)):
                for ratio in wanted[units]:
                    shelf.put(name, ratio, point)
                on_points()
            if wanted:
                shelf.save()
    finally:
        meter.close()


def _known(shelf: Shelf, groups: list[Group], ratios: list[float]) -> dict[str, dict[float, Point]]:
    return {g.name: {r: p for r, p in sorted(shelf.measured(g.name).items()) if r in ratios} for g in groups}


def _missing(cuts: Cuts, group: Group, ratios: list[float], shelf: Shelf,
             confidence: Confidence | None) -> dict[tuple[int, ...], list[float]]:
    """The sets of units that are yet to be measured, each with its ratios: a small group has one for several."""
    known = shelf.known(group.name, confidence)
    out: dict[tuple[int, ...], list[float]] = {}
    for ratio, units in cuts.of(group, [r for r in ratios if r not in known]).items():
        out.setdefault(units, []).append(ratio)
    return out


class _MacsAfter:
    """The work that follows a place: the multiply-accumulates of the operators from there on."""

    def __init__(self, costs: CostModel, n_ops: int) -> None:
        each, whole = np.zeros(n_ops), Kept({})
        for term in costs.macs:
            dense = float(term.factor) * float(np.prod([float(whole.number(d)) for d in term.dims]))
            for op in term.owners:
                each[op] += dense
        self._after = np.cumsum(each[::-1])[::-1] + 1.0  # one, for a network without products

    def __call__(self, place: int) -> float:
        return float(self._after[min(place, len(self._after) - 1)])


def _chosen(graph: Graph, groups: str | Iterable[str] | None) -> list[Group]:
    """The prunable groups of these names, in network order."""
    if groups is None:
        return list(graph.prunable)
    names = {g.name for pattern in ([groups] if isinstance(groups, str) else groups)
             for g in match(graph, str(pattern), place="groups")}
    found = [g for g in graph.prunable if g.name in names]
    if not found:
        frozen = next(g for g in graph.groups if g.name in names)
        raise OptionError(f"{frozen.name} cannot be cut: {frozen.reason}; choose groups of graph.prunable")
    return found
