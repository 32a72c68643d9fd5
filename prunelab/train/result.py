"""What a training tells while it runs, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunelab.plan import Plan
from prunelab.render.numbers import counted, number

if TYPE_CHECKING:
    from prunelab.train.optimizer_state import OptimizerState


@dataclass(frozen=True)
class TrainedBatch:
    """One batch that was trained on: counted from 0; ``n_batches`` is how many an epoch has, None where that is not
    known."""

    epoch: int
    batch: int
    n_batches: int | None
    loss: float


@dataclass(frozen=True)
class TrainedEpoch:
    """One epoch: counted from 0, its mean loss, what was measured on the validation data (empty without any), and
    whether it is the best so far."""

    epoch: int
    loss: float
    metrics: Mapping[str, float]
    is_best: bool


@dataclass(frozen=True)
class FineTuneResult:
    """What a training did: the loss of each batch, by epoch. ``stopped``: a callback, or patience, ended it early.

    ``val_metrics``: by epoch what was measured on the validation data, and ``best_epoch`` the one whose weights were
    kept: -1 for those before the first, None without validation data. ``precision`` is what it computed in.
    ``optimizer_state`` is what the optimizer had gathered when it ended, ``plan`` what soft pruning chose.
    """

    losses: tuple[tuple[float, ...], ...]
    duration_s: float
    stopped: bool = False
    val_metrics: tuple[Mapping[str, float], ...] = ()
    best_epoch: int | None = None
    precision: str = "float32"
    optimizer_state: OptimizerState | None = field(default=None, compare=False)
    plan: Plan | None = None

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
                f"{self.duration_s:.1f} s{early}, loss {told}{self._best()}")

    def _best(self) -> str:
        if self.best_epoch is None:
            return ""
        if self.best_epoch < 0:
            return "; no epoch was better than the start, which was kept"
        metrics = self.val_metrics[self.best_epoch] if self.best_epoch < len(self.val_metrics) else {}
        return f"; epoch {self.best_epoch} kept, {', '.join(f'{k} {number(v, 4)}' for k, v in metrics.items())}"
