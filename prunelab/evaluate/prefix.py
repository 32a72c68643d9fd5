"""Where a change begins: the operator that first sees it, and the values that cross over to it.

What stands before is computed once, and what follows goes on from there (`Graph.run(given=...)`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


class Prefixes:
    """What stands before a place in the network, for each batch, moved on as the place moves towards the end.

    So many groups in network order cost one forward together. Values beyond ``budget_bytes`` are not kept but computed
    again when they are asked for.

    Args:
        batches: the inputs of each batch.
        base: tensors by value id in the place of the graph's own, such as masked parameters.
    """

    def __init__(self, graph: Graph, batches: Sequence[tuple[Any, ...]], base: Mapping[int, Any],
                 budget_bytes: int) -> None:
        self._graph, self._batches, self._base, self._budget = graph, batches, base, budget_bytes
        self._kept: dict[int, tuple[int, dict[int, Any], int]] = {}

    def at(self, number: int, place: int) -> dict[int, Any]:
        """The values of a batch that cross over to operator ``place``."""
        start, values, _ = self._kept.get(number, (0, {}, 0))
        if start > place:
            start, values = 0, {}
        if start < place or not values:
            wanted = list(crossing(self._graph.program, place))
            found = self._graph.run(*self._batches[number], until=wanted, given={**self._base, **values})
            values = dict(zip(wanted, found, strict=True))
            self._keep(number, place, values)
        return values

    def _keep(self, number: int, place: int, values: dict[int, Any]) -> None:
        self._kept.pop(number, None)
        size = sum(math.prod(v.shape) * int(v.element_size()) for v in values.values())
        if size + sum(kept for _, _, kept in self._kept.values()) <= self._budget:
            self._kept[number] = (place, values, size)
