"""Running a model on a batch: in a mode that is given back, with mistakes told in a person's words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import paddle
from paddle.nn import functional

from prunelab.errors import DataError, InputError, PrunelabError

# A function (outputs, labels) -> the mean loss of a batch, a scalar tensor.
LossFunction = Callable[..., Any]

IGNORED_LABEL = -100  # the default of paddle.nn.functional.cross_entropy's ignore_index


@contextlib.contextmanager
def in_mode(layer: Any, *, training: bool) -> Iterator[None]:
    """Every layer trains or evaluates inside; afterwards each is in the mode it was in."""
    before = [(part, part.training) for part in layer.sublayers(include_self=True)]
    try:
        for part, _ in before:
            part.training = training
        yield
    finally:
        for part, mode in before:
            part.training = mode


def forward(layer: Any, inputs: Sequence[Any]) -> Any:
    """``layer(*inputs)``.

    Raises:
        InputError: inputs the model does not take.
    """
    try:
        return layer(*inputs)
    except PrunelabError:
        raise
    except Exception as error:
        given = ", ".join(map(describe, inputs))
        raise InputError(f"{type(layer).__name__} does not take the batch's inputs {given}: {_reason(error)}; give "
                         "batches of the shapes its forward takes") from error


def loss_of(loss: LossFunction | None, outputs: Any, labels: Any) -> Any:
    """The mean loss of a batch, a scalar tensor. ``loss`` is called with the outputs as they are; without labels, with
    them alone.

    Raises:
        DataError: outputs and labels that the loss cannot compare, or no labels where the default loss needs them.
    """
    try:
        if loss is None:
            return cross_entropy(main_output(outputs), labels)
        value = loss(outputs) if labels is None else loss(outputs, labels)
    except PrunelabError:
        raise
    except Exception as error:
        name = "cross entropy" if loss is None else getattr(loss, "__name__", type(loss).__name__)
        raise DataError(f"{name} cannot be computed from the outputs {describe(main_output(outputs))} and the labels "
                        f"{describe(labels)}: {_reason(error)}; give labels that fit, or another loss") from error
    if not isinstance(value, paddle.Tensor) or value.size != 1:
        raise DataError(f"the loss gave {describe(value)}; it gives one number a batch, such as "
                        "paddle.nn.CrossEntropyLoss()")
    return value


def cross_entropy(outputs: Any, labels: Any) -> Any:
    """The default loss: cross entropy of logits ``(..., classes)`` and integer labels ``(...)`` or ``(..., 1)``.

    Mean over the labels that count; labels of -100 do not. (Paddle's own mean divides by those too.)
    """
    check_labels(labels, "the default loss, cross entropy,")
    labels = _aligned(labels, outputs)
    total = functional.cross_entropy(outputs, labels, reduction="sum", ignore_index=IGNORED_LABEL)
    return total / (labels != IGNORED_LABEL).sum().clip(min=1).astype(total.dtype)


def check_labels(labels: Any, who: str) -> None:
    """Refuse labels that are no classes."""
    if labels is None:
        raise DataError(f"the batches have no labels, and {who} needs them; give batches (x, y), or another loss and "
                        "other metrics")
    if labels.is_floating_point():
        raise DataError(f"the labels are {describe(labels)}, and {who} needs integer classes; give loss=, such as "
                        "paddle.nn.MSELoss(), and metrics=('loss',)")


def main_output(outputs: Any) -> Any:
    """The outputs, or the first of several (googlenet's others are auxiliary)."""
    while isinstance(outputs, (list, tuple)) and outputs:
        outputs = outputs[0]
    return outputs


def _aligned(labels: Any, outputs: Any) -> Any:
    """Labels without a last axis of one where the outputs have classes: (n, 1) -> (n,)."""
    if labels.ndim == outputs.ndim and labels.shape[-1] == 1:
        return labels.squeeze(-1)
    return labels


def hits(outputs: Any, labels: Any) -> tuple[Any, Any]:
    """How many labels the largest logit meets, and how many count: two scalar tensors on the device."""
    labels = _aligned(labels, outputs)
    counts = labels != IGNORED_LABEL
    return ((outputs.argmax(-1) == labels) & counts).sum(), counts.sum()


def describe(value: Any) -> str:
    """A value's shape and type for a message: ``(64, 10) float32``."""
    if isinstance(value, paddle.Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).rpartition('.')[2]}"
    return "None" if value is None else f"a {type(value).__name__}"


def _reason(error: BaseException) -> str:
    """The line of Paddle's long messages that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error:" in line or line.startswith(("[Hint", "(InvalidArgument)"))]
    return (told or lines or [type(error).__name__])[0]
