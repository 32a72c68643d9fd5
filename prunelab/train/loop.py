"""Paddle's training loop in dynamic mode: forward, backward, step, clear; epochs judged, the best one kept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.errors import DataError, TrainingError
from prunelab.evaluate.batches import Batches
from prunelab.graph.nests import Inputs
from prunelab.train.averaging import Average
from prunelab.train.gradients import clip, divide
from prunelab.train.keeping import Best
from prunelab.train.objective import Objective
from prunelab.train.optimizers import Rate
from prunelab.train.precision import Precision
from prunelab.train.projection import Projection
from prunelab.train.result import TrainedBatch, TrainedEpoch
from prunelab.train.sharing import Alone


@dataclass
class Loop:
    """One training. ``on_batch`` and ``on_epoch`` end it by a true value; ``judged`` names what epochs are judged by,
    and ``after_epoch`` changes the weights before they are (true: earlier epochs no longer compare)."""

    layer: Any
    source: Batches
    objective: Objective
    rate: Rate
    projection: Projection
    precision: Precision
    clip_norm: float | None
    accumulate: int
    patience: int | None
    judged: str
    on_batch: Sequence[Callable[[TrainedBatch], object]]
    on_epoch: Sequence[Callable[[TrainedEpoch], object]]
    after_epoch: Sequence[Callable[[int], bool]] = ()
    share: Alone = field(default_factory=Alone)
    average: Average | None = None
    best: Best | None = None
    losses: list[list[float]] = field(default_factory=list)
    val_metrics: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parameters = [p for p in self.layer.parameters() if not p.stop_gradient]
        self._pending = 0

    def run(self, epochs: int) -> bool:
        """Train; whether it was ended early."""
        for epoch in range(epochs):
            self.losses.append([])
            if self._epoch(epoch, epochs):
                return True
            if not self.losses[-1]:
                raise DataError("the data has no batches; give at least one")
            for change in self.after_epoch:
                if change(epoch) and self.best is not None:
                    self.best.forget()
            if self._judge(epoch):
                return True
        return False

    def _epoch(self, epoch: int, epochs: int) -> bool:
        for number, (inputs, labels) in enumerate(self.source):
            within = number / self.source.size if self.source.size else 0.0
            fraction = (epoch + within) / epochs
            self.rate.set(fraction)
            value = self._backward(inputs, labels, fraction)
            if not math.isfinite(value):
                raise TrainingError(f"the loss is {value} at batch {number} of epoch {epoch}; the weights are as "
                                    "they were: try a smaller learning rate, or look for such numbers in the data")
            self._pending += 1
            if self._pending == self.accumulate:
                self._step()
            self.losses[-1].append(value)
            done = TrainedBatch(epoch, number, self.source.size, value)
            ended = [listener(done) for listener in self.on_batch]  # all of them are told
            if self._any(ended):
                self._finish()
                return True
        self._finish()
        return False

    def _any(self, told: Sequence[object]) -> bool:
        """Whether anyone says so, in any process."""
        return bool(self.share.sum(any(told)))

    def _finish(self) -> None:
        self._step()
        self.share.statistics(self.layer)

    def _backward(self, inputs: Inputs, labels: Any, fraction: float) -> float:
        with self.precision.context():
            loss = self.share.weigh(self.objective(*self.share.of(inputs, labels), fraction))
        self.precision.backward(loss)
        if all(p.grad is None for p in self.parameters):
            raise TrainingError(f"the loss {self.judged} depends on no parameter of {type(self.layer).__name__}"
                                ": nothing would be learnt; compute it from the outputs with Paddle's functions, "
                                "without detach() or numpy()")
        # the one number that leaves the device: without it, a loss that is not finite would be found after it has
        # spoilt all weights
        return self.share.sum(float(loss.item()))

    def _step(self) -> None:
        if not self._pending:
            return
        self.share.gradients(self.parameters)  # before it is seen whether they overflowed
        self.precision.unscale(self.rate.optimizer)
        divide(self.parameters, self._pending)
        self.projection.gradients()
        clip(self.parameters, self.clip_norm)
        self.rate.step(self.precision)
        self.clear()
        self.projection.tensors()
        if self.average is not None:
            self.average.add()
        self._pending = 0

    def _judge(self, epoch: int) -> bool:
        """Whether the epoch is the last one."""
        metrics: dict[str, float] = {}
        if self.best is not None:
            with self._as_left():
                metrics = {self.best.name: self.best.look(epoch)}
            self.val_metrics.append(metrics)
        is_best = self.best is not None and self.best.epoch == epoch
        told = TrainedEpoch(epoch, sum(self.losses[-1]) / len(self.losses[-1]), metrics, is_best)
        ended = [listener(told) for listener in self.on_epoch]
        tired = self.patience is not None and self.best is not None and self.best.since >= self.patience
        return self._any(ended) or tired

    @contextlib.contextmanager
    def _as_left(self) -> Iterator[None]:
        """Inside, the weights are what a training that ends now would leave."""
        with contextlib.nullcontext() if self.average is None else self.average.judged():
            if self.average is not None:
                self.share.statistics(self.layer)  # each process has the mean of its own
            yield

    def settle(self) -> None:
        """What the training leaves, once it has ended: the best epoch, or the mean of the weights, or the last ones."""
        if self.best is not None:
            self.best.restore()
        elif self.average is not None:
            self.average.put()
            self.share.statistics(self.layer)

    @contextlib.contextmanager
    def without_gradients_left(self) -> Iterator[None]:
        """Inside, gradients start from nothing; afterwards there are none."""
        self.clear()
        try:
            yield
        finally:
            self.clear()

    def clear(self) -> None:
        """No parameter has a gradient."""
        # Paddle's own clear_grad leaves zeros: a parameter that the loss does not reach would look as if it had learnt
        for parameter in self.parameters:
            parameter.clear_gradient(False)  # set_to_zero; by name it is not heard
