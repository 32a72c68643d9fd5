"""`prunelab verify`: does an exported folder still compute what the model did?"""

from __future__ import annotations

import argparse

from prunelab.cli.command import FINE, WRONG, Command, json_option, tell


def options(parser: argparse.ArgumentParser) -> None:
    """Which one, and whether to time it."""
    parser.add_argument("folder", metavar="DIR", help="the folder that pl.export wrote")
    parser.add_argument("--time", action="store_true", help="time each format, too")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Print what was found; 1 where something is wrong."""
    from prunelab.export import verify_export

    found = verify_export(given.folder, timing=given.time)
    tell(given, found, found.to_json())
    return FINE if found.ok else WRONG


VERIFY = Command(name="verify", summary="load every file of an exported folder in its own runtime, and compare",
                 options=options, run=run)
