"""What goes of a group at a ratio, and the network without it, from where it first matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import Calibration, Criterion, score
from prunelab.graph import Graph, Group
from prunelab.graph.execute import execute
from prunelab.graph.program import Ref, rebuild
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.widths import Kept
from prunelab.plan import Plan
from prunelab.plan.allocation import Limits, n_removed
from prunelab.surgery import cut_masks

Units = tuple[int, ...]


@dataclass(frozen=True)
class Cuts:
    """What goes of a group at a ratio, on top of what a base plan takes, which is masked."""

    graph: Graph
    base: Plan
    criterion: Criterion
    seed: int
    calibration: Calibration | None

    def of(self, group: Group, ratios: Sequence[float]) -> dict[float, Units]:
        """The removed units at each ratio."""
        scores = score(self.graph, group, self.criterion, seed=self.seed, calibration=self.calibration)
        limits = Limits(gone={group.name: frozenset(self.base.removed(group.name))})
        return {r: limits.choose(group.name, scores, n_removed(r, group.units)) for r in ratios}

    def tensors(self) -> dict[int, Any]:
        """By value id, the tensors that the base plan masks."""
        out = {}
        for name, stays in cut_masks(self.graph.model, self.base).items():
            tensor = self.graph.tensor(name)
            there = paddle.to_tensor(stays, place=tensor.place)
            value = self.graph.structure.parameters[name].value
            out[value] = paddle.where(there, tensor, paddle.zeros_like(tensor))
        return out

    def network(self, group: Group, removed: Units, held: Mapping[int, Any]) -> CutNetwork:
        """The network without these units of a group; ``held`` are its tensors under the base plan, by value id."""
        structure, program = self.graph.structure, self.graph.program
        kept = structure.kept({group.name: removed})
        cut = {p.value: sliced(held[p.value], structure.dims(p.name), kept) for p in program.parameters}
        return CutNetwork(Executor(program, structure.solution, RULES, kept), cut, kept, structure.solution.dims)


@dataclass(frozen=True)
class CutNetwork:
    """A network with some units taken out of its operators, as the smaller model computes: what follows a cut costs
    less than the masked network."""

    executor: Executor
    held: Mapping[int, Any]
    kept: Kept
    dims: Mapping[int, Sequence[Any]]

    def run(self, inputs: Sequence[Any], given: Mapping[int, Any]) -> Any:
        """The outputs, from the full-size values that stand before the cut."""
        values = {v: sliced(t, self.dims[v], self.kept) if v in self.dims else t for v, t in given.items()}
        return execute(self.executor, self.held, inputs, training=False, given=values)

    def go_on(self, inputs: Sequence[Any], given: Mapping[int, Any], wanted: Sequence[int]) -> tuple[
            Any, dict[int, Any]]:
        """The outputs, and by value id those that are ``wanted`` beside them; from values of such a network."""
        program = self.executor.program
        targets = list(dict.fromkeys([*program.output_values, *wanted]))
        out = execute(self.executor, self.held, inputs, training=False, targets=targets, given=given)
        found = dict(zip(targets, out, strict=True))
        return rebuild(program.outputs, lambda leaf: found[leaf.value] if isinstance(leaf, Ref) else leaf), found


def sliced(tensor: Any, dims: Sequence[Any], kept: Kept) -> Any:
    """A full-size tensor without the positions that go."""
    for axis, dim in enumerate(dims):
        if kept.changes(dim):
            stays = paddle.to_tensor(kept.positions(dim).astype(np.int64), place=tensor.place)
            tensor = paddle.index_select(tensor, stays, axis=axis)
    return tensor
