"""`%prune masks`: one layer's units, kept and cut."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import LAYER
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Which layer."""
    parser.option("layer", kind=LAYER, help="a layer or group that can be cut")


def call(given: Given, session: Session) -> Call:
    """``lab.masks(layer)``."""
    return session.call("masks", given.layer)


MASKS = Command(name="masks", summary="which units of a layer are kept and cut, with the weights under them",
                example="%prune masks {layer}", options=options, call=call)
