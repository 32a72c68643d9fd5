"""`prunelab demo`: a small network, trained, pruned and exported, with nothing downloaded."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.facts import status_data
from prunelab.cli.run import carry_out_seen


def options(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("directory", metavar="DIR", nargs="?", default="prunelab-demo",
                        help="a folder for the recipe, the history, the report and the files (prunelab-demo)")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Write the demo's recipe there, and carry it out; the second time it goes on, or has nothing left to do."""
    from prunelab.evaluate.files import write_text
    from prunelab.recipe import Recipe, open_lab

    folder = Path(given.directory)
    folder.mkdir(parents=True, exist_ok=True)
    text = files("prunelab.cli").joinpath("demo.toml").read_text(encoding="utf-8").replace("DIR", folder.as_posix())
    path = write_text(folder / "demo.toml", text)
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
    recipe = Recipe.load(path)
    lab = open_lab(recipe)
    carry_out_seen(recipe, lab)
    written = {"recipe": str(path), "report": str(folder / "report.html"), "exported": str(folder / "out")}
    told = "\n".join(f"{name:<9} {where}" for name, where in written.items())
    tell(given, f"{lab}\n{lab.tree()}\n{told}", {**status_data(lab), **written})
    return FINE


def net() -> Any:
    """A small residual-free convolutional network for 8x8 digits."""
    from paddle import nn

    return nn.Sequential(
        nn.Conv2D(1, 16, 3, padding=1), nn.BatchNorm2D(16), nn.ReLU(), nn.Conv2D(16, 32, 3, padding=1),
        nn.BatchNorm2D(32), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(32, 64, 3, padding=1), nn.BatchNorm2D(64), nn.ReLU(),
        nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(64, 10))


DEMO = Command(name="demo", summary="train, prune and export a small network on handwritten digits", options=options,
               run=run)
