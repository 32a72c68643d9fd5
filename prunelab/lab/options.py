"""What a Lab works with: data, loss, metrics and how it trains. Checked when it is made."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prunelab.errors import DataError, InputError, OptionError, check_whole, shown
from prunelab.evaluate import evaluate
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.evaluate import listed, named_metrics, usual_metrics
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.samples import first_sample
from prunelab.graph import as_layer
from prunelab.graph.nests import Inputs
from prunelab.lab.gathered import Array, GoingOn, to_arrays, to_state
from prunelab.plan import Plan
from prunelab.search.core_samples import CoreSamples
from prunelab.search.fields import CHECKS
from prunelab.search.rehearsal import Usual
from prunelab.train import Distillation, TrainingOptions, finetune, repair
from prunelab.train.finetune import OnBatch
from prunelab.train.optimizers import OptimizerMaker, make_optimizer
from prunelab.train.options import training_options

_NOT_HERE = {
    "soft": "which trains what a plan cuts; give soft= to pl.finetune, and its result's plan to lab.adopt",
    "optimizer_state": "which keeps its own; open it with keep_optimizer=True",
}


@dataclass(frozen=True)
class Training:
    """How a step heals: the epochs of a step that does not say, whether it repairs (a number: by so many steps on each
    block after least squares), the learning rate, the optimizer;
    ``keep``: what the optimizer gathers is a part of the state, and the next training goes on with it; ``teacher``:
    what is learnt from, True for the model before its first cut; ``more``: what else a training takes."""

    epochs: int = 0
    repair: bool | int = False
    lr: float | None = None
    optimizer: str | OptimizerMaker | None = None
    keep: bool = False
    teacher: Any = None
    more: TrainingOptions = field(default_factory=TrainingOptions)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", check_whole(self.epochs, "finetune"))
        object.__setattr__(self, "repair", check_repair(self.repair))
        if not isinstance(self.keep, bool):
            raise OptionError(f"keep_optimizer is {shown(self.keep)}; give True or False")
        if self.teacher is not None and not isinstance(self.teacher, (bool, Distillation)):
            try:
                as_layer(self.teacher)
            except InputError as error:
                raise OptionError(f"teacher is {shown(self.teacher)}; give True for the model before its first cut, "
                                  "another model, or pl.train.Distillation(teacher=...)") from error

    @classmethod
    def of(cls, epochs: int, repair: bool | int, lr: float | None, optimizer: Any, keep: bool, *, teacher: Any = None,
           training: TrainingOptions | Mapping[str, Any] | None = None, val: Any = None) -> Training:
        """With what a training takes as one value or by name; an epoch that is to be judged is judged on ``val``.

        Raises:
            UnknownNameError: a misspelt option; the nearest is named.
            OptionError: a value that an option cannot take.
        """
        named = training if isinstance(training, Mapping) else {}
        if {"patience", "metric"} & set(named) and "val" not in named and val is not None:
            named = {**named, "val": val}
        more = training_options(None if isinstance(training, Mapping) else training, named)
        for name, instead in _NOT_HERE.items():
            if getattr(more, name) is not None:
                raise OptionError(f"training={{'{name}': ...}} is not for a Lab, {instead}")
        return cls(epochs, repair, lr, optimizer, keep, teacher or None, more)


@dataclass(frozen=True)
class Healing:
    """What follows a cut: kept weights re-solved (a number: and so many steps on each block), and so many epochs of
    training; with a learning rate, an optimizer (by name) and on so many samples of its own, where they are given."""

    epochs: int = 0
    repair: bool | int = False
    lr: float | None = None
    optimizer: str | None = None
    sentences: int | None = None

    def __str__(self) -> str:
        own = [("lr", self.lr), ("optimizer", self.optimizer), ("sentences", self.sentences)]
        told = "".join(f", {name}={value!r}" for name, value in own if value is not None)
        return f"finetune={self.epochs}{f', repair={self.repair}' if self.repair else ''}{told}"


def check_repair(value: Any) -> bool | int:
    """Whether kept weights are re-solved, or how many steps on each block follow that.

    Raises:
        OptionError: neither.
    """
    if isinstance(value, bool):
        return value
    if not isinstance(value, numbers.Integral) or value < 2:  # one is what people write who mean True
        raise OptionError(f"repair is {shown(value)}; give True or False, or how many steps on each block follow least "
                          "squares, such as 100")
    return int(value)


class Task:
    """A model's data, loss and metrics: what it is trained and judged on."""

    def __init__(self, model: Any, train: Any, val: Any, loss: str | LossFunction | None, metrics: Any,
                 training: Training) -> None:
        metrics = usual_metrics(loss) if metrics is None else metrics
        named_metrics(metrics, loss)
        made = make_optimizer(training.optimizer, training.lr, "cosine", model.parameters())
        self._optimizer_kind = type(made.optimizer).__name__
        self.model, self.loss, self.training = model, loss, training
        self.metrics = listed(metrics)
        # read in this process and thread: see Batches; workers cannot start in the panel's thread, and leak when
        # stopped
        self.train = None if train is None else batches(train, model, shuffle=True, in_process=True)
        self.val = None if val is None else batches(val, model, in_process=True)

    def example(self) -> Inputs | None:
        """The first sample's inputs, a tensor each; None without data."""
        source = self.val or self.train
        if source is None:
            return None
        for inputs, _ in source:
            return first_sample(inputs)
        raise DataError("the data has no batches; give at least one")

    def evaluate(self, on_batch: Callable[[], object] | None = None) -> dict[str, float]:
        """The metrics on the validation data; none without it."""
        if self.val is None:
            return {}
        return evaluate(self.model, self.val, self.metrics, self.loss, on_batch=on_batch)

    def finetune(self, healing: Healing, plan: Plan, on_batch: OnBatch, gathered: Mapping[str, Array],
                 teacher: Any = None, data: Any = None) -> Mapping[str, Array]:
        """Fine-tune the masked model, which stays masked; what the optimizer has gathered before, and afterwards."""
        own = Usual(self.training.lr, self.training.optimizer).under({"lr": healing.lr, "optimizer": healing.optimizer})
        optimizer = own["optimizer"]
        # what one optimizer has gathered says nothing to another
        keep = self.training.keep and optimizer == self.training.optimizer
        if keep and callable(optimizer):
            optimizer = GoingOn(optimizer, gathered)
        before = to_state(gathered, self._optimizer_kind, self.model) if keep else None
        done = finetune(self.model, self.train if data is None else data, healing.epochs, lr=own["lr"],
                        optimizer=optimizer, loss=self.loss, plan=plan, teacher=teacher, on_batch=on_batch,
                        options=self.training.more, optimizer_state=before)
        if not keep or done.optimizer_state is None:
            return {}
        return to_arrays(done.optimizer_state, optimizer.position() if isinstance(optimizer, GoingOn) else {})

    def core(self, n: int | None) -> Any:
        """The training data that matters most to the model as it is, so many samples; all of it without a number.

        Raises:
            OptionError: more than there are.
            DataError: data that comes in batches.
        """
        return self.train if n is None else CoreSamples(self.train, self.model, self.loss).first(n)

    def repair(self, teacher: Any, plan: Plan, seed: int, steps: int, on_layer: Callable[[Any], object],
               on_batch: Callable[[], object]) -> Any:
        """A copy of the model whose kept weights make up for what the plan cuts, as ``teacher`` has it; with ``steps``,
        by the global form too."""
        data = self.val if self.train is None else self.train
        return repair(self.model, plan, data, teacher=teacher, seed=seed, steps=steps, on_layer=on_layer,
                      on_batch=on_batch)

    def healing(self, finetune: int | None, repair: bool | int | None, **own: Any) -> Healing:
        """What follows a cut: what was asked for, or the Lab's own."""
        chosen = self.training.repair if repair is None else check_repair(repair)
        if chosen and self.train is None and self.val is None:
            raise OptionError("repair needs data, without labels too; open the Lab with train= or val=")
        epochs = self.epochs(finetune)
        given = {name: value for name, value in own.items() if value is not None} if epochs else {}
        for name, value in given.items():
            CHECKS[name](value, name, {})
        return Healing(epochs, chosen, **given)

    def epochs(self, asked: int | None) -> int:
        """The epochs of a step: what was asked for, or the Lab's own."""
        epochs = self.training.epochs if asked is None else check_whole(asked, "finetune")
        if epochs and self.train is None:
            raise OptionError(f"finetune={epochs} needs training data; open the Lab with train=")
        return epochs

    def n_batches(self, epochs: int) -> int | None:
        """The batches of a step with so many epochs; None where the data's length is unknown."""
        n_train = 0 if not epochs or self.train is None else _size(self.train)
        n_val = 0 if self.val is None else _size(self.val)
        return None if n_train is None or n_val is None else epochs * n_train + n_val


def _size(source: Batches) -> int | None:
    return source.size
