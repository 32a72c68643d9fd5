"""The command line: `prunelab SUB-COMMAND`, one sub-command a file, named in one table.

A new one is a file with a `Command`, a line here, and a line in the table of `tests/cli/test_cli.py`. A sub-command
imports what it needs when it is called: `prunelab -h` loads neither Paddle nor a widget library.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from prunelab.cli.apply import APPLY
from prunelab.cli.command import FAULT, INTERRUPTED, MISTAKE, Command
from prunelab.cli.completion import COMPLETION
from prunelab.cli.demo import DEMO
from prunelab.cli.doctor import DOCTOR
from prunelab.cli.export import EXPORT
from prunelab.cli.history import HISTORY
from prunelab.cli.lab import LAB
from prunelab.cli.layers import LAYERS
from prunelab.cli.recipe import RECIPE
from prunelab.cli.report import REPORT
from prunelab.cli.run import RUN
from prunelab.cli.search import SEARCH
from prunelab.cli.sensitivity import SENSITIVITY
from prunelab.cli.status import STATUS
from prunelab.cli.verify import VERIFY
from prunelab.errors import PrunelabError, came_of_an_interrupt, unknown_name

# in the order in which a person meets them
COMMANDS: dict[str, Command] = {command.name: command for command in (
    DEMO, LAB, RECIPE, RUN, STATUS, HISTORY, LAYERS, SENSITIVITY, SEARCH, EXPORT, REPORT, VERIFY, APPLY,
    DOCTOR, COMPLETION,
)}

__all__ = ["COMMANDS", "Command", "main"]

_CODES = """exit codes:
  0    all is well
  1    something that was looked at is not (doctor, verify)
  2    a mistake in the line, the recipe, the data or the place to write; one line on stderr says which
  3    a fault of prunelab's own, with its traceback; please report it
  130  interrupted (Ctrl-C); `prunelab run` goes on from there when it is called again

Results go to stdout, with --json as JSON; progress goes to stderr, and only to a terminal."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one sub-command (the process's own words if left out); gives the exit code."""
    given = _parse(sys.argv[1:] if words is None else list(words))
    if isinstance(given, int):
        return given
    _quieten()
    try:
        return COMMANDS[given.command].run(given)
    except PrunelabError as error:
        sys.stderr.write(f"prunelab {given.command}: {error}\n")
        return MISTAKE
    except KeyboardInterrupt:
        return _interrupted(given.command)
    except BrokenPipeError:  # who read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if came_of_an_interrupt(error):
            return _interrupted(given.command)
        traceback.print_exc()
        return FAULT


def _interrupted(command: str) -> int:
    sys.stderr.write(f"prunelab {command}: interrupted\n")
    return INTERRUPTED


def _parse(words: list[str]) -> argparse.Namespace | int:
    """What a line says; an exit code where it is wrong. Help and version exit by themselves."""
    from prunelab import __version__

    form = argparse.RawDescriptionHelpFormatter
    # no abbreviations: a new option must not change what a script means
    parser = argparse.ArgumentParser(prog="prunelab", description="Prune PaddlePaddle models.", epilog=_CODES,
                                     formatter_class=form, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"prunelab {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="SUB-COMMAND", required=True)
    own = {}
    for name, command in COMMANDS.items():
        own[name] = parsers.add_parser(name, help=command.summary, description=command.summary, allow_abbrev=False)
        command.options(own[name])
    if words and not words[0].startswith("-") and words[0] not in COMMANDS:
        sys.stderr.write(f"{unknown_name('sub-command', words[0], COMMANDS, place='prunelab')}\n")
        return MISTAKE
    given, extra = parser.parse_known_args(words)
    if extra:
        options = [flag for action in own[given.command]._actions for flag in action.option_strings]
        flag = extra[0].partition("=")[0]
        told = (unknown_name("option", flag, options, place=f"prunelab {given.command}") if flag.startswith("-")
                else f"prunelab {given.command} does not know what to do with '{flag}'; -h tells what it takes")
        sys.stderr.write(f"{told}\n")
        return MISTAKE
    return given


def _quieten() -> None:
    """Leave out what Paddle says to nobody who prunes."""
    # Paddle looks for ccache when it is imported; nothing here compiles C++
    warnings.filterwarnings("ignore", "No ccache found")
    warnings.filterwarnings("ignore", "When training, we now always track global mean")
    os.environ.setdefault("GLOG_minloglevel", "2")
