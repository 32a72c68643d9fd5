"""`prunelab history`: all states of a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.facts import history_data
from prunelab.cli.target import target_option, watched

if TYPE_CHECKING:
    from prunelab.lab.reading import Reading


def options(parser: argparse.ArgumentParser) -> None:
    """Of what, and in which form."""
    target_option(parser)
    parser.add_argument("--tree", action="store_true", help="as a tree, with branches and tags")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Print them as a table or a tree."""
    history = watched(given.target)
    tell(given, history.tree() if given.tree else _table(history), history_data(history))
    return FINE


def _table(history: Reading) -> str:
    from prunelab.lab.state import metric_text
    from prunelab.render.numbers import count, percent, seconds
    from prunelab.render.table import text_table

    names = list(dict.fromkeys(name for state in history.states for name in state.metrics))
    rows = [[f"{'*' if state.id == history.state.id else ' '} {state.id}", state.parent or "–", state.label,
             *(metric_text(n, state.metrics[n]) if n in state.metrics else "–" for n in names),
             count(state.cost.params), count(state.cost.macs), percent(state.sparsity, 0), seconds(state.duration_s)]
            for state in history.states]
    return text_table(["  state", "from", "label", *names, "params", "MACs", "units gone", "took"], rows)


HISTORY = Command(name="history", summary="all states of a run, as a table or a tree", options=options, run=run)
