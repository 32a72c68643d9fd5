"""`prunelab doctor`: is a workspace whole?"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from prunelab.cli.command import FINE, WRONG, Command, json_option, tell


def options(parser: argparse.ArgumentParser) -> None:
    """Which one."""
    parser.add_argument("workspace", metavar="DIR", help="the folder that a Lab keeps its history in")
    parser.add_argument("--salvage", metavar="NEW", help="save what can be read into a new folder, where the database "
                        "and its copy are both damaged")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Print what was found, or saved; 1 where something is wrong."""
    from prunelab.lab import doctor, salvage

    if given.salvage is not None:
        saved = salvage(given.workspace, given.salvage)
        tell(given, saved, asdict(saved))
        return FINE

    found = doctor(given.workspace)
    tell(given, found, {"ok": found.ok, **asdict(found)})
    return FINE if found.ok else WRONG


DOCTOR = Command(name="doctor", summary="check every byte of a workspace, and tell what is damaged and what it costs",
                 options=options, run=run)
