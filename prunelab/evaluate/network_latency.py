"""The latency of a network under any plan, from the times of its operators: without building the smaller model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.latency import latency
from prunelab.evaluate.operator_times import OperatorTimes, Shaped
from prunelab.evaluate.timing import Timing
from prunelab.graph import Graph
from prunelab.graph.dims import find, leaves
from prunelab.graph.removals import is_sparse
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.widths import Kept
from prunelab.plan import Plan
from prunelab.plan.budget import Term
from prunelab.render.numbers import milliseconds, percent
from prunelab.surgery import compact

Array = np.ndarray[Any, Any]
Removed = Mapping[str, Sequence[int]]

# Widths at which an operator is measured for a budget, for each group it depends on; straight lines in between
_WIDTHS = 5


@dataclass(frozen=True)
class LatencyError:
    """What the operators' times promise for a plan, beside the smaller model itself."""

    estimated_ms: float
    measured: Timing

    @property
    def relative(self) -> float:
        """The estimate over the measured median, less one."""
        return self.estimated_ms / self.measured.median_ms - 1

    def __str__(self) -> str:
        return (f"estimated {milliseconds(self.estimated_ms)}, measured {milliseconds(self.measured.median_ms)} "
                f"({percent(self.relative)} off)")


class NetworkLatency:
    """What a network takes in ms, from its operators in eager mode, each measured once at its shapes.

    ``factor * sum + overhead_ms``: the factor is what an operator loses among others (its weights are not in the cache
    when its turn comes), the overhead what Paddle's layers do around their operators. Both are found by `calibrate`, on
    the dense model and on one with half of its units; `error` tells how far it is off for a plan.

    Args:
        times: where operators' times are kept; this machine's cache folder if left out.
        batch: samples in one forward.
    """

    def __init__(self, graph: Graph, times: OperatorTimes | None = None, *, batch: int = 1) -> None:
        self.graph, self.batch = graph, batch
        self.factor, self.overhead_ms = 1.0, 0.0
        device = "cpu" if graph.place is None or graph.place.is_cpu_place() else str(graph.place)
        self.times = OperatorTimes.here(device) if times is None else times
        free = set(graph.structure.atoms.values())
        program, dims = graph.program, graph.structure.solution.dims
        owner = {id(find(atom)): name for name, atom in graph.structure.atoms.items()}
        # which groups each operator depends on, in the order of the network
        self._groups: dict[int, tuple[str, ...]] = {}
        for op in program.ops:
            touched = {id(leaf) for v in (*op.inputs, *op.outputs) if v in dims for d in _flat(dims[v])
                       for leaf in leaves(d) if leaf in free}
            self._groups[op.index] = tuple(name for key, name in owner.items() if key in touched)

    def ms(self, removed: Plan | Removed | None = None) -> float:
        """The latency when these units go, by group."""
        if isinstance(removed, Plan):
            removed = {g.name: g.removed for g in removed.groups if not is_sparse(g)}
        return self.factor * sum(self._each(removed or {}).values()) + self.overhead_ms

    def calibrate(self, runs: int = 20) -> NetworkLatency:
        """Find the factor and the overhead: two models are measured. Gives itself."""
        self.factor, self.overhead_ms = 1.0, 0.0
        half = Plan.empty(self.graph)
        half = half.with_removed(self.graph, {g.name: range(g.units // 2) for g in self.graph.prunable})
        large, small = self.ms(), self.ms(half)
        dense = self._measured(self.graph.model, runs).median_ms
        cut = self._measured(compact(self.graph.model, half), runs).median_ms if half else dense
        slope = (dense - cut) / (large - small) if large > small else 0.0
        # where the two say that an operator costs nothing, or less than nothing is around it, one factor must do
        if 0.0 < slope * large <= dense:
            self.factor, self.overhead_ms = slope, dense - slope * large
        else:
            self.factor = dense / large
        self.save()
        return self

    def error(self, plan: Plan, runs: int = 20) -> LatencyError:
        """The estimate for a plan beside the measured latency of ``compact(model, plan)``."""
        return LatencyError(self.ms(plan), self.measured(plan, runs))

    def measured(self, plan: Plan, runs: int = 20) -> Timing:
        """The latency of ``compact(model, plan)`` itself."""
        return self._measured(compact(self.graph.model, plan), runs)

    def save(self) -> None:
        """Keep the operators' times."""
        self.times.save()

    def _measured(self, model: Any, runs: int) -> Timing:
        specs = [replace(spec, shape=spec.at_batch(self.batch)) for spec in self.graph.input_specs]
        return latency(model, specs, runs=runs, own_time=True)

    def _each(self, removed: Removed, only: Iterable[int] | None = None) -> dict[int, float]:
        """By operator, its time."""
        kept = self.graph.structure.kept(removed)
        executor = Executor(self.graph.program, self.graph.structure.solution, RULES, kept)
        wanted = {c.index for c in executor.calls} if only is None else set(only)
        calls = [c for c in executor.calls if c.index in wanted and not c.name.startswith("builtin")]
        with paddle.no_grad():
            return {c.index: self.times.ms(Shaped(executor, c, self._operands(executor, c, kept), self.batch),
                                           self.graph.place) for c in calls}

    def _operands(self, executor: Executor, call: Any, kept: Kept) -> tuple[Any, ...]:
        return tuple(None if value in executor.constants else self._shape(value, kept) for _, value, _ in call.tensors)

    def _shape(self, value: int, kept: Kept) -> Any:
        program, dims = self.graph.program, self.graph.structure.solution.dims
        if program.shapes[value] is None:
            producer = program.producers[value]
            if producer.name == "builtin.combine":
                return [self._shape(v, kept) for v in producer.inputs if v is not None]
            return [(tuple(kept.number(d, self.batch) for d in part), self._dtype_of_parts(value))
                    for part in dims[value]]
        shape = tuple(kept.number(d, self.batch) for d in dims[value]) if value in dims else program.shapes[value]
        return shape, program.dtypes[value]

    def _dtype_of_parts(self, value: int) -> str:
        for op in self.graph.program.consumers.get(value, ()):
            if op.name == "builtin.split":
                return self.graph.program.dtypes[op.outputs[0]]
        return "float32"

    # for a budget

    def terms(self, levels: Mapping[str, Array]) -> tuple[list[Term], float]:
        """The latency as terms of one or two groups' levels (numbers of removed units), and what no group changes.

        Each operator is measured at a few widths of the groups it depends on, with straight lines in between; of more
        than two groups the others stand at their middle level.
        """
        dense = self._each({})
        by_groups: dict[tuple[str, ...], list[int]] = {}
        for index in dense:
            by_groups.setdefault(tuple(g for g in self._groups[index] if g in levels), []).append(index)
        fixed = sum(dense[index] for index in by_groups.pop((), []))
        gathered: dict[tuple[str, ...], Array] = {}
        for names, indices in by_groups.items():
            table = self._table(names[:2], names[2:], levels, indices)
            gathered[names[:2]] = gathered.get(names[:2], 0.0) + table
        self.save()
        terms = [Term(names, self.factor * cost) for names, cost in gathered.items()]
        return terms, self.factor * fixed + self.overhead_ms

    def _table(self, names: tuple[str, ...], still: tuple[str, ...], levels: Mapping[str, Array],
               indices: list[int]) -> Array:
        middle = {n: range(int(levels[n][len(levels[n]) // 2])) for n in still}
        at = [np.unique(np.linspace(0, len(levels[n]) - 1, min(_WIDTHS, len(levels[n]))).round().astype(int))
              for n in names]
        coarse = np.zeros([len(a) for a in at])
        for where in np.ndindex(coarse.shape):
            removed = {n: range(int(levels[n][a[k]])) for n, a, k in zip(names, at, where, strict=True)}
            coarse[where] = sum(self._each({**middle, **removed}, indices).values())
        for axis, (name, a) in enumerate(zip(names, at, strict=True)):
            coarse = _filled_in(coarse, axis, levels[name][a], levels[name])
        return coarse


def _filled_in(table: Array, axis: int, at: Array, wanted: Array) -> Array:
    """A table known ``at`` some numbers along an axis, at all ``wanted`` ones: straight lines in between."""
    rows = np.moveaxis(table, axis, -1)
    filled = np.stack([np.interp(wanted, at, row) for row in rows.reshape(-1, rows.shape[-1])])
    return np.moveaxis(filled.reshape(*rows.shape[:-1], len(wanted)), -1, axis)


def _flat(dims: Any) -> list[Any]:
    """The dims of a tensor, or of a list of tensors."""
    return [d for part in dims for d in (part if isinstance(part, (list, tuple)) else [part])]
