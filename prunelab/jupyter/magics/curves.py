"""`%prune curves`: metrics and cost over the states."""

from __future__ import annotations

from collections.abc import Iterable

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.values import Word


def _known(session: Session) -> Iterable[str]:
    measured = (name for state in session.lab().value.path() for name in state.metrics)
    return list(dict.fromkeys([*measured, "params", "macs", "sparsity"]))


def options(parser: Parser) -> None:
    """Of what."""
    parser.option("metric", nargs="*", kind=Word("metric", _known), help="a metric, params, macs or sparsity (all)")


def call(given: Given, session: Session) -> Call:
    """``lab.curves(*metrics)``."""
    return session.call("curves", *given.metric)


CURVES = Command(name="curves", summary="metrics and cost from the dense model to the current state, as small charts",
                 example="%prune curves params", options=options, call=call)
