"""`prunelab status`: where a run is."""

from __future__ import annotations

import argparse

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.facts import status_data
from prunelab.cli.target import target_option, watched


def options(parser: argparse.ArgumentParser) -> None:
    """Of what."""
    target_option(parser)
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Print the current state beside the dense one."""
    history = watched(given.target)
    tell(given, history, status_data(history))
    return FINE


STATUS = Command(name="status", summary="where a run is, also while it works: the state beside the dense model",
                 options=options, run=run)
