"""`run_recipe`: a recipe carried out on a Lab. A run that was interrupted goes on where it was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunelab.errors import ExportError, OptionError, PlanError
from prunelab.lab import Lab
from prunelab.lab.randomness import seed_all
from prunelab.lab.repeating import RECIPE
from prunelab.plan import Plan
from prunelab.recipe.actions import actions, n_done
from prunelab.recipe.at import At
from prunelab.recipe.kept import check_kept
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
    check_kept(recipe)
    values = recipe.values
    section, seed = dict(recipe.section("data")), values.get("seed", 0)
    training = lab_options(recipe.section("finetune"))
    if isinstance(training.get("teacher"), (str, Mapping)):
        with At(recipe, "finetune", "teacher"):
            training["teacher"] = model_of({"source": training["teacher"]})
    given = {name: values[name] for name in ("seed", "workspace", "criterion", "repair") if name in values}
    given.update({name: recipe.section("model")[name] for name in ("inputs", "device")
                  if name in recipe.section("model")})
    seed_all(seed)  # a model that is made here draws its weights
    with At(recipe, "preset"):
        preset = preset_of(recipe.section("preset"))
    if "model" in values:
        with At(recipe, "model"):
            preset["model"] = model_of(values["model"])
    for name in ("train", "val"):
        if name in section:
            with At(recipe, "data", name):
                section[name] = data_of(section[name])
    with At(recipe):
        lab = Lab(**{**preset, **section, **training, **given})
    lab.origin = {name: recipe.data[name] for name in ("preset", "model", "data", "finetune") if name in recipe.data}
    if lab.workspace is not None:
        with contextlib.suppress(OptionError):  # objects that were given in place of names cannot be written down
            recipe.save(Path(lab.workspace) / RECIPE)
    return lab


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
        with At(recipe, *action.path):
            action.carry_out(lab)
    _export(recipe, lab)
    for path in recipe.values.get("report", ()):
        with At(recipe, "report"):
            lab.report(path)
    return lab


def _export(recipe: Recipe, lab: Lab) -> None:
    section = dict(recipe.section("export"))
    if not section:
        return
    directory, formats = section.pop("directory"), section.get("formats")
    if not section.get("force") and _is_exported(lab, directory, formats):
        return
    with At(recipe, "export"):
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
