"""What goes of a group at a ratio, and the masked tensors that then stand for the model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import Calibration, Criterion, score
from prunelab.graph import Graph, Group
from prunelab.plan import Plan
from prunelab.plan.allocation import Limits, n_removed
from prunelab.surgery import cut_masks

Units = tuple[int, ...]


@dataclass(frozen=True)
class Cuts:
    """What goes of a group at a ratio, and the masked tensors that then stand for the model's."""

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

    def tensors(self, group: Group | None = None, removed: Units = ()) -> dict[int, Any]:
        """By value id, the masked tensors: of the base plan, or of what a group adds to it."""
        before = cut_masks(self.graph.model, self.base)
        masks = before
        if group is not None:
            masks = cut_masks(self.graph.model, self.base.with_removed(self.graph, {group.name: removed}))
        out = {}
        for p in self.graph.program.parameters:
            mask = masks.get(p.name)
            if mask is None or (group is not None and np.array_equal(mask, before.get(p.name))):  # type: ignore[arg-type]
                continue
            tensor = self.graph.tensor(p.name)
            stays = paddle.to_tensor(mask, place=tensor.place)
            out[p.value] = paddle.where(stays, tensor, paddle.zeros_like(tensor))
        return out
