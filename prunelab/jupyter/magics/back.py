"""`%prune back`: to where the current state came from."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import STEPS
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """How far."""
    parser.option("n", nargs="?", kind=STEPS, help="how many states (1)")


def call(given: Given, session: Session) -> Call:
    """``lab.back(n)``."""
    return session.call("back", given.n)


BACK = Command(name="back", summary="go back to the state that the current one was made from, which stays",
               example="%prune back", options=options, call=call)
