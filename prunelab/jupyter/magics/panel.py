"""`%prune panel`: everything to click."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import LAYER, PART
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """What of it."""
    parser.option("part", nargs="*", kind=PART, help="only these parts (all)")
    parser.option("--layer", kind=LAYER, help="the layer that is chosen at first")


def call(given: Given, session: Session) -> Call:
    """``lab.panel()``."""
    return session.call("panel", given.part or None, layer=given.layer)


PANEL = Command(name="panel", summary="the panel: layers, steps with a preview, masks, curves, history, export",
                example="%prune panel", options=options, call=call)
