"""`%prune history`: the states so far."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``lab.history``."""
    return session.read("history")


HISTORY = Command(name="history", summary="the states so far, as a DataFrame: how each was made, its metrics and cost",
                  example="table = %prune history", call=call)
