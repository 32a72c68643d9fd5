"""`%prune branch`: another way from here."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import NEW_NAME
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Its name."""
    parser.option("name", kind=NEW_NAME, help="what it is called; %%prune goto NAME comes back to its newest state")


def call(given: Given, session: Session) -> Call:
    """``lab.branch(name)``."""
    return session.call("branch", given.name)


BRANCH = Command(name="branch", summary="begin a branch at the current state: the steps from here on are on it",
                 example="%prune branch wider", options=options, call=call)
