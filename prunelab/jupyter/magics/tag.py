"""`%prune tag`: a name for a state."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import NEW_NAME, STATE
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """The name, and whose."""
    parser.option("name", kind=NEW_NAME, help="what it is called; %%prune goto NAME goes there")
    parser.option("state", nargs="?", kind=STATE, help="an id or a name of the history (the current state)")
    parser.option("--move", help="take the tag from the state that has it")


def call(given: Given, session: Session) -> Call:
    """``lab.tag(name, state)``."""
    return session.call("tag", given.name, given.state, move=given.move or None)


TAG = Command(name="tag", summary="name a state, so that goto finds it by its name", example="%prune tag best",
              options=options, call=call)
