"""`evaluate`: a model's metrics over all of its data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import paddle

from prunelab.errors import OptionError, unknown_name
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.forward import LossFunction, forward, in_mode
from prunelab.evaluate.metrics import METRICS, Function, Metric
from prunelab.graph import as_layer

MetricName = str | Callable[[Any, Any], Any]


def evaluate(
    model: Any,
    data: Any,
    metrics: str | Iterable[MetricName] = ("accuracy", "loss"),
    loss: LossFunction | None = None,
    *,
    on_batch: Callable[[], object] | None = None,
) -> dict[str, float]:
    """The metrics of ``model`` over all samples of ``data``, by name. The model is left as it was, in the mode it was
    in.

    Args:
        model: an ``nn.Layer`` or a ``paddle.Model``; it runs in eval mode, without gradients.
        data: a ``DataLoader``, a ``Dataset``, arrays ``(x, y)`` or an iterable of batches; see `prunelab.data.batches`.
        metrics: names of `prunelab.evaluate.METRICS`, or functions ``(outputs, labels) -> mean of the batch``.
        loss: ``(outputs, labels) -> mean of the batch`` for the metric "loss"; without it, cross entropy.
        on_batch: called after each batch.

    Raises:
        UnknownNameError: a metric nobody knows.
        DataError: data that cannot be read, has no batches, or has labels that a metric cannot use.
        InputError: batches that the model does not take.
    """
    layer = as_layer(model)
    running = named_metrics(metrics, loss)
    source = data if isinstance(data, Batches) else batches(data, layer)
    with in_mode(layer, training=False), paddle.no_grad():
        for inputs, labels in source:
            outputs = forward(layer, inputs)
            n_samples = inputs[0].shape[0] if inputs[0].ndim else 1
            for metric in running.values():
                metric.update(outputs, labels, n_samples)
            if on_batch is not None:
                on_batch()
        return {name: metric.result() for name, metric in running.items()}


def named_metrics(metrics: str | Iterable[MetricName], loss: LossFunction | None) -> dict[str, Metric]:
    """A fresh metric for each name or function.

    Raises:
        UnknownNameError: a metric nobody knows.
    """
    running: dict[str, Metric] = {}
    for metric in [metrics] if isinstance(metrics, str) else metrics:
        if isinstance(metric, str):
            if metric not in METRICS:
                raise unknown_name("metric", metric, METRICS)
            running[metric] = METRICS[metric](loss)
        elif callable(metric):
            running[getattr(metric, "__name__", type(metric).__name__)] = Function(metric)
        else:
            raise OptionError(f"metric is {metric!r}; give one of {', '.join(METRICS)}, or a function (outputs, "
                              "labels) -> mean of the batch")
    return running
