"""`%prune status`: where one is."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``status(lab)``."""
    from prunelab.jupyter.status import status

    return Call(status, "status", [session.lab()], imports="from prunelab.jupyter.status import status")


STATUS = Command(name="status", summary="where one is: the state beside the dense model, and what next",
                 example="%prune status", call=call)
