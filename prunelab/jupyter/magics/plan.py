"""`%prune plan`: what is cut so far."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``lab.plan``."""
    return session.read("plan")


PLAN = Command(name="plan", summary="what is cut so far, relative to the dense model; a Plan, which can be saved",
               example="plan = %prune plan", call=call)
