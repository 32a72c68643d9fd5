"""`%prune env`: what this runs on."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``environment()``."""
    from prunelab.jupyter.environment import environment

    return Call(environment, "environment", imports="from prunelab.jupyter.environment import environment")


ENV = Command(name="env", summary="versions, device and threads: what to write in a bug report", example="%prune env",
              call=call)
