"""Samples by how hard they are for a trained model: their loss, the norm of its gradient, their margin."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
from paddle.nn import functional

from prunelab.evaluate.differentiable import differentiable
from prunelab.evaluate.forward import forward, in_mode
from prunelab.evaluate.loss import IGNORED_LABEL, classes, loss_of
from prunelab.evaluate.samples import first_sample
from prunelab.graph import as_layer, trace
from prunelab.graph.execute import execute
from prunelab.text.losses import one, sample_losses
from prunelab.text.samples import SentenceTask

Array = np.ndarray[Any, Any]


def loss_of_each(task: SentenceTask) -> Array:
    """(samples,): the loss of each sample, in eval mode."""
    layer = as_layer(task.model)
    with in_mode(layer, training=False), paddle.no_grad():
        return np.concatenate([sample_losses(task.loss, forward(layer, inputs), labels)
                               for inputs, labels in task.batches])


def gradient_norm(task: SentenceTask) -> Array:
    """(samples,): ``|dL/dw|`` over all parameters that train, one backward pass a sample.

    Paul, Ganguli, Dziugaite: Deep Learning on a Data Diet, 2021 (arXiv:2107.07075), GraNd.
    """
    layer, norms, graph = as_layer(task.model), [], None
    with in_mode(layer, training=False):
        for inputs, labels in task.batches:
            graph = graph or trace(layer, first_sample(inputs))
            held = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
            weights = [held[p.value] for p in graph.program.parameters if p.trainable]
            for k in range(inputs[0].shape[0]):
                outputs = execute(differentiable(graph.structure), held, [x[k : k + 1] for x in inputs], training=False)
                slopes = paddle.grad(loss_of(task.loss, outputs, None if labels is None else one(labels, k)), weights,
                                     allow_unused=True)
                squares = [s.astype("float64").square().sum() for s in slopes if s is not None]
                norms.append(float(paddle.add_n(squares).sqrt().item()))
    return np.array(norms)


def margin(task: SentenceTask) -> Array:
    """(samples,) in [0, 2]: ``1 - (p(right) - p(next best))``, the mean over a sample's labels: low for what the model
    is sure of.

    Pleiss and others: Identifying Mislabeled Data using the Area Under the Margin Ranking, 2020 (arXiv:2001.10528), of
    one model.
    """
    layer, found = as_layer(task.model), []
    with in_mode(layer, training=False), paddle.no_grad():
        for inputs, labels in task.batches:
            logits, right = classes(forward(layer, inputs), labels, "margin")
            found.append(_margins(functional.softmax(logits, -1).astype("float64"), right))
    return np.concatenate(found)


def _margins(p: Any, right: Any) -> Array:
    counts = right != IGNORED_LABEL
    hot = functional.one_hot(paddle.where(counts, right, paddle.zeros_like(right)), p.shape[-1]).astype("float64")
    each = (1 - ((p * hot).sum(-1) - (p * (1 - hot)).max(-1))) * counts.astype("float64")
    rows, weights = (x.astype("float64").reshape([x.shape[0], -1]).sum(-1).numpy() for x in (each, counts))
    return np.asarray(rows / np.maximum(weights, 1))
