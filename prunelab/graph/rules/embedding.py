"""Look-ups in a table: its rows are a vocabulary, its columns are units."""

from __future__ import annotations

from typing import Any

from prunelab.graph.dims import find
from prunelab.graph.solver import Rule, Step, Widths, free
from prunelab.graph.vocabulary import open_table


def _embedding(step: Step) -> None:
    ids, table = step.dims("x"), step.dims("weight")
    step.role("weight", 0, "vocabulary")
    step.role("weight", 1, "out")
    open_table(step, "x", table[0])
    # an id that is cut reads the first row, which holds something
    step.give([*ids, table[1]], step.dirty("weight") | free(ids))


def _padding(step: Step, widths: Widths) -> dict[str, Any]:
    """The word that looks up zeros has another number then, or is gone: -1."""
    word, rows = step.attribute("padding_idx", -1), find(step.dims("weight")[0])
    if word is None or word < 0 or not widths.changes(rows):
        return {}
    return {"padding_idx": int(widths.before(rows, word)) if word in widths.positions(rows) else -1}


RULES = {"embedding": Rule(_embedding, _padding, owned=frozenset({"padding_idx"}))}
