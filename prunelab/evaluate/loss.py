"""What a batch's outputs lose against its labels: by a function of the user's, or by a name of `LOSSES`.

Paddle broadcasts what does not fit: outputs ``(n, 1)`` against labels ``(n,)`` give an n x n table, and a mean that
looks like a loss. So what is computed here from names is checked first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import paddle
from paddle.nn import functional

from prunelab.errors import DataError, OptionError, PrunelabError, UnknownNameError, reason_of, shown, unknown_name
from prunelab.evaluate.forward import LossFunction, describe, main_output

IGNORED_LABEL = -100  # the default of paddle.nn.functional.cross_entropy's ignore_index

_WANTED = "give a function (outputs, labels) -> mean of the batch, such as paddle.nn.functional.smooth_l1_loss"


def cross_entropy(outputs: Any, labels: Any) -> Any:
    """The default loss: cross entropy of logits ``(..., classes)`` and integer labels ``(...)`` or ``(..., 1)``.

    Mean over the labels that count; labels of -100 do not. (Paddle's own mean divides by those too.)
    """
    logits, labels = classes(outputs, labels, "cross_entropy")
    total = functional.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED_LABEL)
    return total / (labels != IGNORED_LABEL).sum().clip(min=1).astype(total.dtype)


def _elementwise(name: str, function: Callable[[Any, Any], Any]) -> LossFunction:
    """A loss of outputs and labels of one shape; a last axis of one may be missing on either side."""
    def loss(outputs: Any, labels: Any = None) -> Any:
        return function(*fitting(outputs, labels, name))

    loss.__name__ = name
    return loss


def fitting(outputs: Any, labels: Any, who: str) -> tuple[Any, Any]:
    """The first output, and the labels in its shape and type; a last axis of one may be missing on either side.

    Raises:
        DataError: labels of another shape, or none; ``who`` needs them.
    """
    found = main_output(outputs)
    if labels is None:
        raise DataError(f"the batches have no labels, and {who} needs them; give batches (x, y)")
    _check_one(outputs, labels, who)
    longer, shorter = sorted((list(found.shape), list(labels.shape)), key=len, reverse=True)
    if longer not in (shorter, [*shorter, 1]):
        raise DataError(f"{who} cannot be computed from the outputs {describe(found)} and the labels "
                        f"{describe(labels)}; give labels of the outputs' shape, or another loss or metric")
    return found, labels.reshape(found.shape).astype(found.dtype)


# name -> the mean loss of a batch
LOSSES: Mapping[str, LossFunction] = {
    "cross_entropy": cross_entropy,
    "mse": _elementwise("mse", functional.mse_loss),
    "l1": _elementwise("l1", functional.l1_loss),
    "bce_with_logits": _elementwise("bce_with_logits", functional.binary_cross_entropy_with_logits),
}


def loss_function(loss: str | LossFunction | None) -> LossFunction:
    """The loss of that name, or the function itself; of None, cross entropy.

    Raises:
        UnknownNameError: no loss is called so; one of Paddle's functions is to be given itself.
        OptionError: something that cannot be called, or a class instead of an instance.
    """
    if loss is None:
        return cross_entropy
    if isinstance(loss, str):
        if loss not in LOSSES and callable(getattr(functional, loss, None)):
            raise UnknownNameError(f"unknown loss '{loss}'; give Paddle's function itself: "
                                   f"loss=paddle.nn.functional.{loss}")
        if loss not in LOSSES:
            raise UnknownNameError(f"{unknown_name('loss', loss, LOSSES)}; or {_WANTED}")
        return LOSSES[loss]
    if isinstance(loss, type):
        raise OptionError(f"loss is the class {loss.__name__}; give an object of it: {loss.__name__}()")
    if not callable(loss):
        raise OptionError(f"loss is {shown(loss)}; give one of {', '.join(LOSSES)}, or {_WANTED[5:]}")
    return loss


def loss_of(loss: LossFunction, outputs: Any, labels: Any) -> Any:
    """The mean loss of a batch, a scalar tensor. ``loss`` is called with the outputs as they are; without labels, with
    them alone.

    Raises:
        DataError: outputs and labels that the loss cannot compare, or no labels where it needs them.
    """
    try:
        value = loss(outputs) if labels is None and loss is not cross_entropy else loss(outputs, labels)
    except PrunelabError:
        raise
    except Exception as error:
        raise DataError(f"{name_of(loss)} cannot be computed from the outputs {described(outputs)} and the labels "
                        f"{described(labels)}: {reason_of(error)}; give labels that fit, or another loss") from error
    if not isinstance(value, paddle.Tensor) or value.size != 1:
        raise DataError(f"the loss {name_of(loss)} gave {describe(value)}; it gives one number a batch, a tensor of "
                        "one element, as paddle.nn.CrossEntropyLoss() does")
    return value


def classes(outputs: Any, labels: Any, who: str) -> tuple[Any, Any]:
    """The logits ``(..., classes)``, the first of several outputs, and the int64 labels ``(...)`` that fit them; a last
    axis of one of the labels goes, as Paddle's own losses and metrics have it.

    Raises:
        DataError: labels that are no classes, or none for each logit; ``who`` needs them.
    """
    logits = main_output(outputs)
    if labels is None:
        raise DataError(f"the batches have no labels, and {who} needs them; give batches (x, y), or another loss and "
                        "other metrics")
    _check_one(outputs, labels, who)
    given = f"the outputs {describe(logits)} and the labels {describe(labels)}"
    if not isinstance(logits, paddle.Tensor):
        raise DataError(f"{who} cannot be computed from {given}; give loss= and metrics= functions that find what they "
                        "need in the outputs")
    if logits.ndim > 1 and labels.shape == logits.shape and logits.shape[-1] > 1:
        raise DataError(f"the labels are {describe(labels)}, a number for each class, and {who} needs integer classes; "
                        "of one-hot labels give y.argmax(-1), else loss='bce_with_logits' and metrics=('loss',)")
    if labels.is_floating_point():
        raise DataError(f"the labels are {describe(labels)}, and {who} needs integer classes; give loss='mse' or "
                        "another, and metrics=('loss',)")
    if logits.ndim < 1 or logits.shape[-1] < 2:
        raise DataError(f"{who} cannot be computed from {given}; it needs a logit for each class on the last axis: for "
                        "one number a sample give loss='bce_with_logits' or 'mse', and metrics=('loss',)")
    fits = list(logits.shape[:-1])
    if labels.shape == [*fits, 1]:
        labels = labels.squeeze(-1)
    elif labels.shape != fits:
        images = logits.ndim > 2 and labels.shape == [logits.shape[0], *logits.shape[2:]]
        advice = ("for classes on axis 1 give loss=lambda out, y: paddle.nn.functional.cross_entropy(out, y, axis=1) "
                  "and metrics=('loss',)" if images else f"give labels of the shape {tuple(fits)}")
        raise DataError(f"{who} cannot be computed from {given}: it looks for the classes on the last axis; {advice}")
    return logits, labels.astype("int64")


def _check_one(outputs: Any, labels: Any, who: str) -> None:
    if not isinstance(labels, paddle.Tensor):
        raise DataError(f"{who} compares one output with one tensor of labels, and the labels are {described(labels)} "
                        f"beside the outputs {described(outputs)}; give a loss and metrics of your own, functions of "
                        "(outputs, labels), or metrics=('loss',)")


def name_of(function: Any) -> str:
    """What a person calls a function: its name, or its class's."""
    return str(getattr(function, "__name__", type(function).__name__))


def described(outputs: Any) -> str:
    """Outputs for a message: the one tensor, or what a nest of them holds."""
    if isinstance(outputs, Mapping):
        return "{" + ", ".join(f"{name}: {described(value)}" for name, value in outputs.items()) + "}"
    if isinstance(outputs, (list, tuple)):
        return f"[{', '.join(map(described, outputs))}]"
    return describe(outputs)
