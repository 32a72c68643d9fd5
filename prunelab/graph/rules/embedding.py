"""Look-ups in a table: its rows are a vocabulary, its columns are units."""

from __future__ import annotations

from prunelab.graph.solver import Rule, Step, free


def _embedding(step: Step) -> None:
    ids, table = step.dims("x"), step.dims("weight")
    step.role("weight", 0, "vocabulary")
    step.role("weight", 1, "out")
    step.fix(table[0], "a vocabulary, which the inputs index")
    # an id that is cut reads the first row, which holds something
    step.give([*ids, table[1]], step.dirty("weight") | free(ids))


RULES = {"embedding": Rule(_embedding)}
