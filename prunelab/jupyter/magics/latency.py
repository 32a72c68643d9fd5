"""`%prune latency`: how fast the model is on this machine, and would be under any plan."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import SAMPLES
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Of how many samples at once."""
    parser.option("--batch", kind=SAMPLES, help="samples in one forward (1)")


def call(given: Given, session: Session) -> Call:
    """``lab.latency(batch=...)``."""
    return session.call("latency", batch=given.batch)


LATENCY = Command(name="latency", summary="how fast the model is on this machine, and would be under any plan",
                  example="%prune latency --batch 1", options=options, call=call)
