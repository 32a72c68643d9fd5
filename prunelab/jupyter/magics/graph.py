"""`%prune graph`: the network as prunelab reads it."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``lab.graph``."""
    return session.read("graph")


GRAPH = Command(name="graph", summary="the network as it is read: operators, groups and what each ties together",
                example="%prune graph", call=call)
