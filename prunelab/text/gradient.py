"""Words by what the loss changes, to first order, where their embedding is zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.differentiable import differentiable
from prunelab.evaluate.forward import in_mode
from prunelab.evaluate.loss import loss_of
from prunelab.graph.execute import execute
from prunelab.graph.nests import Inputs
from prunelab.graph.program import Ref, rebuild
from prunelab.text.task import SAMPLES, WordTask

Array = np.ndarray[Any, Any]


def gradient(task: WordTask) -> Array:
    """``sum over occurrences of |e . dL/de|``, ``e`` an occurrence's embedding and ``L`` its sentence's loss: (words,).

    Molchanov and others: Pruning Convolutional Neural Networks for Resource Efficient Inference, 2017
    (arXiv:1611.06440), with words in the place of filters.
    """
    scores, graph = np.zeros(task.table.n_words), task.table.graph
    with in_mode(graph.model, training=False):
        for inputs, labels in task.batches(SAMPLES):
            # the loss is the mean of the batch, and a sentence's own is wanted
            for ids, products in _products(task, inputs, labels):
                np.add.at(scores, ids.reshape(-1), inputs[0].shape[0] * products.reshape(-1))
    return scores


def _products(task: WordTask, inputs: Inputs, labels: Any) -> list[tuple[Array, Array]]:
    """For each look-up its ids, and ``|e . dL/de|`` of each."""
    graph = task.table.graph
    lookups = task.table.lookups
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
    targets = [*(v for pair in lookups for v in pair), *graph.program.output_values]
    found = execute(differentiable(graph.structure), held, inputs, training=False, targets=targets)
    values = dict(zip(targets, found, strict=True))
    outputs = rebuild(graph.program.outputs, lambda leaf: values[leaf.value] if isinstance(leaf, Ref) else leaf)
    embedded = [values[e] for _, e in lookups]
    # Paddle's recurrent backward fails where the gradients of its weights are not asked for too
    weights = [t for t in held.values() if not t.stop_gradient]
    slopes = paddle.grad(loss_of(task.loss, outputs, labels), [*embedded, *weights], allow_unused=True)
    return [(values[ids].numpy(), (values[e] * slope).sum(-1).abs().astype("float64").numpy())
            for (ids, e), slope in zip(lookups, slopes, strict=False) if slope is not None]
