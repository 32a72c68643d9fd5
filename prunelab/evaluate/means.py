"""Metrics that are means over samples, labels or numbers.

What is summed stays on the device until the end: one number leaves it a metric, not one a batch.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
from paddle.nn import functional

from prunelab.errors import DataError, PrunelabError, reason_of
from prunelab.evaluate.forward import LossFunction, describe
from prunelab.evaluate.loss import IGNORED_LABEL, classes, cross_entropy, described, fitting, loss_of, name_of
from prunelab.graph import as_array

Array = np.ndarray[Any, Any]


class Mean:
    """A weighted mean of scalars: of tensors in float64 on the device they come from, of numbers as they are."""

    def __init__(self) -> None:
        self.total: Any = None
        self.weight: Any = None

    def add(self, total: Any, weight: Any) -> None:
        if isinstance(total, paddle.Tensor):
            total = total.astype("float64").reshape([])
        self.total = total if self.total is None else self.total + total
        self.weight = weight if self.weight is None else self.weight + weight

    def result(self) -> float:
        if self.total is None:
            raise DataError("the data has no batches; give at least one")
        total, weight = (v.item() if isinstance(v, paddle.Tensor) else v for v in (self.total, self.weight))
        return float(total / weight) if weight else float("nan")


class LabelRange:
    """Whether labels are classes that the outputs have; asked at the end, since asking moves numbers off the device."""

    def __init__(self) -> None:
        self._odd: Any = None  # the label that is furthest from what there is
        self._n_classes = 0

    def add(self, labels: Any, n_classes: int) -> None:
        """Look at integer labels; those of -100 do not count."""
        self._n_classes = n_classes
        if labels.size:
            outside = ((labels < 0) | (labels >= n_classes)) & (labels != IGNORED_LABEL)
            # a label of a class is 0 here, and 0 is always one
            odd = paddle.where(outside, labels, paddle.zeros_like(labels))
            most, least = odd.max(), odd.min()
            odd = paddle.where(most > 0, most, least)
            self._odd = odd if self._odd is None else paddle.where(self._odd != 0, self._odd, odd)

    def check(self) -> None:
        """Refuse labels of classes that are not there.

        Raises:
            DataError: there were some; one of them is named.
        """
        odd = 0 if self._odd is None else int(self._odd.item())
        if odd:
            raise DataError(f"a label is {odd}, and the outputs have the classes 0 to {self._n_classes - 1}; give such "
                            f"labels, or {IGNORED_LABEL} for one that does not count")


class Accuracy:
    """The fraction of labels that the largest logit meets; labels of -100 do not count. In [0, 1], higher is better."""

    higher_is_better = True

    def __init__(self, loss: LossFunction | None = None) -> None:
        self._mean, self._range = Mean(), LabelRange()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take logits ``(..., classes)`` and integer labels ``(...)`` or ``(..., 1)``."""
        hits, counts = self._hits(outputs, labels)
        self._mean.add(hits.sum(), counts.sum())

    def rows(self, outputs: Any, labels: Any, n_samples: int) -> tuple[Array, Array]:
        """Hits and labels of each sample."""
        hits, counts = self._hits(outputs, labels)
        return _by_sample(hits), _by_sample(counts)

    def _hits(self, outputs: Any, labels: Any) -> tuple[Any, Any]:
        logits, labels = classes(outputs, labels, "accuracy")
        self._range.add(labels, logits.shape[-1])
        counts = labels != IGNORED_LABEL
        return (logits.argmax(-1) == labels) & counts, counts

    def result(self) -> float:
        """The fraction met."""
        self._range.check()
        return self._mean.result()


