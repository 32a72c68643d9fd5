"""`%prune goto`: to any state."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import STATE
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Where to."""
    parser.option("state", kind=STATE, help="an id, a tag or a branch of the history; its weights and random "
                                            "states come back bit for bit")


def call(given: Given, session: Session) -> Call:
    """``lab.goto(state)``."""
    return session.call("goto", given.state)


GOTO = Command(name="goto", summary="go to any state of the history; the next step from there is a branch",
               example="%prune goto {state}", options=options, call=call)
