"""`propose`: scores and a target -> `Plan`."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.criteria import Criterion, criterion_of, score
from prunelab.errors import InputError, OptionError, check_ratio, check_whole, shown, unknown_name
from prunelab.graph import Graph
from prunelab.graph.graph import GRANULARITIES, PATTERNS, is_sparse
from prunelab.graph.sparse import Pattern
from prunelab.plan.allocation import SCOPES, Allocation, Limits, Ratios, smallest, total_units
from prunelab.plan.plan import Plan, as_plan
from prunelab.plan.propose_blocks import check_spared, propose_blocks
from prunelab.plan.propose_sparse import SparseTarget, propose_sparse

if TYPE_CHECKING:
    from prunelab.graph import Group

TARGETS = ("sparsity", "macs", "params", "ratios")


@dataclass(frozen=True)
class _Target:
    """What is asked for: ``kind`` is one of TARGETS, ``value`` a fraction removed (for ratios, one a group)."""

    kind: str
    value: Any

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"


def propose(
    graph: Graph,
    criterion: str | Criterion = "l1_weight",
    *,
    sparsity: float | None = None,
    macs: float | None = None,
    params: float | None = None,
    ratios: Mapping[str, float] | None = None,
    scope: str = "local",
    granularity: str = "auto",
    round_to: int = 1,
    ignore: str | Iterable[str] | None = (),
    data: Any = None,
    seed: int = 0,
    start: Plan | None = None,
) -> Plan:
    """Choose the units to remove.

    Exactly one target is given, each a fraction removed in ``[0, 1)``: of the units (``sparsity``), of the
    multiply-accumulates (``macs``), of the parameters (``params``), or of each named group (``ratios``, by group, layer
    or pattern such as ``"layer4.*"``).

    Args:
        criterion: a name of `prunelab.criteria.CRITERIA` or an instance; the units of lowest score go.
        scope: ``"local"`` cuts each group alike, ``"global"`` by one ranking over all.
        granularity: ``"auto"`` takes every group at its own unit; ``"channel"``, ``"head"``, ``"hidden"`` or
            ``"width"`` (of a residual) only these groups. ``"layer"`` takes whole residual branches out, one unit each
            (``ignore`` names them as ``graph.at("layer")[0].labels`` does). ``"element"``, ``"kernel"``, ``"block"``
            (``"block:8x1"``) and ``"n:m"`` (``"2:4"``, which needs no target) mask weights in their place: their shapes
            stay.
        round_to: kept units come in multiples of it (a group that is smaller stays whole); so that a target is met
            all the same, other groups may lose more.
        ignore: groups, layers or patterns that stay whole.
        data: for criteria that look at activations or gradients; those of this version look at weights only.
        seed: for criteria that draw.
        start: a plan whose removed units stay removed.

    Raises:
        OptionError: an option out of its range, or a target that cannot be met (with the nearest that can).
        UnknownNameError: a criterion, scope, granularity or layer nobody knows.
    """
    if not isinstance(graph, Graph):
        raise InputError(f"graph is a {type(graph).__name__}; trace the model first: "
                         "graph = pl.trace(model, (1, 3, 32, 32)), with the shape of your inputs")
    chosen = criterion_of(criterion)
    pattern = Pattern.parse(granularity) if isinstance(granularity, str) else None
    if pattern is not None:
        sparse = _sparse_target(pattern, round_to, sparsity=sparsity, macs=macs, params=params, ratios=ratios)
        return propose_sparse(graph, pattern, chosen, sparse, scope=scope, ignore=_listed(ignore), seed=seed,
                              start=None if start is None else as_plan(start, "start"))
    target = _target(sparsity=sparsity, macs=macs, params=params, ratios=ratios)
    round_to = _check_options(scope, granularity, round_to)
    base = Plan.empty(graph) if start is None else as_plan(start, "start")
    graph.check(base)
    if granularity == "layer":
        base, found = propose_blocks(graph, base, chosen, _listed(ignore), seed)
        ignored, groups, scores, scope = {*_listed(ignore)}, list(graph.at("layer")), found, "local"
    else:
        ignored = {g.name for pattern in _listed(ignore) for g in match(graph, pattern, place="ignore")}
        groups = [g for g in graph.at(granularity) if g.prunable and g.name not in ignored]
        scores = {g.name: score(graph, g, chosen, seed=seed) for g in groups}
    limits = Limits(round_to, {g.name: frozenset(g.removed) for g in base.groups if not is_sparse(g)})
    if target.kind == "ratios":
        allocation: Allocation = Ratios(scores, limits, _by_group(graph, target.value, groups))
        removed = allocation.removed(1.0)
    else:
        removed = _meet(graph, base, SCOPES[scope](scores, limits), scores, target, round_to)
    check_spared(removed, scores, str(target))
    return base.with_removed(graph, removed, criterion=chosen.name, scope=scope, target=str(target), round_to=round_to,
                             seed=seed, granularity=granularity, ignore=sorted(ignored))


def _check_options(scope: str, granularity: str, round_to: int) -> int:
    if scope not in SCOPES:
        raise unknown_name("scope", scope, SCOPES)
    if granularity not in GRANULARITIES:
        raise unknown_name("granularity", granularity, [*GRANULARITIES, *PATTERNS])
    return check_whole(round_to, "round_to", 1)


def _sparse_target(pattern: Pattern, round_to: int, **given: Any) -> SparseTarget:
    if round_to != 1:
        raise OptionError(f"round_to is {round_to!r}, and granularity '{pattern}' takes no units out; leave it out")
    if given["macs"] is not None:
        raise OptionError(f"macs={given['macs']} is asked for, and granularity '{pattern}' leaves all MACs where they "
                          "are; ask for sparsity or params, or cut channels")
    if pattern.kind != "n:m":
        target = _target(**given)
        return SparseTarget(target.kind, target.value)
    n, m = pattern.size
    told = {k: v for k, v in given.items() if v is not None and not (k == "sparsity" and v == 1 - n / m)}
    if told:
        (kind, value), *_ = told.items()
        raise OptionError(f"{kind}={value} is asked for, and '{pattern}' takes {1 - n / m:.3g} of each weight; leave "
                          "the target out")
    return SparseTarget(None, None)


def _listed(names: Any) -> list[str]:
    if isinstance(names, str) or names is None:
        return [] if names is None else [names]
    if not isinstance(names, Iterable):
        raise OptionError(f"ignore is {shown(names)}; give layers, groups or patterns, such as ['conv1', 'layer4.*']")
    return [str(name) for name in names]


def _target(**given: Any) -> _Target:
    named = {k: v for k, v in given.items() if v is not None}
    if len(named) != 1:
        raise OptionError(f"{' and '.join(named) if named else 'no target'} given; "
                          f"give one of {', '.join(TARGETS)}, such as sparsity=0.5")
    (kind, value), = named.items()
    if kind == "ratios":
        if not isinstance(value, Mapping):
            raise OptionError(f"ratios is {shown(value)}; "
                              "give a dict from layers to fractions, such as {'layer1.0.conv1': 0.3}")
        return _Target(kind, {str(n): check_ratio(r, place=f"the ratio of '{n}'") for n, r in value.items()})
    return _Target(kind, check_ratio(value, place=kind))


def match(graph: Graph, pattern: str, *, place: str) -> list[Group]:
    """The groups that a name or a pattern means: a group, the groups of a layer's outputs, or all that match.

    Raises:
        UnknownNameError: nothing is called so.
    """
    exact = [g for g in graph.groups if g.name == pattern]
    if exact:
        return exact
    found = [g for g in graph.groups if pattern in g.layers]
    if not found and any(c in pattern for c in "*?["):
        found = [g for g in graph.groups if fnmatch.fnmatchcase(g.name, pattern)
                 or any(fnmatch.fnmatchcase(layer, pattern) for layer in g.layers)]
    if not found:
        known = dict.fromkeys([*(g.name for g in graph.groups), *(x for g in graph.groups for x in g.layers)])
        raise unknown_name("layer", pattern, known, place=place)
    return found


def _by_group(graph: Graph, ratios: Mapping[str, float], groups: list[Group]) -> dict[str, float]:
    out: dict[str, float] = {}
    allowed = {g.name for g in groups}
    for pattern, ratio in ratios.items():
        matched = match(graph, pattern, place="ratios")
        if not any(g.prunable for g in matched) and ratio > 0:
            frozen = matched[0]
            raise OptionError(f"'{pattern}' in ratios cannot be cut: {frozen.name} is frozen by {frozen.reason}; "
                              "leave it out, or choose a group of graph.prunable")
        out.update({g.name: ratio for g in matched if g.name in allowed})
    return out


def _meet(graph: Graph, base: Plan, allocation: Allocation, scores: Mapping[str, Any], target: _Target,
          round_to: int) -> dict[str, tuple[int, ...]]:
    """The least that meets the target."""
    if target.value == 0:
        return allocation.removed(0.0)
    left, dense = _measure(graph, base, scores, target.kind)
    allowed = (1 - target.value) * dense
    if target.kind == "sparsity":
        allowed = dense - round(target.value * dense)  # the nearest number of units
        direct = allocation.removed(target.value)
        # without rounding, each group loses the number nearest to the ratio that leaves it a unit: no less can be meant
        if round_to == 1 or left(direct) <= allowed:
            return direct
    found = smallest(allocation, lambda removed: left(removed) <= allowed, max(1, total_units(scores)))
    if found is None:
        most = 1 - left(allocation.removed(1.0)) / dense if dense else 0.0
        what = {"sparsity": "units", "macs": "MACs"}.get(target.kind, target.kind)
        stay = "one unit stays" if round_to == 1 else f"{round_to} units stay (round_to)"
        raise OptionError(f"{target} cannot be met: at most {most:.3f} of the {what} go where {stay} in each of "
                          f"{len(scores)} groups; ask for at most {int(most * 1000) / 1000:.3f}, ignore fewer layers"
                          f"{', or give a smaller round_to' if round_to > 1 else ''}")
    return found


def _measure(graph: Graph, base: Plan, scores: Mapping[str, Any],
             kind: str) -> tuple[Callable[[Mapping[str, tuple[int, ...]]], int], int]:
    """What removed units leave of the units (of the scored groups), MACs or params; and what there is in all."""
    if kind == "sparsity":
        total = total_units(scores)
        return lambda removed: total - sum(map(len, removed.values())), total
    structure = graph.structure
    before = {g.name: g.removed for g in base.groups if not is_sparse(g)}

    def left(removed: Mapping[str, tuple[int, ...]]) -> int:
        return int(getattr(structure.costs.cost(structure.kept({**before, **removed})), kind))

    return left, int(getattr(graph.cost(), kind))