class Loss:
    """The mean loss over all samples: the one that is trained on, or cross entropy. Lower is better.

    A loss that gives a batch's mean is weighted by its samples; the default one by the labels that count.
    """

    higher_is_better = False

    def __init__(self, loss: LossFunction | None = None) -> None:
        self._loss = loss or cross_entropy
        self._mean = Mean()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take what the loss takes."""
        value = loss_of(self._loss, outputs, labels)
        if self._loss is cross_entropy:
            n = (labels != IGNORED_LABEL).sum()
            self._mean.add(value * n.astype(value.dtype), n)
        else:
            self._mean.add(value * n_samples, n_samples)

    def rows(self, outputs: Any, labels: Any, n_samples: int) -> tuple[Array, Array]:
        """The losses of each sample's labels; of another loss than the default, the batch's in one row."""
        if self._loss is not cross_entropy:
            value = float(loss_of(self._loss, outputs, labels).item())
            return np.array([value * n_samples]), np.array([float(n_samples)])
        logits, labels = classes(outputs, labels, "cross_entropy")
        losses = functional.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORED_LABEL)
        return _by_sample(losses), _by_sample(labels != IGNORED_LABEL)

    def result(self) -> float:
        """The mean."""
        return self._mean.result()


class TopK:
    """The fraction of labels that are among the ``k`` largest logits; labels of -100 do not count. Higher is better."""

    higher_is_better = True

    def __init__(self, loss: LossFunction | None = None, k: int = 5) -> None:
        self.k, self._mean, self._range = k, Mean(), LabelRange()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take logits ``(..., classes)`` and integer labels."""
        hits, counts = self._hits(outputs, labels)
        self._mean.add(hits.sum(), counts.sum())

    def rows(self, outputs: Any, labels: Any, n_samples: int) -> tuple[Array, Array]:
        """Hits and labels of each sample."""
        hits, counts = self._hits(outputs, labels)
        return _by_sample(hits), _by_sample(counts)

    def _hits(self, outputs: Any, labels: Any) -> tuple[Any, Any]:
        logits, labels = classes(outputs, labels, f"top{self.k}")
        if logits.shape[-1] <= self.k:
            raise DataError(f"the outputs have {logits.shape[-1]} classes, and the label is always among {self.k}; "
                            "choose the metric accuracy")
        self._range.add(labels, logits.shape[-1])
        best = paddle.topk(logits, self.k, axis=-1)[1]
        return (best == labels.unsqueeze(-1)).any(-1), labels != IGNORED_LABEL

    def result(self) -> float:
        """The fraction met."""
        self._range.check()
        return self._mean.result()


class Error:
    """The mean over all numbers of what outputs and labels differ by: absolute ("mae") or squared ("mse"). Lower is
    better."""

    higher_is_better = False

    def __init__(self, loss: LossFunction | None = None, name: str = "mae") -> None:
        self._name, self._mean = name, Mean()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take outputs and labels of one shape."""
        errors = self._errors(outputs, labels)
        self._mean.add(errors.sum(), errors.size)

    def rows(self, outputs: Any, labels: Any, n_samples: int) -> tuple[Array, Array]:
        """The errors of each sample."""
        errors = self._errors(outputs, labels)
        return _by_sample(errors), _by_sample(paddle.ones_like(errors))

    def _errors(self, outputs: Any, labels: Any) -> Any:
        found, labels = fitting(outputs, labels, self._name)
        errors = found.astype("float64") - labels.astype("float64")
        return errors.abs() if self._name == "mae" else errors.square()

    def result(self) -> float:
        """The mean."""
        return self._mean.result()


class Perplexity:
    """``exp`` of the mean cross entropy over all labels that count: 1 where the model is always sure and right, the
    number of classes where it knows nothing. Lower is better."""

    higher_is_better = False

    def __init__(self, loss: LossFunction | None = None) -> None:
        self._loss = Loss(cross_entropy)

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take logits ``(..., classes)`` and integer labels."""
        self._loss.update(outputs, labels, n_samples)

    def result(self) -> float:
        """The perplexity; infinite where it is beyond a float's range."""
        value = self._loss.result()
        return math.exp(value) if value < 700 else math.inf


class Function:
    """Any function ``(outputs, labels) -> mean of the batch``, weighted by samples.

    Higher is better, unless the function has an attribute ``higher_is_better`` that says otherwise.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self._function = function
        self.higher_is_better = bool(getattr(function, "higher_is_better", True))
        self._mean = Mean()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take what the function takes."""
        self._mean.add(self._value(outputs, labels) * n_samples, n_samples)

    def rows(self, outputs: Any, labels: Any, n_samples: int) -> tuple[Array, Array]:
        """The batch in one row."""
        value = self._value(outputs, labels)
        number = value.item() if isinstance(value, paddle.Tensor) else value
        return np.array([float(number) * n_samples]), np.array([float(n_samples)])

    def _value(self, outputs: Any, labels: Any) -> Any:
        try:
            value = self._function(outputs, labels)
        except PrunelabError:
            raise
        except Exception as error:
            raise DataError(f"the metric {name_of(self._function)} cannot be computed from the outputs "
                            f"{described(outputs)} and the labels {described(labels)}: {reason_of(error)}; it gets "
                            "both as tensors (x.numpy() is an array)") from error
        return self._number(value)

    def _number(self, value: Any) -> Any:
        if isinstance(value, paddle.Tensor) and value.size == 1:
            return value.detach()
        if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "biuf":
            return float(value.item())
        if isinstance(value, numbers.Real):
            return float(value)
        told = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else describe(value)
        raise DataError(f"the metric {name_of(self._function)} gave {told}; it gives one number, the mean of the batch")

    def result(self) -> float:
        """The mean."""
        return self._mean.result()


def _by_sample(values: Any) -> Array:
    """The sum of each sample's numbers: (samples,)."""
    numbers = as_array(values.astype("float64"))
    return numbers.reshape(len(numbers), -1).sum(axis=1)
