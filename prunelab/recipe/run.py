"""`run_recipe`: a recipe carried out on a Lab. A run that was interrupted goes on where it was."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunelab.errors import DataError, ExportError, InputError, OptionError, PlanError, shown
from prunelab.lab import Lab
from prunelab.lab.randomness import seed_all
from prunelab.lab.repeating import RECIPE, kept_recipe
from prunelab.plan import Plan
from prunelab.recipe.actions import Keys, actions, n_done
from prunelab.recipe.keys import TRAINING
from prunelab.recipe.recipe import Recipe
from prunelab.recipe.sources import data_of, model_of, preset_of


def run_recipe(recipe: str | os.PathLike[str] | Recipe, *, variables: Mapping[str, Any] | None = None,
               **overrides: Any) -> Lab:
    """The Lab that a recipe was carried out on: opened, stepped, exported, reported.

    With a workspace that has a part of the run, it goes on from there; the history is then the same, bit for bit, as
    that of a run that was not interrupted.

    Args:
        recipe: a `Recipe`, a file, or a text of TOML.
        variables: what names in it may mean, such as ``{"net": net}``.
        overrides: values in the place of the recipe's: ``seed=1``, ``schedule={"to": 0.5}``.

    Raises:
        RecipeError: a recipe that cannot be read, or a step of it that cannot be, with its line and column.
        TrainingError, ExportError, ...: as the Lab's own methods; what was recorded before stays.
    """
    chosen = as_recipe(recipe, variables)
    chosen = chosen.with_(**overrides) if overrides else chosen
    lab = open_lab(chosen)
    try:
        return carry_out(chosen, lab)
    except BaseException:
        lab.close()
        raise


def as_recipe(recipe: str | os.PathLike[str] | Recipe, variables: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe, or the one in a file or in a text: a line that ends in ".toml", or has no equals sign, is a file."""
    if isinstance(recipe, Recipe):
        return recipe
    named = isinstance(recipe, str) and "\n" not in recipe and (recipe.endswith(".toml") or "=" not in recipe)
    if isinstance(recipe, os.PathLike) or named:
        return Recipe.load(recipe, variables)
    return Recipe.loads(recipe, variables)


def open_lab(recipe: Recipe) -> Lab:
    """The Lab of a recipe, in its workspace's last state; the workspace keeps the recipe, too.

    Raises:
        RecipeError: a model or data that cannot be had, at the line that says where from; a workspace that was made
            with others.
    """
    _check_kept(recipe)
    values = recipe.values
    section, seed = dict(recipe.section("data")), values.get("seed", 0)
    training = lab_options(recipe.section("finetune"))
    if isinstance(training.get("teacher"), (str, Mapping)):
        with _At(recipe, "finetune", "teacher"):
            training["teacher"] = model_of({"source": training["teacher"]})
    given = {name: values[name] for name in ("seed", "workspace", "criterion", "repair") if name in values}
    given.update({name: recipe.section("model")[name] for name in ("inputs", "device")
                  if name in recipe.section("model")})
    seed_all(seed)  # a model that is made here draws its weights
    with _At(recipe, "preset"):
        preset = preset_of(recipe.section("preset"))
    if "model" in values:
        with _At(recipe, "model"):
            preset["model"] = model_of(values["model"])
    for name in ("train", "val"):
        if name in section:
            with _At(recipe, "data", name):
                section[name] = data_of(section[name])
    with _At(recipe):
        lab = Lab(**{**preset, **section, **training, **given})
    lab.origin = {name: recipe.data[name] for name in ("preset", "model", "data", "finetune") if name in recipe.data}
    if lab.workspace is not None:
        with contextlib.suppress(OptionError):  # objects that were given in place of names cannot be written down
            recipe.save(Path(lab.workspace) / RECIPE)
    return lab


# what all states of a history depend on; what is done, step by step, is compared with its lines
_SAME = ("seed", "criterion", "repair", "preset", "model", "data", "finetune")


