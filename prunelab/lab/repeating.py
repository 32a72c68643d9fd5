"""What led to a state, as the data of a recipe that repeats it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paddle

from prunelab.errors import StateError
from prunelab.graph.nests import is_nested
from prunelab.lab.replaying import Line
from prunelab.lab.state import State
from prunelab.lab.telling import PLAIN, SAID, chosen, unsaid
from prunelab.plan.plan import PlanGroup
from prunelab.render.toml import to_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from prunelab.lab.reading import Reading

RECIPE = "recipe.toml"  # in a workspace: what its history was made with
# what a person calls them in nine notebooks of ten; where they come from is not known
_NAMES = {"model": "net", "train": "train", "val": "val", "teacher": "teacher"}


def recipe_data(lab: Reading, state: str | State | None = None) -> dict[str, Any]:
    """A recipe's data: the model, data and options, and a step for each state on the way to ``state``.

    Where they come from is what a recipe said, of the Lab or of its workspace; where the model or the data were given
    as objects, variables are named instead: `_NAMES`.

    Raises:
        StateError: no such state, or one that came of a cut that a recipe has no words for (masks of single weights).
    """
    path = lab.path(state)
    steps = [_step(s) for s in path[1:] if not s.searched]
    given, origin = getattr(lab, "_given", {}), getattr(lab, "origin", None) or kept_recipe(
        lab._nodes.store.folder)
    data = dict(origin.get("data", {}))
    data.update({name: _NAMES[name] for name in ("train", "val") if given.get(name) is not None and name not in data})
    data.update({name: _names_of(given[name]) for name in ("loss", "metrics") if given.get(name) is not None})
    training = {name: _names_of(given[name]) for name in ("lr", "optimizer") if given.get(name) is not None}
    training = {**_without(origin.get("finetune", {}), "epochs"), **training}
    training.update({name: True for name in ("keep_optimizer", "teacher") if given.get(name) is True})
    if isinstance(given.get("teacher"), paddle.nn.Layer):
        training.setdefault("teacher", _NAMES["teacher"])
    training.update({name: value for name, value in chosen(given.get("training")).items()
                     if name in SAID and isinstance(value, PLAIN)})
    seed = (lab._nodes.store.identity() or {}).get("seed", 0)
    preset = origin.get("preset", {})
    model = dict(origin.get("model", {})) if preset else _model(path[0], origin, with_inputs=not data)
    if preset:  # which brings data, loss and metrics
        data = dict(origin.get("data", {}))
    found: dict[str, Any] = {"seed": seed, "preset": preset, "model": model, "data": data, "finetune": training,
                             "steps": steps}
    return {key: value for key, value in found.items() if value not in ({}, [])}


def recipe_text(lab: Reading, data: Mapping[str, Any] | None = None) -> str:
    """A recipe as TOML (`recipe_data`, if none is given), headed by what it has no words for.

    Raises:
        ValueError: a value that TOML has no word for.
        StateError: as `recipe_data`.
    """
    head = [f"# the Lab was opened with {name} = {what}, which a recipe has no words for"
            for name, what in unsaid(getattr(lab, "_given", {})).items()]
    return "\n".join([*head, to_toml(recipe_data(lab) if data is None else data)])


def kept_recipe(workspace: str | Path | None) -> Mapping[str, Any]:
    """The data of the recipe that a workspace keeps; nothing where there is none that can be read."""
    try:
        return {} if workspace is None else tomllib.loads((Path(workspace) / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _without(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def _model(dense: State, origin: Mapping[str, Any], *, with_inputs: bool) -> dict[str, Any]:
    model = dict(origin.get("model", {"source": _NAMES["model"]}))
    if with_inputs and "inputs" not in model and not is_nested(dense.plan.inputs):  # TOML has shapes in a row only
        model["inputs"] = [[int(n) for n in spec.shape] for spec in dense.plan.inputs]
    return model


def _names_of(value: Any) -> Any:
    """A name, or a list of names; of a function the name that it has, None where that could not be a variable's."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [name for item in value if (name := _names_of(item)) is not None] or None
    name = str(getattr(value, "__name__", type(value).__name__))
    return name if name.isidentifier() else None


def _step(state: State) -> dict[str, Any]:
    line = Line.parse(state.action, state.id)
    kwargs = dict(line.kwargs)
    if line.method == "finetune":
        return {"train": line.args[0]}
    if line.method == "step":
        several = bool(line.args) and isinstance(line.args[0], Mapping)
        return {**({"ratios" if several else "layer": line.args[0]} if line.args else {}), **kwargs}
    if not all(isinstance(group, PlanGroup) for group in state.plan.groups):
        raise StateError(f"{state.id} cuts single weights, which a recipe has no words for; save its plan: "
                         f"lab.path('{state.id}')[-1].plan.save('plan.json')")
    units = {group.name: list(group.removed) for group in state.plan.groups if isinstance(group, PlanGroup)
             and group.n_removed}
    return {"units": units, **kwargs}
