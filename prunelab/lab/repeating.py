"""What led to a state, as the data of a recipe that repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prunelab.errors import StateError
from prunelab.lab.replaying import Line
from prunelab.lab.state import State
from prunelab.plan.plan import PlanGroup

if TYPE_CHECKING:
    from prunelab.lab.lab import Lab

# what a person calls them in nine notebooks of ten; where they come from is not known
_NAMES = {"model": "net", "train": "train", "val": "val"}


def recipe_data(lab: Lab, state: str | State | None = None) -> dict[str, Any]:
    """A recipe's data: the Lab's model, data and options, and a step for each state on the way to ``state``.

    Where the model or the data were given as objects, it names variables instead: `_NAMES`.

    Raises:
        StateError: no such state, or one that came of a cut that a recipe has no words for (masks of single weights).
    """
    path = lab.path(state)
    steps = [_step(s, lab) for s in path[1:]]
    given, origin = lab._given, lab.origin
    data = {name: origin.get("data", {}).get(name, _NAMES[name]) for name in ("train", "val")
            if given[name] is not None}
    for name in ("loss", "metrics"):
        told = _names_of(given[name])
        if told is not None:
            data[name] = told
    training = {name: _names_of(given[name]) for name in ("lr", "optimizer")}
    training["keep_optimizer"] = given["keep_optimizer"] or None
    found: dict[str, Any] = {"seed": lab._work.seed, "model": _model(lab, origin, with_inputs=not data), "data": data,
                             "finetune": {name: value for name, value in training.items() if value is not None},
                             "steps": steps}
    return {key: value for key, value in found.items() if value not in ({}, [])}


def _model(lab: Lab, origin: Mapping[str, Any], *, with_inputs: bool) -> dict[str, Any]:
    model = dict(origin.get("model", {"source": _NAMES["model"]}))
    if with_inputs and "inputs" not in model:
        model["inputs"] = [[int(n) for n in spec.shape] for spec in lab.graph.input_specs]
    return model


def _names_of(value: Any) -> Any:
    """A name, or a list of names; of a function the name that it has."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_names_of(item) for item in value]
    return getattr(value, "__name__", None) or type(value).__name__


def _step(state: State, lab: Lab) -> dict[str, Any]:
    line = Line.parse(state.action, state.id)
    kwargs = dict(line.kwargs)
    if line.method == "finetune":
        return {"train": line.args[0]}
    if line.method == "step":
        return {**({"layer": line.args[0]} if line.args else {}), **kwargs}
    if not all(isinstance(group, PlanGroup) for group in state.plan.groups):
        raise StateError(f"{state.id} cuts single weights, which a recipe has no words for; save its plan: "
                         f"lab.path('{state.id}')[-1].plan.save('plan.json')")
    units = {group.name: list(group.removed) for group in state.plan.groups if isinstance(group, PlanGroup)
             and group.n_removed}
    return {"units": units, **kwargs}
