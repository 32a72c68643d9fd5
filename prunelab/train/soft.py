"""Soft pruning: after each epoch the weakest units are set to zero, and go on learning; they may come back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import Criterion, criterion_of
from prunelab.errors import OptionError, check_ratio, shown, unknown_name
from prunelab.graph import Graph
from prunelab.graph.removals import is_sparse
from prunelab.plan import Plan, propose
from prunelab.plan.schedules import SCHEDULES
from prunelab.surgery import cut_masks, mask, zero_cut


@dataclass(frozen=True, kw_only=True)
class SoftPruning:
    """``finetune(soft=SoftPruning(sparsity=0.5))``: the plan that comes of it is ``result.plan``.

    After each epoch the plan is proposed anew, and the weights that make its units become zero; what reads them stays,
    so gradients still reach them, and a unit that is needed grows again before the next choice. He et al.: Soft Filter
    Pruning, 2018 (arXiv:1808.06866). With granularity "element" it is single weights that go and come back, as in Guo
    et al.: Dynamic Network Surgery, 2016 (arXiv:1608.04493).

    Args:
        sparsity, criterion, scope, granularity: as for `prunelab.propose`.
        schedule: how the sparsity grows over the epochs; "one_shot" is all of it from the first on.
    """

    sparsity: float = 0.5
    criterion: str | Criterion = "l2_weight"
    scope: str = "local"
    granularity: str = "auto"
    schedule: str = "one_shot"

    def __post_init__(self) -> None:
        if check_ratio(self.sparsity, place="sparsity") == 0:
            raise OptionError("sparsity is 0 and takes nothing; give the fraction of units that goes, such as 0.5")
        criterion_of(self.criterion)
        if self.schedule not in SCHEDULES:
            raise unknown_name("schedule", self.schedule, SCHEDULES)

    def propose(self, graph: Graph, fraction: float) -> Plan:
        """The plan for the weights as they are, with a fraction of the way done."""
        sparse = {"scope": self.scope} if self.scope != "local" else {}
        return propose(graph, self.criterion, sparsity=fraction, granularity=self.granularity, **sparse)  # type: ignore[arg-type]


class SoftMask:
    """The plan as it changes from epoch to epoch."""

    def __init__(self, how: SoftPruning, epochs: int) -> None:
        if not isinstance(how, SoftPruning):
            raise OptionError(f"soft is {shown(how)}; give pl.train.SoftPruning(sparsity=0.5)")
        self.how, self.epochs = how, epochs
        self.plans: list[Plan] = []
        self._reached = -1.0

    def choose(self, graph: Graph, epoch: int) -> bool:
        """Choose anew and set what makes the chosen units to zero; whether more goes than before, so that earlier
        epochs no longer compare."""
        amount = SCHEDULES[self.how.schedule](epoch + 1, self.epochs, self.how.sparsity, 0.0)
        self.plans.append(self.how.propose(graph, amount))
        _zero_makers(graph, self.plans[-1])
        grown, self._reached = amount > self._reached, amount
        return grown

    @contextlib.contextmanager
    def judged(self, layer: Any) -> Iterator[None]:
        """Inside, the model computes as the smaller one will: what reads a cut unit does not see it."""
        with mask(layer, self.plans[-1]) if self.plans else contextlib.nullcontext():
            yield

    def harden(self, layer: Any, best_epoch: int | None) -> Plan | None:
        """In the end the model is masked for good, by the plan of the epoch that was kept."""
        if not self.plans:
            return None
        plan = self.plans[-1 if best_epoch is None else best_epoch]
        zero_cut(layer, plan)
        return plan


def _zero_makers(graph: Graph, plan: Plan) -> None:
    masks = cut_masks(graph.model, plan)
    makers = {g.parameter for g in plan.groups if is_sparse(g)}  # type: ignore[union-attr]
    makers |= {m.parameter for g in graph.prunable for m in g.makers}
    with paddle.no_grad():
        for name in makers & set(masks):
            tensor = graph.tensor(name)
            stays = paddle.to_tensor(_only_outputs(graph, name, plan, masks[name]), place=tensor.place)
            paddle.assign(paddle.where(stays, tensor, paddle.zeros_like(tensor)), output=tensor)


def _only_outputs(graph: Graph, name: str, plan: Plan, stays: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A mask without what the weight loses because it reads a cut group: that must stay, or no gradient comes back."""
    if any(is_sparse(g) and g.parameter == name for g in plan.groups):  # type: ignore[union-attr]
        return stays
    kept, dims = graph.kept(plan), graph.structure.dims(name)
    out = np.ones(stays.shape, bool)
    for axis in {m.axis for g in graph.prunable for m in g.makers if m.parameter == name}:
        if kept.changes(dims[axis]):
            there = np.zeros(stays.shape[axis], bool)
            there[kept.positions(dims[axis])] = True
            out &= there.reshape([-1 if k == axis else 1 for k in range(out.ndim)])
    return out
