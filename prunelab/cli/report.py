"""`prunelab report`: what was done, for a person who was not there."""

from __future__ import annotations

import argparse

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.target import opened, recipe_at, target_option, watched
from prunelab.errors import WorkspaceError


def options(parser: argparse.ArgumentParser) -> None:
    """Of which run, where to, and how much of it."""
    target_option(parser)
    parser.add_argument("file", metavar="FILE", help="run.html, run.md or run.tex: the ending says which form")
    parser.add_argument("--title", help="a heading (Pruning of MODEL)")
    parser.add_argument("--recorded", action="store_true", help="tell what is recorded, without opening the model, "
                        "also while the run works: latency and classes only where an earlier report measured them")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Write it. A workspace that keeps no recipe is told of as it is recorded."""
    history = watched(given.target) if given.recorded or not _has_recipe(given.target) else opened(given.target)
    path = history.report(given.file, title=given.title)
    tell(given, path, {"report": str(path), "size_bytes": path.stat().st_size, "state": history.state.id})
    return FINE


def _has_recipe(target: str) -> bool:
    try:
        recipe_at(target)
    except WorkspaceError:
        return False
    return True


REPORT = Command(name="report", summary="write a report of a run: a page, Markdown, or tables for LaTeX",
                 options=options, run=run)
