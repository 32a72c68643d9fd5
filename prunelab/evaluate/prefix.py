"""Where a change begins: the operator that first sees it, and the values that cross over to it.

What stands before is computed once, and what follows goes on from there (`Graph.run(given=...)`).
"""

from __future__ import annotations

from collections.abc import Iterable

from prunelab.graph import Graph
from prunelab.graph.program import Program


def first_touched(graph: Graph, parameters: Iterable[str]) -> int:
    """The place of the first operator that reads one of these parameters; the number of operators if none does."""
    named = {p.name: p.value for p in graph.program.parameters}
    places = [op.index for name in parameters for op in graph.program.consumers.get(named[name], ())]
    return min(places, default=len(graph.program.ops))


def crossing(program: Program, place: int) -> tuple[int, ...]:
    """The values that are computed (or given) before operator ``place`` and read at or after it, or are outputs.

    With them, everything from there on can be computed.
    """
    held = {p.value for p in program.parameters}
    before = set(program.inputs)
    for op in program.ops[:place]:
        # a list stands for its parts, which are carried instead, and constants are known anyway
        before.update(op.outputs if op.name not in ("full", "full_int_array") else ())
    lists = {op.outputs[0]: op for op in program.ops[:place] if op.name == "builtin.combine"}
    read = {v for op in program.ops[place:] for v in op.inputs if v is not None} | set(program.output_values)
    out: set[int] = set()
    for value in read & before:
        parts = lists[value].inputs if value in lists else (value,)
        out.update(v for v in parts if v is not None and v in before)
    return tuple(sorted(out - held))
