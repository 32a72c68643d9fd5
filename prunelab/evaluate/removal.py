"""The loss without each unit, measured: what stands before the cut is computed once for all units of a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError
from prunelab.evaluate.batches import Batch, Batches
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.labels import first
from prunelab.evaluate.loss import loss_of
from prunelab.evaluate.prefix import crossing, first_touched
from prunelab.evaluate.samples import first_samples
from prunelab.graph import Graph, Group
from prunelab.plan import Plan
from prunelab.surgery import mask

Array = np.ndarray[Any, Any]


def loss_without(graph: Graph, groups: Iterable[Group], source: Batches, loss: LossFunction,
                 samples: int) -> dict[str, Array]:
    """By group, by how much the mean loss rises without each unit: (units,)."""
    chosen = _looked_at(source, samples)
    empty, out = Plan.empty(graph), {}
    with paddle.no_grad():
        before = _mean(chosen, [graph.run(*inputs) for inputs, _ in chosen], loss)
        for group in groups:
            carried = crossing(graph.program, first_touched(graph, (m.parameter for m in group.members)))
            prefixes = [dict(zip(carried, graph.run(*inputs, until=list(carried)), strict=True))
                        for inputs, _ in chosen]
            rises = np.zeros(group.units)
            for unit in range(group.units):
                with mask(graph.model, empty.with_removed(graph, {group.name: [unit]})):
                    outputs = [graph.run(*inputs, given=prefix)
                               for (inputs, _), prefix in zip(chosen, prefixes, strict=True)]
                rises[unit] = _mean(chosen, outputs, loss) - before
            out[group.name] = rises
    return out


def _looked_at(source: Batches, samples: int) -> list[Batch]:
    """The first ``samples`` of the data, in its batches."""
    found: list[Batch] = []
    for inputs, labels in source:
        if samples <= 0:
            break
        inputs = first_samples(inputs, samples)
        found.append((inputs, first(labels, samples)))
        samples -= inputs[0].shape[0] if inputs[0].ndim else 1
    if not found:
        raise DataError("the data has no batches; give at least one")
    return found


def _mean(chosen: list[Batch], outputs: list[Any], loss: LossFunction) -> float:
    sizes = [inputs[0].shape[0] if inputs[0].ndim else 1 for inputs, _ in chosen]
    values = [float(loss_of(loss, out, labels).item()) for out, (_, labels) in zip(outputs, chosen, strict=True)]
    return float(np.average(values, weights=sizes))
