"""`evaluate`: a model's metrics over all of its data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import paddle

from prunelab.errors import OptionError, shown, unknown_name
from prunelab.evaluate.batches import batches
from prunelab.evaluate.forward import LossFunction, forward, in_mode
from prunelab.evaluate.loss import loss_function, name_of
from prunelab.evaluate.metrics import METRICS, Function, Metric
from prunelab.graph import as_layer

_WANTED = f"give one of {', '.join(METRICS)}, or a function (outputs, labels) -> mean of the batch"

# Losses whose labels are numbers, not classes: by name, here and in Paddle
_OF_NUMBERS = frozenset({
    "mse", "l1", "bce_with_logits", "mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "gaussian_nll_loss", "poisson_nll_loss", "MSELoss", "L1Loss", "SmoothL1Loss",
    "HuberLoss", "BCELoss", "BCEWithLogitsLoss", "GaussianNLLLoss", "PoissonNLLLoss"})

MetricName = str | Callable[[Any, Any], Any]


def evaluate(
    model: Any,
    data: Any,
    metrics: MetricName | Iterable[MetricName] | None = None,
    loss: str | LossFunction | None = None,
    *,
    on_batch: Callable[[], object] | None = None,
) -> dict[str, float]:
    """The metrics of ``model`` over all samples of ``data``, by name. The model is left as it was, in the mode it was
    in.

    Args:
        model: an ``nn.Layer`` or a ``paddle.Model``; it runs in eval mode, without gradients.
        data: a ``DataLoader``, a ``Dataset``, arrays ``(x, y)`` or an iterable of batches; see `prunelab.data.batches`.
        metrics: names of `prunelab.evaluate.METRICS`, or functions ``(outputs, labels) -> mean of the batch``; one, or
            several. Without it, accuracy and loss; loss alone where it is one of numbers, such as "mse".
        loss: for the metric "loss": "cross_entropy" (if left out), "mse", "l1", "bce_with_logits", or a function
            ``(outputs, labels) -> mean of the batch``.
        on_batch: called after each batch.

    Raises:
        UnknownNameError: a metric or loss nobody knows.
        DataError: data that cannot be read, has no batches, or has labels that a metric cannot use.
        InputError: batches that the model does not take.
    """
    layer = as_layer(model)
    running = named_metrics(usual_metrics(loss) if metrics is None else metrics, loss)
    with in_mode(layer, training=False), paddle.no_grad():
        for inputs, labels in batches(data, layer):
            outputs = forward(layer, inputs)
            n_samples = inputs[0].shape[0] if inputs[0].ndim else 1
            for metric in running.values():
                metric.update(outputs, labels, n_samples)
            if on_batch is not None:
                on_batch()
        return {name: metric.result() for name, metric in running.items()}


def named_metrics(metrics: MetricName | Iterable[MetricName],
                  loss: str | LossFunction | None) -> dict[str, Metric]:
    """A fresh metric for each name or function.

    Raises:
        UnknownNameError: a metric or a loss nobody knows.
        OptionError: something else than names and functions, or two of one name.
    """
    running: dict[str, Metric] = {}
    trained = loss_function(loss)
    for metric in listed(metrics):
        if isinstance(metric, str) and metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        if not isinstance(metric, str) and not callable(metric):
            raise OptionError(f"metric is {shown(metric)}; {_WANTED}")
        name = metric if isinstance(metric, str) else name_of(metric)
        if name in running:
            raise OptionError(f"two metrics are called '{name}'; give each a name of its own, with def")
        running[name] = METRICS[metric](trained) if isinstance(metric, str) else Function(metric)
    return running


def usual_metrics(loss: str | LossFunction | None) -> tuple[str, ...]:
    """What a model is judged by where nobody says: accuracy and loss, the loss alone where it is one of numbers."""
    return ("loss",) if name_of(loss_function(loss)) in _OF_NUMBERS else ("accuracy", "loss")


def listed(metrics: Any) -> tuple[MetricName, ...]:
    """Metrics as a tuple: of one name or function, that one.

    Raises:
        OptionError: neither, and nothing that holds them.
    """
    if isinstance(metrics, str) or callable(metrics):
        return (metrics,)
    if not isinstance(metrics, Iterable):
        raise OptionError(f"metrics is {shown(metrics)}; {_WANTED}, or several in a tuple")
    return tuple(metrics)
