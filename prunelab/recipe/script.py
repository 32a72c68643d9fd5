"""A recipe as the Python that does the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prunelab.data import datasets
from prunelab.recipe.actions import Action, PlanFile, Search, actions
from prunelab.recipe.recipe import Recipe
from prunelab.recipe.run import lab_options


def script(recipe: Recipe) -> str:
    """The script: imports, the model, the Lab, a line for each step."""
    said = _said(recipe.data, recipe.values)
    uses: list[str] = []
    opening = _opening(said, uses)
    lines = [_call("lab", action) for action in actions(said)]
    if "export" in said:
        section = dict(said["export"])
        lines.append(f"lab.export({_arguments([section.pop('directory')], section)})")
    reports = said.get("report", [])
    lines += [f"lab.report({code(path)})" for path in ([reports] if isinstance(reports, str) else reports)]
    head = ["import prunelab as pl", *sorted(set(uses)), ""]
    return "\n".join([*head, *opening, *lines]) + "\n"


class Code(str):
    """Text that is Python already: a variable's name."""

    __slots__ = ()


def _said(data: Any, value: Any) -> Any:
    """The data, with what names a variable as `Code`."""
    if isinstance(data, Mapping):
        inside = value if isinstance(value, Mapping) else {}
        return {key: _said(item, inside.get(key, item)) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        many = value if isinstance(value, (list, tuple)) and len(value) == len(data) else data
        return [_said(a, b) for a, b in zip(data, many, strict=True)]
    if isinstance(value, tuple) and len(value) == 1:  # one name in the place of a list
        value = value[0]
    literal = not isinstance(data, str) or (isinstance(value, str) and value == data)
    return data if literal else Code(data)


def _opening(said: Mapping[str, Any], uses: list[str]) -> list[str]:
    model, data, training = (dict(said.get(name, {})) for name in ("model", "data", "finetune"))
    lines, preset = [], said.get("preset")
    name = model.get("source")
    more = {key: model[key] for key in ("weights", "trust", "checksum") if key in model}
    if not isinstance(name, Code) or more or preset:
        uses.append("from prunelab.lab.randomness import seed_all")
        lines += [f"seed_all({code(said.get('seed', 0))})  # a model that is made draws its weights"]
    if preset:
        lines.append(f"task = pl.presets.{preset['name']}({_arguments([], preset.get('arguments', {}))})")
    if name is not None and (not isinstance(name, Code) or more):
        lines.append(f"model = {_loaded('pl.load_model', name, {**more, **model.get('arguments', {})})}")
        name = Code("model")
    for key in ("train", "val"):
        if key in data:
            data[key] = Code(_data(data[key], uses))
    if isinstance(training.get("teacher"), (str, Mapping)) and not isinstance(training["teacher"], Code):
        training["teacher"] = Code(_loaded("pl.load_model", training["teacher"], {}))
    options = {**data, **{key: model[key] for key in ("inputs", "device") if key in model}, **lab_options(training),
               **{key: said[key] for key in ("criterion", "repair", "workspace", "seed") if key in said}}
    if not preset:
        return [*lines, f"lab = pl.Lab({_arguments([name], options)})"]
    options = {**({} if name is None else {"model": name}), **options}
    changed = "".join(f", {code(key)}: {code(value)}" for key, value in options.items())
    return [*lines, f"lab = pl.Lab(**{{**task{changed}}})"]


def _data(source: Any, uses: list[str]) -> str:
    if isinstance(source, str) and not isinstance(source, Code):
        name, _, split = source.partition(":")
        if getattr(getattr(datasets, name, None), "__module__", "") == datasets.__name__:
            return f"pl.datasets.{name}({code(split)})"
    if isinstance(source, Code):
        return str(source)
    uses.append("from prunelab.data import load_data")
    return _loaded("load_data", source, {})


def _loaded(function: str, source: Any, arguments: Mapping[str, Any]) -> str:
    if isinstance(source, Mapping):
        source, arguments = source["source"], {**source.get("arguments", {}), **arguments}
    return f"{function}({_arguments([source], arguments)})"


def _call(lab: str, action: Action) -> str:
    if isinstance(action, Search):
        return _search(lab, action)
    args = [Code(f"pl.Plan.load({code(arg.path)})") if isinstance(arg, PlanFile) else arg for arg in action.args]
    return f"{lab}.{action.method}({_arguments(args, action.kwargs)})"


def _search(lab: str, action: Search) -> str:
    kwargs = dict(action.kwargs)
    if "space" in kwargs:
        kwargs["space"] = Code(f"pl.space({_arguments([], kwargs['space'])})")
    line = f"study = {lab}.search({_arguments([], kwargs)})"
    if action.healing is None:
        return line
    trial = f"study.within({_arguments([], action.within)})" if action.within else "study.best"
    return f"{line}\n{lab}.adopt({_arguments([Code(trial)], action.healing)})"


def _arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    told: Iterable[str] = (f"{name}={code(value)}" for name, value in kwargs.items())
    return ", ".join([*map(code, args), *told])


def code(value: Any) -> str:
    """The Python of a value; texts in double quotes, as this project's own code has them."""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{code(k)}: {code(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(code, value))}]"
    return repr(value)
