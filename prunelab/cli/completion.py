"""`prunelab completion`: what a shell needs to complete our lines."""

from __future__ import annotations

import argparse
import sys

from prunelab.cli.command import FINE, Command
from prunelab.cli.shells import SHELLS
from prunelab.cli.words import Words


def options(parser: argparse.ArgumentParser) -> None:
    """For which shell."""
    parser.add_argument("shell", choices=SHELLS, help='bash: eval "$(prunelab completion bash)" in ~/.bashrc; zsh: the '
                        "same with zsh in ~/.zshrc, after compinit; fish: prunelab completion fish | source")


def run(given: argparse.Namespace) -> int:
    """Print the script."""
    from prunelab.cli import COMMANDS

    sys.stdout.write(SHELLS[given.shell]([Words.of(command) for command in COMMANDS.values()]))
    return FINE


COMPLETION = Command(name="completion", summary="print what bash, zsh or fish needs to complete lines of prunelab",
                     options=options, run=run)
