"""What a sub-command is about: a workspace, to be looked at or opened; or a recipe, which names one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from prunelab.errors import WorkspaceError

if TYPE_CHECKING:
    from prunelab.lab import Lab
    from prunelab.lab.watching import Watcher
    from prunelab.recipe import Recipe

HELP = "a workspace's folder, or a recipe that names one"


def target_option(parser: argparse.ArgumentParser) -> None:
    """The one positional argument."""
    parser.add_argument("target", metavar="DIR|RECIPE", help=HELP)


def watched(target: str) -> Watcher:
    """The history in a workspace, without its model; another process may write it meanwhile.

    Raises:
        WorkspaceError: no history there.
        RecipeError: a recipe that cannot be read.
    """
    from prunelab.lab import Lab

    _must_be_there(target)
    return Lab.watch(target if Path(target).is_dir() else _workspace(target))


def recipe_at(target: str) -> Recipe:
    """The recipe in a file, or the one that a workspace keeps.

    Raises:
        WorkspaceError: a workspace whose history came of no recipe.
    """
    from prunelab.lab.repeating import RECIPE
    from prunelab.recipe import Recipe

    folder = Path(target)
    _must_be_there(target)
    if not folder.is_dir():
        return Recipe.load(target)
    if not (folder / RECIPE).is_file():
        raise WorkspaceError(f"the workspace {target} keeps no {RECIPE}, which says where its model comes from; write "
                             f"one with [model] and workspace = '{target}', and give that")
    # the folder may have been moved since
    return Recipe.load(folder / RECIPE).with_(workspace=str(target))


def opened(target: str) -> Lab:
    """The Lab of a recipe or a workspace, in its last state."""
    from prunelab.recipe import open_lab

    return open_lab(recipe_at(target))


def _must_be_there(target: str) -> None:
    if not Path(target).exists():
        raise WorkspaceError(f"{target} is not there; give {HELP}")


def _workspace(target: str) -> str:
    from prunelab.recipe import Recipe

    found = Recipe.load(target).values.get("workspace")
    if found is None:
        raise WorkspaceError(f"the recipe {target} names no workspace, so that nothing of its run is kept; give it "
                             "one: workspace = 'runs/name'")
    return str(found)
