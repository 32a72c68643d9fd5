"""`finetune`: train a model, masked or smaller, on its data."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError, OptionError, TrainingError, check_seed, check_whole
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.forward import LossFunction, forward, in_mode
from prunelab.evaluate.loss import loss_function, loss_of, name_of
from prunelab.graph import as_layer
from prunelab.plan import Plan
from prunelab.render.numbers import counted
from prunelab.train.optimizers import OptimizerMaker, Rate, make_optimizer
from prunelab.train.projection import Projection, project


@dataclass(frozen=True)
class TrainedBatch:
    """One batch that was trained on: counted from 0; ``n_batches`` is how many an epoch has, None where that is not
    known."""

    epoch: int
    batch: int
    n_batches: int | None
    loss: float


@dataclass(frozen=True)
class FineTuneResult:
    """What a training did: the loss of each batch, by epoch. ``stopped``: a callback ended it early."""

    losses: tuple[tuple[float, ...], ...]
    duration_s: float
    stopped: bool = False

    @property
    def epoch_losses(self) -> tuple[float, ...]:
        """The mean loss of each epoch."""
        return tuple(sum(epoch) / len(epoch) for epoch in self.losses if epoch)

    @property
    def batch_losses(self) -> tuple[float, ...]:
        """The loss of each batch, one epoch after another."""
        return tuple(loss for epoch in self.losses for loss in epoch)

    def __repr__(self) -> str:
        ends = self.epoch_losses[:: max(1, len(self.epoch_losses) - 1)]
        told = " → ".join(f"{loss:.4f}" for loss in ends) or "none"
        early = ", stopped early" if self.stopped else ""
        n = len(self.batch_losses)
        return (f"FineTuneResult: {counted(len(self.losses), 'epoch')}, {n:,} batch{'' if n == 1 else 'es'} in "
                f"{self.duration_s:.1f} s{early}, loss {told}")


OnBatch = Callable[[TrainedBatch], object]


def finetune(
    model: Any,
    data: Any,
    epochs: int = 1,
    *,
    lr: float | None = None,
    optimizer: str | OptimizerMaker | None = None,
    schedule: str = "cosine",
    loss: str | LossFunction | None = None,
    plan: Plan | Mapping[str, np.ndarray[Any, Any]] | None = None,
    on_batch: OnBatch | None = None,
    seed: int | None = None,
) -> FineTuneResult:
    """Train ``model`` in place, in train mode; afterwards each layer is in the mode it was in.

    Either all of it happens or nothing: whatever is raised on the way, an interrupt too, leaves parameters and buffers
    as they were at the start, bit for bit.

    Args:
        data: a ``DataLoader``, a ``Dataset`` (shuffled), arrays ``(x, y)`` (shuffled) or an iterable of batches.
        lr: the learning rate at the start; without it 0.001 for Adam, 0.01 for SGD and momentum.
        optimizer: "adam", "adamw", "momentum", "sgd", or a function from parameters to a paddle optimizer, with its own
            learning rate.
        schedule: "cosine" to zero over the whole training, or "constant".
        loss: ``(outputs, labels) -> mean of the batch``, or a name, as for `prunelab.evaluate`; without it, cross
            entropy of integer labels.
        plan: what is cut in this full-size model, and stays zero (or masks by parameter name: bool, True where it
            stays).
        on_batch: called after each batch; a true return value ends the training there, and keeps it.
        seed: sets Paddle's, NumPy's and Python's generators first, so that shuffling and dropout repeat.

    Raises:
        TrainingError: a loss that is not finite, with its batch and value, or one that depends on no parameter.
        OptionError: epochs, a learning rate or an optimizer that cannot be.
        DataError, InputError: batches that cannot be read, that the model or the loss does not take.
        PlanError: a plan for another structure.
    """
    layer = as_layer(model)
    epochs = check_whole(epochs, "epochs")
    if seed is not None:
        seed = check_seed(seed)
        paddle.seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
    source = data if isinstance(data, Batches) else batches(data, layer, shuffle=True)
    parameters = [p for p in layer.parameters() if not p.stop_gradient]
    if not parameters:
        raise OptionError(f"{type(layer).__name__} has no parameter that trains; set stop_gradient = False on those "
                          "that shall")
    rate = make_optimizer(optimizer, lr, schedule, parameters)
    training = _Training(layer, source, loss_function(loss), rate, project(layer, plan))
    start = time.perf_counter()
    with _all_or_nothing(layer), in_mode(layer, training=True), training.without_gradients_left():
        stopped = any(on_batch is not None and on_batch(done) for done in training.run(epochs))
    return FineTuneResult(tuple(map(tuple, training.losses)), time.perf_counter() - start, stopped)


class _Training:
    """Paddle's training loop in dynamic mode: forward, backward, step, clear."""

    def __init__(self, layer: Any, source: Batches, loss: LossFunction, rate: Rate,
                 projection: Projection) -> None:
        self.layer, self.source, self.loss, self.rate, self.projection = layer, source, loss, rate, projection
        self.parameters = [p for p in layer.parameters() if not p.stop_gradient]
        self.losses: list[list[float]] = []

    def run(self, epochs: int) -> Iterator[TrainedBatch]:
        for epoch in range(epochs):
            self.losses.append([])
            for number, (inputs, labels) in enumerate(self.source):
                within = number / self.source.size if self.source.size else 0.0
                self.rate.set((epoch + within) / epochs)
                value = self._train(inputs, labels)
                if not math.isfinite(value):
                    raise TrainingError(f"the loss is {value} at batch {number} of epoch {epoch}; the weights are as "
                                        "they were: try a smaller learning rate, or look for such numbers in the data")
                self.losses[-1].append(value)
                yield TrainedBatch(epoch, number, self.source.size, value)
            if not self.losses[-1]:
                raise DataError("the data has no batches; give at least one")

    def _train(self, inputs: tuple[Any, ...], labels: Any) -> float:
        loss = loss_of(self.loss, forward(self.layer, inputs), labels)
        loss.backward()
        if all(p.grad is None for p in self.parameters):
            raise TrainingError(f"the loss {name_of(self.loss)} depends on no parameter of {type(self.layer).__name__}"
                                ": nothing would be learnt; compute it from the outputs with Paddle's functions, "
                                "without detach() or numpy()")
        self.projection.gradients()
        self.rate.step()
        self._clear()
        self.projection.tensors()
        # the one number that leaves the device: without it, a loss that is not finite would be found after it has
        # spoilt all weights
        return float(loss.item())

    @contextlib.contextmanager
    def without_gradients_left(self) -> Iterator[None]:
        self._clear()
        try:
            yield
        finally:
            self._clear()

    def _clear(self) -> None:
        # Paddle's own clear_grad leaves zeros: a parameter that the loss does not reach would look as if it had learnt
        for parameter in self.parameters:
            parameter.clear_gradient(False)  # set_to_zero; by name it is not heard


@contextlib.contextmanager
def _all_or_nothing(layer: Any) -> Iterator[None]:
    tensors = [t for t in (*layer.parameters(), *layer.buffers()) if t._is_initialized()]
    before = [t.detach().clone() for t in tensors]
    try:
        yield
    except BaseException:
        with paddle.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                paddle.assign(value, output=tensor)
        raise
