"""`prunelab recipe`: is it right, what does it mean, and what can stand in one?"""

from __future__ import annotations

import argparse
import json
import sys

from prunelab.cli.command import FINE, Command
from prunelab.errors import OptionError

_RIGHT = "a recipe without mistakes; what its sources name is looked up when it runs"


def options(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which."""
    parser.add_argument("action", choices=("check", "show", "schema"), help="check: look for mistakes; show: print the "
                        "Python that does the same; schema: print the JSON Schema that editors check and complete with")
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="a recipe's file, such as run.toml")


def run(given: argparse.Namespace) -> int:
    """Print what was asked for; a recipe with a mistake exits with 2."""
    from prunelab.recipe import Recipe

    if given.action == "schema":
        sys.stdout.write(json.dumps(Recipe.schema(), indent=1, ensure_ascii=False) + "\n")
        return FINE
    if given.recipe is None:
        raise OptionError(f"prunelab recipe {given.action} lacks its RECIPE; give a file, such as run.toml")
    found = Recipe.load(given.recipe)
    sys.stdout.write(found.script() if given.action == "show" else f"{given.recipe}: {_RIGHT}\n")
    return FINE


RECIPE = Command(name="recipe", summary="check a recipe, show the Python that it means, or print the schema of all",
                 options=options, run=run)
