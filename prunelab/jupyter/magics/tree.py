"""`%prune tree`: the history as a tree."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``lab.tree()``."""
    return session.call("tree")


TREE = Command(name="tree", summary="the history as a tree, with branches and tags", example="%prune tree", call=call)
