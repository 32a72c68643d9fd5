"""Whether a workspace was made with what a recipe says: what is recorded there and what would follow are one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.errors import shown
from prunelab.lab.repeating import kept_recipe
from prunelab.recipe.recipe import Recipe

# what all states of a history depend on; what is done, step by step, is compared with its lines
_SAME = ("seed", "criterion", "repair", "preset", "model", "data", "finetune")


def check_kept(recipe: Recipe) -> None:
    """Nothing, where the recipe's workspace was made with what it says, or is not there yet.

    Raises:
        RecipeError: another model, other data or another training, at its key.
    """
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
