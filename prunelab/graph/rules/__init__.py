"""The operators prunelab knows: one table from an operator's name to its rule, a file a family.

An operator that is not in the table freezes what it touches, and its groups say so. To add one here, write its rule in
the file of its family and name it in that file's `RULES`; from outside, call `register`.
"""

from __future__ import annotations

from prunelab.errors import OptionError
from prunelab.graph.rules import (
    constants,
    convolution,
    elementwise,
    embedding,
    frozen,
    indexing,
    matmul,
    normalization,
    pooling,
    recurrent,
    reduction,
    shape,
    statistics,
    writing,
)
from prunelab.graph.solver import Rule, Step, Widths

RULES: dict[str, Rule] = {
    **convolution.RULES,
    **matmul.RULES,
    **elementwise.RULES,
    **normalization.RULES,
    **pooling.RULES,
    **constants.RULES,
    **shape.RULES,
    **indexing.RULES,
    **reduction.RULES,
    **embedding.RULES,
    **recurrent.RULES,
    **statistics.RULES,
    **writing.RULES,
    **frozen.RULES,
}


def register(operator: str, rule: Rule, *, replace: bool = False) -> None:
    """Teach prunelab an operator: graphs that are traced from now on follow the rule.

    Args:
        operator: its name in Paddle's program, without the dialect (``"conv2d"``), as `Graph.program` shows it.
        rule: what it does to dims; see `prunelab.graph.solver.Rule`. `prunelab.testing.check_operator` tries it.
        replace: take the place of a rule that is there.

    Raises:
        OptionError: a rule is there already, or ``rule`` is none.
    """
    if not isinstance(rule, Rule):
        raise OptionError(f"the rule of {operator} is {rule!r}; give a prunelab.graph.rules.Rule")
    if operator in RULES and not replace:
        raise OptionError(f"{operator} has a rule already; pass replace=True to put yours in its place")
    RULES[operator] = rule


__all__ = ["RULES", "Rule", "Step", "Widths", "register"]
