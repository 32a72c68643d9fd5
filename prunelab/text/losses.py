"""The loss of each sample of a batch, whatever the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.loss import cross_entropy, loss_of
from prunelab.evaluate.means import Loss
from prunelab.graph.program import flatten, rebuild

Array = np.ndarray[Any, Any]


def sample_losses(loss: LossFunction, outputs: Any, labels: Any) -> Array:
    """(samples,) float64: the loss of each sample alone."""
    if loss is cross_entropy:
        totals, weights = Loss(loss).rows(outputs, labels, 0)
        return np.asarray(totals / np.maximum(weights, 1))
    n = next(x.shape[0] for x in flatten(outputs) if isinstance(x, paddle.Tensor))
    return np.array([float(loss_of(loss, one(outputs, k), one(labels, k)).item()) for k in range(n)])


def one(nest: Any, k: int) -> Any:
    """The sample ``k`` of outputs or labels, as a batch of one."""
    return rebuild(nest, lambda x: x[k : k + 1] if isinstance(x, paddle.Tensor) else x)
