"""Samples by how often a training unlearns them."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.forward import forward, in_mode
from prunelab.evaluate.loss import IGNORED_LABEL, classes
from prunelab.graph import as_layer
from prunelab.graph.model_copy import copy_of
from prunelab.text.samples import SentenceTask
from prunelab.train import finetune

Array = np.ndarray[Any, Any]


def forgetting(task: SentenceTask) -> Array:
    """(samples,): how often a sample was right after one epoch and wrong after the next; what was never right counts as
    one more than there are epochs.

    Toneva and others: An Empirical Study of Example Forgetting, 2019 (arXiv:1812.05159), looked at after each epoch. A
    copy of the model is trained; the model stays as it is.
    """
    layer = copy_of(as_layer(task.model))
    seen = [_right(layer, task)]

    def look(_: Any) -> None:
        seen.append(_right(layer, task))

    finetune(layer, task.samples, task.epochs, lr=task.lr, loss=task.loss, seed=task.seed, on_epoch=look)
    right = np.stack(seen)
    events = (right[:-1] & ~right[1:]).sum(0).astype(np.float64)
    return np.where(right.any(0), events, task.epochs + 1.0)


def _right(layer: Any, task: SentenceTask) -> Array:
    """(samples,) bool: whether all labels of a sample are met."""
    found = []
    with in_mode(layer, training=False), paddle.no_grad():
        for inputs, labels in task.batches:
            logits, labels = classes(forward(layer, inputs), labels, "forgetting")
            met = (logits.argmax(-1) == labels) | (labels == IGNORED_LABEL)
            found.append(met.reshape([met.shape[0], -1]).all(-1).numpy())
    return np.concatenate(found)
