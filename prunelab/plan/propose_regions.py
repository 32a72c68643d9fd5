"""Granularity "spatial": a region of the inputs, of the size that is asked for, where the model looks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.errors import OptionError
from prunelab.graph.regions import Axis, axes_of
from prunelab.plan.plan import Plan

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

Array = np.ndarray[Any, Any]
KINDS = ("sparsity", "macs", "ratios")


def propose_regions(graph: Graph, base: Plan, groups: Sequence[Group], kind: str, value: Any, data: Any) -> Plan:
    """The plan that computes one region: the largest of the inputs' own proportions that meets the target.

    ``sparsity`` is a fraction of the inputs' area, ``macs`` of all multiply-accumulates, ``ratios`` of each named axis
    ("x:rows"). With ``data`` it lies where their saliency is largest, without in the middle.

    Raises:
        OptionError: a target that a region cannot meet.
    """
    if kind not in KINDS:
        raise OptionError(f"{kind} is asked for, and granularity 'spatial' leaves most of it where it is; ask for "
                          f"{', '.join(KINDS)}")
    mine = [a for a in axes_of(graph.structure.solution) if a.name in {g.name for g in groups}]
    maps = _calibration(graph, data, mine)
    if kind == "ratios":
        sizes = {a.name: max(1, round(a.units * (1 - value.get(a.name, 0.0)))) for a in mine}
        return _with(graph, base, _placed(mine, sizes, maps))
    steps = max(a.units for a in mine)
    for k, up in itertools.product(range(steps, 0, -1), (True, False)):
        sizes = {a.name: max(1, -(-a.units * k // steps) if up else a.units * k // steps) for a in mine}
        plan = _with(graph, base, _placed(mine, sizes, maps))
        if _gone(plan, mine, sizes, kind) >= value - 1e-9:
            return plan
    raise OptionError(f"{kind}={value} cannot be met: one band of {', '.join(a.name for a in mine)} leaves more; ask "
                      "for less")


def _with(graph: Graph, base: Plan, removed: Mapping[str, Sequence[int]]) -> Plan:
    return base.with_removed(graph, removed)


def _gone(plan: Plan, axes: Sequence[Axis], sizes: Mapping[str, int], kind: str) -> float:
    """The fraction that a region leaves out."""
    if kind == "macs":
        return 1 - plan.cost.macs / max(1, plan.dense_cost.macs)
    return 1 - float(np.prod([sizes[a.name] / a.units for a in axes]))


def _placed(axes: Sequence[Axis], sizes: Mapping[str, int], maps: Mapping[str, Array]) -> dict[str, list[int]]:
    """The bands that go, where the bands that stay are those of the largest saliency side by side."""
    removed = {}
    for a in axes:
        n, saliency = sizes[a.name], maps.get(a.name)
        start = (a.units - n) // 2
        if saliency is not None:
            sums = np.convolve(saliency, np.ones(n), "valid")
            best = np.flatnonzero(sums >= sums.max() * (1 - 1e-6))
            start = int(best[np.argmin(np.abs(best - start))])  # of equals, the one nearest to the middle
        removed[a.name] = [u for u in range(a.units) if not start <= u < start + n]
    return removed


def _calibration(graph: Graph, data: Any, axes: Sequence[Axis]) -> dict[str, Array]:
    """(bands,) by axis: the saliency of each band over the data; empty without data."""
    if data is None:
        return {}
    from prunelab.evaluate.saliency import saliency

    found = saliency(graph, data)
    out = {}
    for a in axes:
        k = graph.program.inputs.index(a.value)
        along = found[k].sum(axis=tuple(j for j in range(found[k].ndim) if j != a.axis - 1))
        ends = [*range(0, a.units * a.band, a.band)]
        out[a.name] = np.add.reduceat(along, ends)
    return out
