"""Every key of a recipe, its kind and what it says, in one table; the JSON Schema beside this file is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.recipe.kinds import FlagOr, Kind, Many, Name, Source
from prunelab.recipe.plain import (
    FLAG,
    POSITIVE,
    RATIO,
    RATIOS,
    REPAIR,
    REPORT,
    SEED,
    SHAPES,
    TABLE,
    TEXT,
    UNITS,
    whole,
)


@dataclass(frozen=True)
class Key:
    """A key: the ``kind`` of its value, and what it says."""

    kind: Kind
    help: str
    required: bool = False


def _criteria() -> Iterable[str]:
    from prunelab.criteria import CRITERIA

    return CRITERIA


def _losses() -> Iterable[str]:
    from prunelab.evaluate.loss import LOSSES

    return LOSSES


def _metrics() -> Iterable[str]:
    from prunelab.evaluate import METRICS

    return METRICS


def _optimizers() -> Iterable[str]:
    from prunelab.train import OPTIMIZERS

    return OPTIMIZERS


def _penalties() -> Iterable[str]:
    from prunelab.train import PENALTIES

    return PENALTIES


def _presets() -> Iterable[str]:
    from prunelab.data.presets import PRESETS

    return PRESETS


def _samplers() -> Iterable[str]:
    from prunelab.search import SAMPLERS

    return SAMPLERS


def _schedules() -> Iterable[str]:
    from prunelab.plan.schedules import LAYER_SCHEDULES, SCHEDULES

    return [*SCHEDULES, *LAYER_SCHEDULES]


def _scopes() -> Iterable[str]:
    from prunelab.plan.scopes import SCOPES

    return SCOPES


def _granularities() -> Iterable[str]:
    from prunelab.graph.removals import GRANULARITIES, PATTERNS

    return [*GRANULARITIES, *PATTERNS, "2:4", "block:8x1"]


def _pattern(value: object) -> bool:
    from prunelab.graph.sparse import Pattern

    return isinstance(value, str) and Pattern.parse(value) is not None


def _formats() -> Iterable[str]:
    from prunelab.export import FORMATS

    return FORMATS


_CRITERION = Key(Name("criterion", _criteria), "what makes a unit worth keeping")
_FINETUNE = Key(whole(0), "epochs of training after each cut")
_REPAIR = Key(REPAIR, "re-solve kept weights towards the dense model after each cut, without labels; a number: and so "
              "many steps on each block")
_BY = Key(Name("measure", lambda: ("sparsity", "macs", "params")), "of what a ratio is: units (sparsity), macs, params")
_SCOPE = Key(Name("scope", _scopes), "local cuts each layer alike, global by one ranking over all")
_GRANULARITY = Key(Name("granularity", _granularities, _pattern), "what a unit is (auto); element, kernel, block, 2:4 "
                   "mask weights in their place")
_ROUND_TO = Key(whole(1), "kept units come in multiples of it")

TOP: Mapping[str, Key] = {
    "seed": Key(SEED, "of everything that draws, the model's own weights too (0)"),
    "workspace": Key(TEXT, "the folder that keeps the history: a run that was interrupted goes on there"),
    "criterion": _CRITERION,
    "repair": _REPAIR,
    "report": Key(Many(REPORT), "files that tell what came of it: .html, .md or .tex"),
}
SECTIONS: Mapping[str, Mapping[str, Key]] = {
    "preset": {
        "name": Key(Name("preset", _presets, lambda value: False), "a model with its data, loss and metrics in one",
                    required=True),
        "arguments": Key(TABLE, "of the preset, such as {folder = 'data'}"),
    },
    "model": {
        "source": Key(Source("a model", (".onnx", ".json")), "module:callable, file.py:callable, a hub, a URL, a saved "
                      "model (.onnx, .json), or a variable", required=True),
        "arguments": Key(TABLE, "what the callable is called with"),
        "weights": Key(TEXT, "a safetensors file of the model's weights, or its URL"),
        "trust": Key(FLAG, "run code that comes from elsewhere (false)"),
        "checksum": Key(TEXT, "of what is downloaded: a sha256, or md5:..."),
        "inputs": Key(SHAPES, "a shape with its batch, or one for each input (the first sample's)"),
        "device": Key(TEXT, "where the model works, such as gpu:0"),
    },
    "data": {
        "train": Key(Source("data"), "module:callable, file.py:callable, a variable, or a data set: digits:train"),
        "val": Key(Source("data"), "the same, for the metrics"),
        "loss": Key(Name("loss", _losses), "what is trained on (cross_entropy)"),
        "metrics": Key(Many(Name("metric", _metrics)), "what a state is judged by (accuracy and loss)"),
    },
    "finetune": {
        "epochs": Key(whole(0), "epochs of training after each cut (0)"),
        "lr": Key(POSITIVE, "the learning rate at the start of each training"),
        "optimizer": Key(Name("optimizer", _optimizers), "adam, adamw, momentum, sgd, or a variable"),
        "keep_optimizer": Key(FLAG, "the next training goes on with what the optimizer has gathered"),
        "teacher": Key(FlagOr(Source("a model")), "learn from the model before its first cut (true), or from another"),
        "patience": Key(whole(1), "end after so many epochs without a better one on [data] val, and keep the best"),
        "clip_norm": Key(POSITIVE, "scale gradients down to this common norm"),
        "accumulate": Key(whole(1), "a step of the optimizer for so many batches (1)"),
        "label_smoothing": Key(RATIO, "the part of each label that is spread over all classes (0)"),
        "penalty": Key(Name("penalty", _penalties), "draws units to zero while training: group_lasso or bn_scale"),
    },
    "steps": {
        "layer": Key(TEXT, "the layer to cut; without it, the next one that is not yet at the ratio"),
        "ratios": Key(RATIOS, "instead of a layer: several, each to its own ratio: {conv1 = 0.3, conv2 = 0.5}"),
        "ratio": Key(RATIO, "the fraction of its dense units that is gone afterwards (0.3)"),
        "by": _BY,
        "scope": _SCOPE,
        "criterion": _CRITERION,
        "granularity": _GRANULARITY,
        "round_to": _ROUND_TO,
        "finetune": _FINETUNE,
        "repair": _REPAIR,
        "train": Key(whole(1), "instead of a cut: so many epochs of training"),
        "plan": Key(TEXT, "instead of a layer: a plan's file, all of which is cut"),
        "units": Key(UNITS, "instead of a layer: the units that go, by layer"),
        "lr": Key(POSITIVE, "of a plan's or units' training: the learning rate ([finetune])"),
        "optimizer": Key(Name("optimizer", _optimizers, lambda value: False), "of a plan's or units' training"),
        "sentences": Key(whole(1), "of a plan's or units' training: on so many samples, those that matter most (all)"),
    },
    "schedule": {
        "name": Key(Name("schedule", _schedules), "how much at each step (cubic); or layer after layer (in_order)"),
        "to": Key(RATIOS, "the fraction that is gone in the end; layer after layer also one for each, in a table"),
        "by": _BY,
        "steps": Key(whole(1), "how many (10)"),
        "rounds": Key(whole(1), "layer after layer: how often each is taken (1)"),
        "scope": _SCOPE,
        "criterion": _CRITERION,
        "granularity": _GRANULARITY,
        "round_to": _ROUND_TO,
        "finetune": _FINETUNE,
        "repair": _REPAIR,
    },
    "search": {
        "sampler": Key(Name("sampler", _samplers), "how the next trial is chosen (annealing)"),
        "trials": Key(whole(1), "how many (50)"),
        "objectives": Key(Many(TEXT), "what trials are judged by (the first metric, and params)"),
        "constraints": Key(Many(TEXT), "such as 'macs <= 50 %' or 'accuracy within 1 point'"),
        "space": Key(TABLE, "what is chosen from, as pl.space takes it: a range is {low = 0.2, high = 0.9} or "
                     "'0.1:0.9:0.1', a list some values (a ratio for each layer)"),
        "samples": Key(whole(1), "look at the first so many of the validation data (all)"),
        "seed": Key(SEED, "the same one gives the same trials (one that follows from the state)"),
        "adopt": Key(FLAG, "cut what the best trial cuts (true)"),
        "within": Key(TABLE, "adopt the smallest model that loses no more: {accuracy = -1.0} is one point at most"),
        "finetune": _FINETUNE,
        "repair": _REPAIR,
    },
    "export": {
        "directory": Key(TEXT, "a folder, which is made", required=True),
        "formats": Key(Many(Name("format", _formats, lambda value: hasattr(value, "write"))), "paddle, onnx, ..."),
        "batch": Key(whole(1), "samples a call when the files are timed (1)"),
        "examples": Key(FLAG, "keep samples of the data beside the files, to compare with elsewhere (true)"),
        "force": Key(FLAG, "replace a folder that holds something else"),
    },
}
# of [finetune]: what a Lab takes as training=
TRAINING = ("patience", "clip_norm", "accumulate", "label_smoothing", "penalty")
REPEATED = ("steps",)  # [[steps]]: a table for each, in their order
URL = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe. It says what can be said without the model and the notebook."""
    sections = {name: _object(keys) for name, keys in SECTIONS.items()}
    properties = {name: {"type": "array", "items": form} if name in REPEATED else form
                  for name, form in sections.items()}
    top = _object(TOP)
    return {"$schema": URL, "title": "prunelab recipe", "description": "A pruning run, written down as TOML.", **top,
            "properties": {**top["properties"], **properties},
            "anyOf": [{"required": ["model"]}, {"required": ["preset"]}]}


def _object(keys: Mapping[str, Key]) -> dict[str, Any]:
    required = [name for name, key in keys.items() if key.required]
    return {"type": "object", "additionalProperties": False,
            "properties": {name: {**key.kind.schema(), "description": key.help} for name, key in keys.items()},
            **({"required": required} if required else {})}
