"""`%prune sensitivity`: what each layer bears."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import CRITERION, LAYER, METRIC, POINTS, RATIOS
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Of which layers, at which ratios, in which metric, how exactly."""
    parser.option("layer", nargs="*", kind=LAYER, help="layers or groups (all)")
    parser.option("--ratios", kind=RATIOS, help="fractions removed, with commas, or from:to:step (0.1:0.9:0.1)")
    parser.option("--metric", kind=METRIC, help="what is measured (the Lab's first metric)")
    parser.option("--criterion", kind=CRITERION, help="what makes a unit worth keeping (the Lab's)")
    parser.option("--confidence", kind=POINTS, help="as few samples as tell a change within so many points (all)")


def call(given: Given, session: Session) -> Call:
    """``lab.sensitivity(*layers, ratios=..., metric=..., confidence=...)``."""
    return session.call("sensitivity", *given.layer, ratios=given.ratios, metric=given.metric,
                        criterion=given.criterion, confidence=given.confidence)


SENSITIVITY = Command(name="sensitivity", summary="what a cut of each layer alone would cost, as curves and a heat map",
                      example="%prune sensitivity --ratios 0.1:0.9:0.2", options=options, call=call)
