"""Where a model looks: the gradient of its largest scores with respect to its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError
from prunelab.evaluate.batches import batches
from prunelab.evaluate.forward import in_mode
from prunelab.graph import Graph
from prunelab.graph.nests import each, run
from prunelab.graph.program import flatten

Array = np.ndarray[Any, Any]


def saliency(graph: Graph, data: Any, *, samples: int = 256) -> list[Array]:
    """For each input, ``|x * ds/dx|`` added up over the samples, without its batch axis; zeros for what has no
    gradient. ``s`` is the largest of each output's last axis, added up.

    Labels are not needed. Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, 2013 (arXiv:1312.6034).

    Args:
        data: as for `prunelab.evaluate`.
        samples: the first so many of the data.

    Raises:
        DataError: data without batches.
    """
    sums = [np.zeros(spec.shape[1:]) for spec in graph.input_specs]
    seen = 0
    with in_mode(graph.model, training=False):
        for inputs, _ in batches(data, graph):
            for total, x, gradient in zip(sums, inputs, _gradients(graph.model, inputs), strict=True):
                if gradient is not None:
                    total += (x * gradient).abs().sum(0).astype("float64").numpy()
            seen += int(inputs[0].shape[0])
            if seen >= samples:
                break
    if not seen:
        raise DataError("the data has no batches; give at least one")
    return sums


def _gradients(model: Any, inputs: Any) -> list[Any]:
    """The gradient with respect to each input of floats."""
    tracked = each(lambda x: x.detach(), inputs)
    wanted = [x for x in tracked if x.is_floating_point()]
    for x in wanted:
        x.stop_gradient = False
    outputs = [o for o in flatten(run(model, tracked)) if isinstance(o, paddle.Tensor) and o.is_floating_point()]
    score = sum(o.max(-1).sum() for o in outputs)
    found = iter(paddle.grad(score, wanted, allow_unused=True))
    return [next(found) if x.is_floating_point() else None for x in tracked]
