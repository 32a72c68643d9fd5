"""`prunelab export`: the smaller model of a run as files."""

from __future__ import annotations

import argparse

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.target import opened, recipe_at, target_option
from prunelab.errors import ExportError, WorkspaceError


def options(parser: argparse.ArgumentParser) -> None:
    """Of which run, where to, and as what."""
    target_option(parser)
    parser.add_argument("directory", metavar="OUT", help="a folder, which is made")
    parser.add_argument("--formats", metavar="FORMAT[,...]", help="with commas between them (paddle,onnx)")
    parser.add_argument("--state", metavar="STATE", help="an id, a tag or a branch of the history (the last state)")
    parser.add_argument("--batch", metavar="N", type=int, help="samples a call when the files are timed (1)")
    parser.add_argument("--no-examples", action="store_true", help="leave out the samples of the data that the files "
                        "are compared on elsewhere")
    parser.add_argument("--force", action="store_true", help="replace a folder that holds something")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Write the files, and print their sizes and latencies beside the dense model's."""
    if "workspace" not in recipe_at(given.target).values:
        raise WorkspaceError(f"the recipe {given.target} names no workspace, so that nothing of its run is kept; give "
                             "it one, or write [export] into it and run it")
    lab = opened(given.target)
    here = lab.state
    options = {"batch": given.batch, "force": given.force or None,
               "examples": False if given.no_examples else None}
    formats = None if given.formats is None else [name for name in given.formats.split(",") if name]
    try:
        if given.state is not None:
            lab.goto(given.state)
        found = lab.export(given.directory, formats, **{k: v for k, v in options.items() if v is not None})
    except ExportError as error:
        raise ExportError(str(error).replace("force=True", "--force")) from error  # as it is said in a line
    finally:
        if lab.state is not here:
            lab.goto(here)
    tell(given, str(found).replace("examples=False", "--no-examples"), found.manifest)
    return FINE


EXPORT = Command(name="export", summary="write the smaller model of a run, compared and timed beside the dense one",
                 options=options, run=run)
