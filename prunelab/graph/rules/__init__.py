"""The operators prunelab knows: one table from an operator's name to its rule, a file a family.

An operator that is not in the table freezes what it touches, and its groups say so. To add one, write its rule in the
file of its family and name it in that file's `RULES`.
"""

from __future__ import annotations

from prunelab.graph.rules import (
    constants,
    convolution,
    elementwise,
    embedding,
    indexing,
    matmul,
    normalization,
    pooling,
    recurrent,
    reduction,
    shape,
)
from prunelab.graph.solver import Rule

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
}

__all__ = ["RULES"]
