"""`prunelab run`: a recipe carried out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunelab.cli.command import FINE, INTERRUPTED, Command, json_option, tell
from prunelab.cli.facts import status_data
from prunelab.cli.settings import overrides

if TYPE_CHECKING:
    from prunelab.lab import Lab
    from prunelab.recipe import Recipe


def options(parser: argparse.ArgumentParser) -> None:
    """Which one, and what is other than it says."""
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's file, such as run.toml")
    parser.add_argument("--workspace", metavar="DIR", help="where the history is kept; an existing one goes on")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="settings",
                        help="another value of the recipe: --set seed=1 --set schedule.to=0.5; several")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Carry it out; 130 where it was interrupted, and then the same command goes on."""
    from prunelab.recipe import Recipe, open_lab

    recipe = Recipe.load(given.recipe)
    changed = overrides(given.settings)
    if given.workspace is not None:
        changed["workspace"] = given.workspace
    recipe = recipe.with_(**changed) if changed else recipe
    lab = open_lab(recipe)
    try:
        carry_out_seen(recipe, lab)
    except KeyboardInterrupt:
        sys.stderr.write(f"{_interrupted(lab)}\n")
        return INTERRUPTED
    tell(given, "\n".join([repr(lab), *_written(recipe)]), {**status_data(lab), "written": _written(recipe)})
    return FINE


def carry_out_seen(recipe: Recipe, lab: Lab) -> None:
    """Carry it out, and tell a person who looks on of each state that is recorded."""
    from prunelab.recipe import carry_out

    def line(state: Any) -> None:
        from tqdm import tqdm

        tqdm.write(str(state), file=sys.stderr)

    if sys.stderr.isatty():
        lab.on_change.append(line)
    carry_out(recipe, lab)


def _interrupted(lab: Lab) -> str:
    where = f"stopped at {lab.state.id} {lab.state.label}"
    if lab.workspace is None:
        return f"{where}; nothing is kept, since the recipe names no workspace"
    return f"{where}, the last recorded state; the same command goes on from there"


def _written(recipe: Recipe) -> list[str]:
    """The files and folders that the recipe has it write."""
    exported = [recipe.section("export")["directory"]] if "export" in recipe.data else []
    return [str(Path(path)) for path in (*exported, *recipe.values.get("report", ()))]


RUN = Command(name="run", summary="carry a recipe out, or go on with one that was interrupted", options=options,
              run=run)
