"""`%prune panel`: everything to click."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given
from prunelab.jupyter.magics.session import Session


def call(given: Given, session: Session) -> Call:
    """``lab.panel()``."""
    return session.call("panel")


PANEL = Command(name="panel", summary="the panel: layers, steps with a preview, masks, curves, history, export",
                example="%prune panel", call=call)
