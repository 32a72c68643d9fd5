"""Vocabularies: the rows of tables that the model's inputs index, and the scores of their words.

A word that goes takes its row along, its column of a matrix that scores words, and its place among the outputs. What
the model is given are numbers of words, so the smaller model takes new ones: the kept words, in their order. A
vocabulary can therefore shrink where its ids are only looked up, or compared with words that the forward spells (a
padding's): such a word stays, and its number is rewritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunelab.graph.dims import ATOM, Dim, find, tag
from prunelab.graph.unifying import unify

if TYPE_CHECKING:
    from prunelab.graph.program import Op, Program
    from prunelab.graph.solver import Solution, Step

VOCABULARY = "vocabulary"
INDEXED = "a vocabulary, which the inputs index"
COMPARISONS = "equal not_equal less_than less_equal greater_than greater_equal".split()
# ids are still ids after these, which only move their first operand
_MOVES = frozenset(
    "cast reshape reshape_ flatten squeeze unsqueeze transpose slice strided_slice split split_with_num builtin.split "
    "unbind assign flip roll expand tile share_data_".split())
_SIZES = frozenset(("shape", "shape64", "numel"))


def open_table(step: Step, ids: str, table: Dim) -> None:
    """The rows of a table that is looked up: free where the ids come from the model's inputs and are not read as
    numbers elsewhere."""
    solution = step.solution
    if VOCABULARY not in solution.opened:
        step.fix(table, INDEXED)
        return
    source = _source(solution.program, step.value(ids))
    if source is None:
        step.fix(table, "a table whose rows are read by numbers that the model computes")
        return
    tag(table, VOCABULARY)
    if source in solution.counted:
        unify(solution.counted[source], table, "two tables that the same ids index")
        return
    solution.counted[source] = table
    reason = _note_readers(solution, source, table)
    if reason:
        step.fix(table, reason)


def _source(program: Program, value: int | None) -> int | None:
    """The input that ids come from, through what only moves them."""
    while value is not None and value not in program.inputs:
        op = program.producers.get(value)
        value = op.inputs[0] if op is not None and op.name in _MOVES else None
    return value


def _note_readers(solution: Solution, source: int, table: Dim) -> str:
    """Why something reads the ids otherwise than as words; what it spells of them is noted."""
    program, todo, seen = solution.program, [source], set[int]()
    while todo:
        value = todo.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in program.output_values:
            return "ids that the model gives back"
        for op in program.consumers.get(value, ()):
            if op.name in _MOVES and op.inputs[0] == value:
                todo += op.outputs
            elif op.name in COMPARISONS and (word := spelled_word(program, op, value, find(table).size)) is not None:
                if word[1] >= 0:
                    solution.notes[op.index, "word"] = (*word, table)
                    solution.spelled.append((table, word[1], op.line))
            elif op.name not in _SIZES and (op.name != "embedding" or op.operand("x") != value):
                return f"ids that a {op.name}{op.line} reads as numbers"
    return ""


def spelled_word(program: Program, op: Op, ids: int, n: int) -> tuple[str, int] | None:
    """The operand and the number that ids are compared with; -1 for a number that is no word. None where it is
    computed, or no whole number."""
    place = 1 - op.inputs.index(ids)
    other = op.inputs[place]
    maker = program.producers.get(other) if other is not None else None
    if maker is None or maker.name != "full" or "int" not in program.dtypes[ids]:
        return None
    number = maker.attributes["value"]
    if int(number) != number or "int" not in str(maker.attributes["dtype"]):
        return None
    return op.arguments[place], int(number) if 0 <= number < n else -1


def is_vocabulary(dim: Dim) -> bool:
    """Whether a dim is a vocabulary that nothing has fixed."""
    d = find(dim)
    return d.kind == ATOM and VOCABULARY in d.tags and not d.reason


def tie_scores(solution: Solution, dims: Any) -> None:
    """An output of a score for each word at each place of the ids: its last axis is their vocabulary.

    A matrix of its own that makes it (nothing ties it to the table) goes by the words then.
    """
    if len(dims) < 2 or any(isinstance(d, list) for d in dims):
        return
    words = find(dims[-1])
    for source, table in solution.counted.items():
        ids = solution.dims[source]
        places = len(ids) == len(dims) - 1 and all(find(a) is find(b) for a, b in zip(ids, dims, strict=False))
        if places and words.kind == ATOM and not words.reason and words.size == find(table).size:
            unify(words, table, "scores of words")
