"""The command line: `prunelab SUB-COMMAND`, one sub-command a file, named in one table.

A new one is a file with a `Command`, a line here, and a line in the table of `tests/cli/test_cli.py`. A sub-command
imports what it needs when it is called: `prunelab -h` loads neither Paddle nor a widget library.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from prunelab.cli.apply import APPLY
from prunelab.cli.command import Command
from prunelab.cli.doctor import DOCTOR
from prunelab.cli.verify import VERIFY
from prunelab.errors import PrunelabError

COMMANDS: dict[str, Command] = {command.name: command for command in (DOCTOR, VERIFY, APPLY)}

__all__ = ["COMMANDS", "Command", "main"]


def main(words: Sequence[str] | None = None) -> int:
    """Run one sub-command (the process's own words if left out); gives the exit code: 2 for a mistake."""
    from prunelab import __version__

    parser = argparse.ArgumentParser(prog="prunelab", description="Prune PaddlePaddle models.")
    parser.add_argument("--version", action="version", version=f"prunelab {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="SUB-COMMAND", required=True)
    for command in COMMANDS.values():
        own = parsers.add_parser(command.name, help=command.summary, description=command.summary)
        command.options(own)
    given = parser.parse_args(words)
    # Paddle looks for ccache when it is imported; nothing here compiles C++
    warnings.filterwarnings("ignore", "No ccache found")
    try:
        return COMMANDS[given.command].run(given)
    except PrunelabError as error:
        sys.stderr.write(f"prunelab {given.command}: {error}\n")
        return 2
