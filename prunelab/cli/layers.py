"""`prunelab layers`: what can be cut, and what is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.target import opened, watched
from prunelab.errors import OptionError

if TYPE_CHECKING:
    from prunelab.plan.layers import Layers


def options(parser: argparse.ArgumentParser) -> None:
    """Of what."""
    parser.add_argument("target", metavar="DIR|RECIPE|MODEL", help="a workspace's folder, a recipe, or module:callable")
    parser.add_argument("--inputs", metavar="SHAPE", action="append", help="of a model: an input's shape with its "
                        "batch, such as 1,3,32,32; once for each input")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Print a row a layer."""
    if Path(given.target).is_dir():  # without its model
        groups = watched(given.target).plan.groups
        rows = [{"name": g.name, "units": g.units, "kept": g.units - g.n_removed} for g in groups]
        tell(given, f"{_table(groups)}{_more(given.target)}", rows)
        return FINE
    found = _layers(given)
    tell(given, found, [{**vars(row), "tied": list(row.tied)} for row in found])
    return FINE


def _more(folder: str) -> str:
    from prunelab.lab.repeating import RECIPE

    recipe = Path(folder) / RECIPE
    return f"\nas recorded; what else is frozen, and why: prunelab layers {recipe}" if recipe.is_file() else ""


def _layers(given: argparse.Namespace) -> Layers:
    from prunelab.data import load_model
    from prunelab.graph import trace
    from prunelab.plan.layers import layers

    if given.target.endswith(".toml"):
        lab = opened(given.target)
        return layers(lab.graph, lab.plan)
    if not given.inputs:
        raise OptionError("a model alone needs its inputs' shapes; give them: --inputs 1,3,32,32")
    return layers(trace(load_model(given.target), [_shape(text) for text in given.inputs]))


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise OptionError(f"--inputs is '{text}'; give a shape with its batch, such as 1,3,32,32") from None


def _table(groups: Any) -> str:
    from prunelab.render.numbers import percent
    from prunelab.render.table import text_table

    rows = [[g.name, g.granularity, f"{g.units - g.n_removed}/{g.units}", percent(g.n_removed / g.units, 0)]
            for g in groups]
    return text_table(["layer", "unit", "kept", "cut"], rows)


LAYERS = Command(name="layers", summary="the layers that can be cut, what is cut, and why the others are frozen",
                 options=options, run=run)
