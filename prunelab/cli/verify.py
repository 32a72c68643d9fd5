"""`prunelab verify`: does an exported folder still compute what the model did?"""

from __future__ import annotations

import argparse
import json
import sys

from prunelab.cli.command import Command


def options(parser: argparse.ArgumentParser) -> None:
    """Which one, and whether to time it."""
    parser.add_argument("folder", metavar="DIR", help="the folder that pl.export wrote")
    parser.add_argument("--time", action="store_true", help="time each format, too")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> int:
    """Print what was found; 1 where something is wrong."""
    from prunelab.export import verify_export

    found = verify_export(given.folder, timing=given.time)
    sys.stdout.write(f"{json.dumps(found.to_json(), indent=1) if given.json else found}\n")
    return 0 if found.ok else 1


VERIFY = Command(name="verify", summary="load every file of an exported folder in its own runtime, and compare",
                 options=options, run=run)
