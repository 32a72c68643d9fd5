"""Streaming metrics: each takes batch after batch and gives one number at the end, weighted by samples.

What is summed stays on the device until the end: one number leaves it a metric, not one a batch. A new metric is a
class with ``update`` and ``result``, a line in `METRICS`, and a test; a function ``(outputs, labels) -> mean of the
batch`` works wherever a name does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import paddle

from prunelab.errors import DataError
from prunelab.evaluate.forward import IGNORED_LABEL, LossFunction, check_labels, describe, hits, loss_of, main_output


class Metric(Protocol):
    """What every metric does."""

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take one batch."""

    def result(self) -> float:
        """The value over all batches so far."""


class _Mean:
    """A weighted mean of scalars, in float64 on the device they come from."""

    def __init__(self) -> None:
        self.total: Any = None
        self.weight: Any = None

    def add(self, total: Any, weight: Any) -> None:
        total = total.astype("float64").reshape([])
        self.total = total if self.total is None else self.total + total
        self.weight = weight if self.weight is None else self.weight + weight

    def result(self) -> float:
        if self.total is None:
            raise DataError("the data has no batches; give at least one")
        weight = self.weight.item() if isinstance(self.weight, paddle.Tensor) else self.weight
        return float(self.total.item() / weight) if weight else float("nan")


class Accuracy:
    """The fraction of labels that the largest logit meets; labels of -100 do not count. In [0, 1], higher is better."""

    def __init__(self, loss: LossFunction | None = None) -> None:
        self._mean = _Mean()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take logits ``(..., classes)`` and integer labels ``(...)``."""
        outputs = main_output(outputs)
        check_labels(labels, "accuracy")
        if outputs.ndim < 1 or outputs.ndim - labels.ndim not in (0, 1) or outputs.shape[-1] < 2:
            raise DataError(f"accuracy cannot be computed from the outputs {describe(outputs)} and the labels "
                            f"{describe(labels)}; it needs one logit a class on the last axis, and one class a label")
        self._mean.add(*hits(outputs, labels))

    def result(self) -> float:
        """The fraction met."""
        return self._mean.result()


class Loss:
    """The mean loss over all samples: the one that is trained on, or cross entropy. Lower is better.

    A loss that gives a batch's mean is weighted by its samples; the default one by the labels that count.
    """

    def __init__(self, loss: LossFunction | None = None) -> None:
        self._loss = loss
        self._mean = _Mean()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take what the loss takes."""
        value = loss_of(self._loss, outputs, labels)
        if self._loss is None:
            n = (labels != IGNORED_LABEL).sum()
            self._mean.add(value * n.astype(value.dtype), n)
        else:
            self._mean.add(value * n_samples, n_samples)

    def result(self) -> float:
        """The mean."""
        return self._mean.result()


class Function:
    """Any function ``(outputs, labels) -> mean of the batch``, weighted by samples."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self._function = function
        self._mean = _Mean()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take what the function takes."""
        value = self._function(outputs, labels)
        place = main_output(outputs).place
        tensor = value if isinstance(value, paddle.Tensor) else paddle.to_tensor(float(value), place=place)
        self._mean.add(tensor * n_samples, n_samples)

    def result(self) -> float:
        """The mean."""
        return self._mean.result()


# name -> a metric's class; it is made with the loss that is trained on
METRICS: Mapping[str, Callable[[LossFunction | None], Metric]] = {
    "accuracy": Accuracy,
    "loss": Loss,
}
