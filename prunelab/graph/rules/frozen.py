"""Operators that see all of what they are given: their groups are frozen, each with its reason."""

from __future__ import annotations

from prunelab.graph.rules.statistics import MATRIX
from prunelab.graph.solver import Rule, Step

RANDOM = "random numbers, which another width would draw anew"
COUNTS = "a count of values over all positions"
CHOSEN = "positions that are chosen by their values"
LOSS = "a loss that knows the number of classes"
FREEZES: dict[str, str] = {
    **dict.fromkeys(("bernoulli", "poisson", "multinomial", "binomial", "standard_gamma", "exponential_",
                     "gumbel_softmax"), RANDOM),
    **dict.fromkeys(("det", "slogdet", "inverse", "cholesky", "cholesky_solve", "matrix_power", "matrix_rank", "qr",
                     "eigh", "lu", "lstsq", "solve", "triangular_solve"), MATRIX),
    **dict.fromkeys(("histogram", "bincount"), COUNTS),
    **dict.fromkeys(("masked_select", "nonzero", "unique"), CHOSEN),
    **dict.fromkeys(("cross_entropy_with_softmax", "hsigmoid_loss", "warpctc", "warprnnt", "nll_loss"), LOSS),
    **dict.fromkeys(("equal_all", "allclose", "is_empty"), "a comparison of all positions"),
    "gather_tree": "paths through beams",
}


def _freezing(reason: str) -> Rule:
    def widths(step: Step) -> None:
        step.freeze(reason)
    return Rule(widths)


RULES = {name: _freezing(reason) for name, reason in FREEZES.items()}
