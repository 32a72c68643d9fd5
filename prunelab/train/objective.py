"""What a training makes small: the loss of outputs against labels, and what is added to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from paddle.nn import functional

from prunelab.errors import OptionError
from prunelab.evaluate.forward import LossFunction, forward
from prunelab.evaluate.loss import IGNORED_LABEL, classes, cross_entropy, loss_function, loss_of, name_of
from prunelab.graph.nests import Inputs
from prunelab.train.penalties import Penalty, Term
from prunelab.train.traced import Traced


class Objective(Protocol):
    """The loss of one batch when a ``fraction`` in [0, 1) of the training is done: a scalar tensor."""

    def __call__(self, inputs: Inputs, labels: Any, fraction: float) -> Any: ...


class Task:
    """The loss of a layer's outputs against the labels."""

    def __init__(self, layer: Any, loss: LossFunction) -> None:
        self.layer, self.loss = layer, loss

    def __call__(self, inputs: Inputs, labels: Any, fraction: float) -> Any:
        return loss_of(self.loss, forward(self.layer, inputs), labels)


class Penalized:
    """An objective, and penalties of the weights."""

    def __init__(self, objective: Objective, penalties: Sequence[Penalty], traced: Traced) -> None:
        self.objective, self.penalties, self.traced = objective, penalties, traced
        self._terms: list[Term] | None = None

    def __call__(self, inputs: Inputs, labels: Any, fraction: float) -> Any:
        if self._terms is None:
            self._terms = [penalty.on(self.traced.graph(inputs)) for penalty in self.penalties]
        total = self.objective(inputs, labels, fraction)
        for term in self._terms:
            more = term(fraction)
            total = total + more.astype(total.dtype)
        return total


def task_loss(loss: str | LossFunction | None, smoothing: float) -> LossFunction:
    """The loss that is trained on.

    Raises:
        OptionError: smoothing of labels that are not classes.
    """
    found = loss_function(loss)
    if not smoothing:
        return found
    if found is not cross_entropy:
        raise OptionError(f"label_smoothing={smoothing:g} is for cross entropy, and the loss is {name_of(found)}; "
                          "leave it out, or smooth inside the loss: paddle.nn.CrossEntropyLoss(label_smoothing=...)")

    def smoothed(outputs: Any, labels: Any) -> Any:
        """Cross entropy of labels of which a part is spread over all classes.

        ``(1 - e) CE(p, y) + e mean_k CE(p, k)``: Szegedy et al.: Rethinking the Inception Architecture, 2016
        (arXiv:1512.00567).
        """
        logits, labels = classes(outputs, labels, "cross_entropy")
        counts = labels != IGNORED_LABEL
        hard = functional.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORED_LABEL)
        even = -functional.log_softmax(logits, axis=-1).mean(-1)
        weights = counts.astype(logits.dtype)
        each = (1 - smoothing) * hard.reshape(weights.shape) + smoothing * even
        return (each * weights).sum() / weights.sum().clip(min=1)

    return smoothed
