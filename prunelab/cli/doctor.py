"""`prunelab doctor`: is a workspace whole?"""

from __future__ import annotations

import argparse
import sys

from prunelab.cli.command import Command


def options(parser: argparse.ArgumentParser) -> None:
    """Which one."""
    parser.add_argument("workspace", metavar="DIR", help="the folder that a Lab keeps its history in")


def run(given: argparse.Namespace) -> int:
    """Print what was found; 1 where something is wrong."""
    from prunelab.lab import doctor

    found = doctor(given.workspace)
    sys.stdout.write(f"{found}\n")
    return 0 if found.ok else 1


DOCTOR = Command(name="doctor", summary="check every byte of a workspace, and tell what is damaged and what it costs",
                 options=options, run=run)
