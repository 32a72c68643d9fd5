"""`propose`: scores and a target -> `Plan`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prunelab.criteria import Calibration, Criterion, criterion_of, is_comparable, needs_of, score
from prunelab.errors import InputError, OptionError, check_ratio, shown
from prunelab.graph import Graph
from prunelab.graph.removals import OPENED, is_sparse
from prunelab.graph.sparse import Pattern
from prunelab.plan.allocation import Clock, Field, Limits, Ratios
from prunelab.plan.asked import Target, check_options, listed, sparse_target, target_of
from prunelab.plan.matching import by_group, match
from prunelab.plan.meeting import meet
from prunelab.plan.plan import Plan, PlanGroup, as_plan
from prunelab.plan.propose_blocks import check_blocks, check_needs, check_of_units, check_spared, propose_blocks
from prunelab.plan.propose_regions import propose_regions
from prunelab.plan.propose_sparse import propose_sparse
from prunelab.plan.scopes import SCOPE_NEEDS, scope_of
from prunelab.plan.uniform import EvenMacs

if TYPE_CHECKING:
    from prunelab.graph import Group

def propose(
    graph: Graph,
    criterion: str | Criterion = "l1_weight",
    *,
    sparsity: float | None = None,
    macs: float | None = None,
    params: float | None = None,
    memory: float | None = None,
    latency: float | None = None,
    ratios: Mapping[str, float] | None = None,
    scope: str | EvenMacs = "local",
    granularity: str = "auto",
    round_to: int = 1,
    ignore: str | Iterable[str] | None = (),
    data: Any = None,
    loss: Any = None,
    losses: Any = None,
    floor: float = 0.0,
    seed: int = 0,
    start: Plan | None = None,
    clock: Clock | None = None,
    scores: Mapping[str, Any] | None = None,
) -> Plan:
    """Choose the units to remove.

    Exactly one target is given, each a fraction removed in ``[0, 1)``: of the units (``sparsity``), of the
    multiply-accumulates (``macs``), of the parameters (``params``), of the bytes of all parameters and buffers
    (``memory``), of the latency on this machine (``latency``), or of each named group (``ratios``, by group, layer or
    pattern such as ``"layer4.*"``).

    Args:
        criterion: a name of `prunelab.criteria.CRITERIA` or an instance; the units of lowest score go.
        scope: ``"local"`` cuts each group alike, ``"global"`` by one ranking over all, ``"isomorphic"`` by one for each
            kind of sub-structure, ``"uniform_macs"`` so that every layer keeps the same fraction of its MACs (how
            strictly, says a `prunelab.plan.EvenMacs` in its place), ``"clusters"`` a ratio of each cluster of units,
            ``"sensitivity"`` to the ratio that each group bears for the same loss, ``"budget"`` to the ratios that lose
            least within the target, proven. `prunelab.train.propose_repaired` chooses by what repair makes up for.
        granularity: ``"auto"`` takes every group at its own unit; ``"channel"``, ``"head"``, ``"hidden"`` or
            ``"width"`` (of a residual) only these groups. ``"layer"`` takes whole residual branches out, one unit each
            (``ignore`` names them as ``graph.at("layer")[0].labels`` does). ``"vocabulary"`` takes words: rows of the
            tables that ids index, and their scores among the outputs; the smaller model takes the numbers that
            ``plan.group(name).renumbered`` gives. ``"expert"`` takes experts of a mixture, whose shares the others
            get. ``"spatial"`` computes a region of the inputs (``sparsity`` is of their area), where ``data`` have
            their saliency, or in the middle. ``"element"``, ``"kernel"``, ``"block"``
            (``"block:8x1"``) and ``"n:m"`` (``"2:4"``, which needs no target) mask weights in their place: their shapes
            stay.
        round_to: kept units come in multiples of it (a group that is smaller stays whole); so that a target is met
            all the same, other groups may lose more.
        ignore: groups, layers or patterns that stay whole.
        data: for criteria that look at activations, inputs or gradients: as for `prunelab.evaluate`, or what
            `prunelab.calibrate` gave. ``loss``: for gradients; without it, cross entropy.
        losses: for the scopes "sensitivity" and "budget": what `prunelab.sensitivity` measured, or a dict from group to
            ratio to what is lost there.
        floor: the fraction of its units that each group keeps at least, in ``[0, 1)``.
        seed: for criteria that draw.
        start: a plan whose removed units stay removed.
        clock: for a latency: `prunelab.evaluate.NetworkLatency`, from a table of operators' times. One that is made and
            calibrated now, if left out.
        scores: by group, what the criterion gave before, (units,): these groups are not scored again.

    Raises:
        OptionError: an option out of its range, or a target that cannot be met (with the nearest that can).
        UnknownNameError: a criterion, scope, granularity or layer nobody knows.
    """
    if not isinstance(graph, Graph):
        raise InputError(f"graph is a {type(graph).__name__}; trace the model first: "
                         "graph = pl.trace(model, (1, 3, 32, 32)), with the shape of your inputs")
    chosen, names = criterion_of(criterion), listed(ignore)
    base = None if start is None else as_plan(start, "start")
    pattern = Pattern.parse(granularity) if isinstance(granularity, str) else None
    if pattern is not None or granularity == "layer":
        check_needs(chosen, granularity)
    if pattern is not None:
        sparse = sparse_target(pattern, round_to, floor, sparsity=sparsity, macs=macs, params=params, memory=memory,
                               latency=latency, ratios=ratios)
        return propose_sparse(graph, pattern, chosen, sparse, scope=str(scope), ignore=names, seed=seed, start=base,
                              gather=lambda groups: _calibration(graph, data, chosen, "local", groups, loss))
    check_of_units(chosen, granularity)
    target = target_of(sparsity=sparsity, macs=macs, params=params, memory=memory, latency=latency, ratios=ratios)
    round_to = check_options(scope, granularity, round_to)
    base = Plan.empty(graph) if base is None else base.with_units(graph)
    graph.check(base)
    graph = graph.opened_for(base)
    if granularity in OPENED:
        graph, base = _opened(graph, base, granularity)
    calibration = None
    if granularity == "spatial":
        return _spatial(graph, base, target, names, round_to, floor, data)
    if granularity == "layer":
        check_blocks(str(scope), target.kind)
        base, scores = propose_blocks(graph, base, chosen, names, seed)
    else:
        among = graph.at(granularity) if granularity in OPENED else graph.groups
        ignored = {g.name for pattern in names for g in match(graph, pattern, place="ignore", among=among)}
        if granularity != "auto":
            _check_any(graph, granularity)
        groups = [g for g in graph.at(granularity) if g.prunable and g.name not in ignored]
        names = sorted(ignored)
        known = scores or {}
        calibration = _calibration(graph, data, chosen, scope, groups, loss)
        scores = {g.name: known[g.name] if g.name in known else
                  score(graph, g, chosen, seed=seed, calibration=calibration) for g in groups}
    limits = Limits(round_to, {g.name: frozenset(g.removed) for g in base.groups if not is_sparse(g)},
                    check_ratio(floor, place="floor"), {g.name: frozenset(g.stay) for g in graph.groups if g.stay},
                    {g.name: g.least for g in graph.groups if g.least > 1})
    if target.kind == "ratios":
        removed = Ratios(scores, limits, by_group(graph, target.value, groups, among)).removed(1.0)
    else:
        asked = ({"memory": "bytes"}.get(target.kind, target.kind), target.value)
        if target.kind == "latency" and clock is None:
            clock = _latency_model(graph)
        field = Field(scores, limits, graph, is_comparable(chosen), calibration, losses, asked, seed,
                      clock if target.kind == "latency" else None)
        removed = meet(graph, base, scope_of(scope)(field), field)
    check_spared(removed, scores, str(target))
    return base.with_removed(graph, removed, criterion=chosen.name, scope=str(scope), target=str(target),
                             round_to=round_to, seed=seed, granularity=granularity, ignore=names)


def _check_any(graph: Graph, granularity: str) -> tuple[Group, ...]:
    """The groups of a granularity.

    Raises:
        OptionError: none of them can be cut, with the reasons.
    """
    groups = graph.at(granularity)
    if not any(g.prunable for g in groups):
        why = "; ".join(f"{g.name} is frozen by {g.reason}" for g in groups[:3]) or "it has none"
        raise OptionError(f"{graph.program.model} has no {granularity} that can be cut: {why}; "
                          "choose another granularity")
    return groups


def _opened(graph: Graph, base: Plan, granularity: str) -> tuple[Graph, Plan]:
    """The graph where the groups of a granularity are free, and the plan with these groups in it.

    Raises:
        OptionError: there are none, with the reasons.
    """
    graph = graph.opened(granularity)
    groups = _check_any(graph, granularity)
    known = {g.name for g in base.groups}
    more = tuple(PlanGroup.of(g) for g in groups if g.prunable and g.name not in known)
    return graph, replace(base, groups=(*base.groups, *more))


def _spatial(graph: Graph, base: Plan, target: Target, names: Sequence[str], round_to: int, floor: float,
             data: Any) -> Plan:
    """A region; axes that are ignored stay whole."""
    for option, value, plain in (("round_to", round_to, 1), ("floor", floor, 0)):
        if value != plain:
            raise OptionError(f"{option} is {shown(value)}, and a region is whole bands of the inputs; leave it out")
    among = graph.at("spatial")
    ignored = {g.name for name in names for g in match(graph, name, place="ignore", among=among)}
    groups = [g for g in among if g.prunable and g.name not in ignored]
    asked = target.value if target.kind != "ratios" else by_group(graph, target.value, groups, among)
    plan = propose_regions(graph, base, groups, target.kind, asked, data)
    return replace(plan, made={**plan.made, "criterion": "saliency" if data is not None else "center", "scope": "local",
                               "target": str(target), "granularity": "spatial", "ignore": sorted(ignored)})


def _calibration(graph: Graph, data: Any, criterion: Criterion, scope: str | EvenMacs, groups: list[Group],
                 loss: Any) -> Calibration | None:
    """What the criterion and the scope need to know of the data, gathered now or given."""
    own = SCOPE_NEEDS.get(str(scope), ())
    if own and data is None:
        raise OptionError(f"the scope {scope} needs {' and '.join(own)}; pass data=, such as the training data")
    needs = (*needs_of(criterion), *own)
    if isinstance(data, Calibration) or not needs:
        return data if isinstance(data, Calibration) else None
    if data is None:
        return None  # the criterion says what it misses
    from prunelab.evaluate import calibrate

    return calibrate(graph, data, needs, loss=loss, groups=groups)


def _latency_model(graph: Graph) -> Clock:
    """This machine's table of operators' times, for this network."""
    from prunelab.evaluate import NetworkLatency

    return NetworkLatency(graph).calibrate()
