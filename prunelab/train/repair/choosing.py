"""How a budget is spread, chosen by what repair can make up for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import Criterion, criterion_of, needs_of
from prunelab.errors import InputError, OptionError, shown
from prunelab.evaluate import calibrate
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.forward import forward, in_mode
from prunelab.graph import Graph
from prunelab.graph.program import flatten
from prunelab.plan import EvenMacs, Plan, propose
from prunelab.surgery import compact
from prunelab.train.repair.repair import repair

# From even MACs to all groups alike, and one ranking for each kind of part: none of them is the best of every network.
SPREADS: tuple[str | EvenMacs, ...] = ("uniform_macs", EvenMacs(pull=0.0), EvenMacs(pull=0.5), "local", "isomorphic")


def propose_repaired(
    graph: Graph,
    criterion: str | Criterion = "reconstruction",
    *,
    data: Any,
    scopes: Sequence[str | EvenMacs] = SPREADS,
    samples: int = 2048,
    seed: int = 0,
    on_plan: Callable[[Plan, float], object] | None = None,
    **options: Any,
) -> Plan:
    """The plan whose repaired network comes nearest to the dense one, of one for each scope.

    Each is repaired by least squares, which needs no labels, and judged by the part of the variance of the dense
    network's outputs that it misses on ``data``. It takes as long as that many repairs. The plan says which scope it is
    of: ``plan.made["scope"]``.

    Args:
        criterion: which units go, as for `prunelab.propose`.
        data: as for `prunelab.repair`.
        scopes: what is tried: names as for `prunelab.propose`, and ``EvenMacs(pull=...)``. What cannot meet the target
            is left out.
        samples: the first so many of the data are repaired with and judged on.
        on_plan: called with each plan and what it misses, in order; what it raises ends it.
        options: the target, as for `prunelab.propose` (``macs=0.5``), and any other of its options.

    Raises:
        OptionError: no scopes, or a target that none of them can meet.
    """
    if not isinstance(graph, Graph):
        raise InputError(f"graph is a {type(graph).__name__}; trace the model first: "
                         "graph = pl.trace(model, (1, 3, 32, 32)), with the shape of your inputs")
    if isinstance(scopes, (str, EvenMacs)) or not scopes:
        raise OptionError(f"scopes is {shown(scopes)}; give several to choose from, such as ('local', 'uniform_macs')")
    source = batches(data, graph)
    needs = needs_of(criterion_of(criterion))
    known = calibrate(graph, source, needs, loss=options.get("loss")) if needs else source
    best, failed = None, list[OptionError]()
    tried = set[Any]()
    for scope in scopes:
        plan = _plan(partial(propose, graph, criterion, scope=scope, data=known, seed=seed, **options), failed)
        if plan is None or (units := tuple((g.name, g.removed) for g in plan.groups)) in tried:
            continue
        tried.add(units)
        missed = _missed(graph, plan, source, samples, seed)
        if on_plan is not None:
            on_plan(plan, missed)
        if best is None or missed < best[0]:
            best = missed, plan
    if best is None:
        raise failed[0]
    return best[1]


def _plan(make: Callable[[], Plan], failed: list[OptionError]) -> Plan | None:
    try:
        return make()
    except OptionError as error:
        failed.append(error)
        return None


def _missed(graph: Graph, plan: Plan, source: Batches, samples: int, seed: int) -> float:
    """The part of the variance of the dense outputs that the repaired network misses, the mean over the outputs."""
    dense = graph.model
    small = compact(repair(dense, plan, source, samples=samples, seed=seed), plan)
    sums: np.ndarray[Any, Any] | None = None
    seen = 0
    with paddle.no_grad(), in_mode(dense, training=False), in_mode(small, training=False):
        for inputs, _ in source:
            rows = [_sums(a, b) for a, b in zip(_numbers(forward(small, inputs)), _numbers(forward(dense, inputs)),
                                                strict=True)]
            sums = np.array(rows) if sums is None else sums + np.array(rows)
            seen += inputs[0].shape[0] if inputs[0].ndim else 1
            if seen >= samples:
                break
    assert sums is not None  # repair has refused data without batches
    n, gap, total, squares = sums.T
    missed = float(np.mean(gap / np.maximum(squares - total**2 / n, 1e-30)))
    return missed if np.isfinite(missed) else float("inf")


def _numbers(outputs: Any) -> list[Any]:
    return [t for t in flatten(outputs) if isinstance(t, paddle.Tensor) and t.is_floating_point()]


def _sums(small: Any, dense: Any) -> list[float]:
    """Of an output: how many numbers, the squared difference, the sum and the sum of squares in the dense network."""
    small, dense = small.astype("float64"), dense.astype("float64")
    told = paddle.stack([(small - dense).square().sum(), dense.sum(), dense.square().sum()])
    return [float(dense.size), *told.tolist()]