def _check_kept(recipe: Recipe) -> None:
    """Refuse a workspace that was made with another model, other data or another training: what is recorded there and
    what would follow would not be one run."""
    workspace = recipe.values.get("workspace")
    if workspace is None:
        return
    kept = kept_recipe(workspace)
    for section in _SAME if kept else ():
        old, new = kept.get(section), recipe.data.get(section)
        path: tuple[str, ...] = (section,)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            key = next((key for key in {**old, **new} if _differ(old.get(key), new.get(key))), "")
            path, old, new = (section, key), old.get(key), new.get(key)
        if not _differ(old, new):
            continue
        told = ["nothing" if value is None else shown(value) for value in (old, new)]
        raise recipe.error(f"the workspace {workspace} was made with another {'.'.join(path)}: {told[0]} there, "
                           f"{told[1]} here; choose another workspace, or give what it was made with", *path)


def _differ(old: Any, new: Any) -> bool:
    """Whether two values of recipes are other ones; of an object that was given in a value's place nobody knows."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return any(_differ(old.get(key), new.get(key)) for key in {**old, **new})
    return (new is None or isinstance(new, (str, bool, int, float, list, Mapping))) and old != new


def lab_options(finetune: Mapping[str, Any]) -> dict[str, Any]:
    """What ``[finetune]`` means as options of a Lab."""
    own = {key: value for key, value in finetune.items() if key not in (*TRAINING, "epochs")}
    more = {key: finetune[key] for key in TRAINING if key in finetune}
    return {**own, **({"finetune": finetune["epochs"]} if "epochs" in finetune else {}),
            **({"training": more} if more else {})}


def carry_out(recipe: Recipe, lab: Lab) -> Lab:
    """Do on the Lab what the recipe says and the Lab has not done yet; gives the Lab."""
    todo = actions(recipe.values)
    done = n_done(todo, lab, lambda told, path: recipe.error(told, *path))
    for action in todo[done:]:
        with _At(recipe, *action.path):
            action.carry_out(lab)
    _export(recipe, lab)
    for path in recipe.values.get("report", ()):
        with _At(recipe, "report"):
            lab.report(path)
    return lab


def _export(recipe: Recipe, lab: Lab) -> None:
    section = dict(recipe.section("export"))
    if not section:
        return
    directory, formats = section.pop("directory"), section.get("formats")
    if not section.get("force") and _is_exported(lab, directory, formats):
        return
    with _At(recipe, "export"):
        lab.export(directory, **section)


def _is_exported(lab: Lab, directory: str, formats: tuple[Any, ...] | None) -> bool:
    """Whether the folder holds an export of the current plan, in all these formats."""
    from prunelab.export.verify import read_manifest

    folder = Path(directory).expanduser()
    try:
        told, plan = read_manifest(folder), Plan.load(folder / "plan.json")
    except (ExportError, PlanError):
        return False
    names = {name if isinstance(name, str) else name.name for name in formats or ()}
    return plan.groups == lab.plan.groups and names <= set(told["formats"])


# what a person mends in the recipe; a training that fails, or a full disk, is not its fault
_MISTAKES = (OptionError, InputError, DataError, PlanError)


class _At:
    """A mistake that shows inside is told with the place in the recipe that asked for it; what it was is its cause."""

    def __init__(self, recipe: Recipe, *path: str | int) -> None:
        self._recipe, self._path = recipe, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, _MISTAKES):
            raise self._recipe.error(str(error), *self._narrowed(str(error))) from error

    def _narrowed(self, message: str) -> Keys:
        """The key of the section that the message speaks of, by its name or else by its value."""
        inside: Any = self._recipe.data
        for part in self._path:
            inside = inside[part] if not isinstance(inside, Mapping) or part in inside else {}
        if not isinstance(inside, Mapping) or not inside:
            return self._path
        if self._path == ("model",) and "source" in inside and "weights" not in message:
            return (*self._path, "source")
        words = set(re.findall(r"[\w.]+\w|\w", message))
        named = [key for key in inside if key in words and len(key) > 2]  # "to" and "by" are words of any message
        named += [key for key, value in inside.items() if isinstance(value, (str, int, float)) and str(value) in words]
        return (*self._path, named[0]) if named else self._path
