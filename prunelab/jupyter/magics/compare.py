"""`%prune compare`: two states side by side."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import STATE
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Which two."""
    parser.option("state", kind=STATE, help="an id or a name of the history")
    parser.option("other", nargs="?", kind=STATE, help="the one to compare it with (the current state)")


def call(given: Given, session: Session) -> Call:
    """``lab.compare(a, b)``."""
    return session.call("compare", given.state, given.other)


COMPARE = Command(name="compare", summary="two states: layers cut, metrics, cost, weights, predictions that changed",
                  example="%prune compare {state}", options=options, call=call)
