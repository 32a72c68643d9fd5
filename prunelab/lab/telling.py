"""What a training was, in plain values: what a state keeps beside its line, and what a recipe has no words for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from prunelab.lab.options import Task
from prunelab.train import Distillation, TrainingOptions

PLAIN = (str, bool, int, float)
SAID = ("patience", "clip_norm", "accumulate", "label_smoothing", "penalty")  # what its [finetune] says


def training_of(task: Task) -> dict[str, Any]:
    """How a Lab trains where that is not as it is by itself: plain values, and of objects what they are called."""
    training = task.training
    found = {"loss": task.loss, "lr": training.lr, "optimizer": training.optimizer,
             "keep_optimizer": training.keep or None, "teacher": training.teacher, **chosen(training.more)}
    return {name: called(value) for name, value in found.items() if value is not None}


def chosen(options: TrainingOptions | Mapping[str, Any] | None) -> dict[str, Any]:
    """The options of a training that are not as they are by themselves."""
    if not isinstance(options, TrainingOptions):
        return dict(options or {})
    usual = TrainingOptions()
    return {field.name: value for field in fields(options)
            if (value := getattr(options, field.name)) is not getattr(usual, field.name)
            and not (isinstance(value, PLAIN) and value == getattr(usual, field.name))}


def called(value: Any) -> Any:
    """A plain value, or what an object is called."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [called(item) for item in value]
    if isinstance(value, Distillation):
        more = {name: getattr(value, name) for name in ("logits", "temperature", "features", "mixed")
                if name != "mixed" or value.mixed}
        return f"Distillation({type(value.teacher).__name__}, {', '.join(f'{k}={v!r}' for k, v in more.items())})"
    return getattr(value, "__qualname__", None) or type(value).__name__


def unsaid(given: Mapping[str, Any]) -> dict[str, str]:
    """What a Lab was opened with that a recipe has no words for: by its name, what it is called."""
    found = {f"training {name}": value for name, value in chosen(given.get("training")).items()
             if name not in ("val", "metric") and not (name in SAID and isinstance(value, PLAIN))}
    if isinstance(given.get("teacher"), Distillation):
        found["teacher"] = given["teacher"]
    for name in ("loss", "optimizer", "metrics"):
        value = given.get(name)
        many = value if isinstance(value, (list, tuple)) else [value]
        names = [getattr(one, "__name__", type(one).__name__) for one in many if not isinstance(one, PLAIN)]
        if not all(map(str.isidentifier, names)):
            found[name] = value
    return {name: str(called(value)) for name, value in found.items()}
