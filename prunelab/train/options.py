"""How a training goes on, beyond its data, its optimizer and its loss. Checked when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from prunelab.errors import OptionError, check_positive, check_ratio, check_whole, shown, unknown_name
from prunelab.evaluate.evaluate import MetricName

if TYPE_CHECKING:
    from prunelab.train.optimizer_state import OptimizerState
    from prunelab.train.soft import SoftPruning


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What `finetune` takes by name, or together as ``options=``.

    Args:
        val: data that each epoch is judged on, as for `prunelab.evaluate`; the best epoch's weights are kept (those
            before the first epoch, where none is better).
        metric: what is judged on it, a name or a function; "loss" if left out.
        patience: end after so many epochs in a row without a better one; needs ``val``.
        clip_norm: gradients whose common norm is larger are scaled down to it.
        accumulate: a step of the optimizer for so many batches, on the mean of their gradients.
        average: the weights are their mean over the training, in which later steps count for more, and the learning
            rate stays, where no ``schedule`` is given. An epoch at that rate costs less after a repair: a ViT on digits
            that was repaired at half its MACs had 92.8 %, after one epoch on labels 91.3 %, with their mean 92.5 %; at
            a tenth 88.3, 86.8 and 88.9 %, after ten epochs 89.8 and 90.5 %. But a rate that stays also learns faster
            what is better not learnt: where a fifth of the labels were wrong, a ResNet repaired at half its MACs had
            93.8 %, after ten epochs with a teacher 92.6 %, with their mean 91.1 % (one seed each).
        label_smoothing: the part of each label that is spread over all classes, in ``[0, 1)``, for cross entropy.
        amp: automatic mixed precision, on a GPU. On the CPU Paddle has none: it warns, and trains in float32.
        penalty: sparse training before a cut: "group_lasso", "bn_scale", or an object of ``pl.train`` such as
            ``GroupLasso(1e-3)`` or ``Growing(plan)``; one, or several.
        soft: ``pl.train.SoftPruning(sparsity=0.5)``: units go after each epoch and may come back; see ``result.plan``.
        optimizer_state: what an earlier training left in ``result.optimizer_state``, after a cut
            ``result.optimizer_state.cut(model, plan)``.
        callbacks: called after each batch with a `TrainedBatch` and after each epoch with a `TrainedEpoch`, where they
            have methods ``on_batch`` and ``on_epoch``; a true return value ends the training there, and keeps it.
    """

    val: Any = None
    metric: MetricName = "loss"
    patience: int | None = None
    clip_norm: float | None = None
    accumulate: int = 1
    average: bool = False
    label_smoothing: float = 0.0
    amp: bool = False
    penalty: Any = None
    soft: SoftPruning | None = None
    optimizer_state: OptimizerState | None = None
    callbacks: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("patience", self.patience), ("accumulate", self.accumulate)):
            if value is not None:
                object.__setattr__(self, name, check_whole(value, name, 1))
        if self.clip_norm is not None:
            object.__setattr__(self, "clip_norm", check_positive(self.clip_norm, "clip_norm"))
        object.__setattr__(self, "label_smoothing", check_ratio(self.label_smoothing, place="label_smoothing"))
        for name, flag in (("amp", self.amp), ("average", self.average)):
            if not isinstance(flag, bool):
                raise OptionError(f"{name} is {shown(flag)}; give True or False")
        if self.average and self.soft is not None:
            raise OptionError("average and soft are both given, and units that go and come back have no mean; give one "
                              "of them")
        if self.patience is not None and self.val is None:
            raise OptionError(f"patience={self.patience} needs data that epochs are judged on; give val=")
        many = self.callbacks if isinstance(self.callbacks, (list, tuple)) else (self.callbacks,)
        for callback in many:
            if not any(callable(getattr(callback, name, None)) for name in ("on_batch", "on_epoch")):
                raise OptionError(f"a callback is {shown(callback)}, with neither on_batch nor on_epoch; give a "
                                  "function as on_batch= or on_epoch=")
        object.__setattr__(self, "callbacks", tuple(many))

    def listeners(self, event: str) -> list[Callable[[Any], object]]:
        """The callbacks' methods of that name."""
        return [getattr(c, event) for c in self.callbacks if callable(getattr(c, event, None))]


def training_options(options: TrainingOptions | None, more: Mapping[str, Any]) -> TrainingOptions:
    """``options`` with what was given by name beside it.

    Raises:
        UnknownNameError: a misspelt option; the nearest is named.
    """
    if options is not None and not isinstance(options, TrainingOptions):
        raise OptionError(f"options is {shown(options)}; give TrainingOptions(...), or its fields by name")
    known = [f.name for f in fields(TrainingOptions)]
    for name in more:
        if name not in known:
            raise unknown_name("option", name, known, place="finetune")
    return replace(options or TrainingOptions(), **more)
