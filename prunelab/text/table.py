"""The vocabulary of a model: its group, and where its ids come in and its scores go out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prunelab.errors import DataError, OptionError, unknown_name
from prunelab.evaluate.batches import batches
from prunelab.evaluate.samples import first_sample
from prunelab.graph import Graph, Group, as_layer, trace
from prunelab.graph.dims import find
from prunelab.graph.program import Ref, flatten


@dataclass(frozen=True)
class Table:
    """One vocabulary of a model. ``graph`` is the one where it is free."""

    graph: Graph
    group: Group

    @property
    def n_words(self) -> int:
        """How many words it has."""
        return self.group.units

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Which of the model's inputs are its ids."""
        counted = self.graph.structure.solution.counted
        return tuple(k for k, value in enumerate(self.graph.program.inputs)
                     if value in counted and find(counted[value]) is self._atom)

    @property
    def names(self) -> frozenset[str]:
        """What its ids are called in a batch that is a dict; of a list of tensors, what the list is called."""
        paths = [(s.path or (s.name,)) for s in (self.graph.input_specs[k] for k in self.inputs)]
        return frozenset([key for key in path if isinstance(key, str)][-1] for path in paths)

    @cached_property
    def scores_words(self) -> bool:
        """Whether the model's first output is a score for each word, so that labels are words too."""
        first = next((o for o in flatten(self.graph.program.outputs) if isinstance(o, Ref)), None)
        dims: Any = () if first is None else self.graph.structure.solution.dims[first.value]
        return bool(dims) and not isinstance(dims[-1], list) and find(dims[-1]) is self._atom

    @property
    def lookups(self) -> list[tuple[int, int]]:
        """The values of the ids and of what is looked up, for each operator that does."""
        tables = {m.parameter for m in self.group.members if m.role == "vocabulary"}
        held = {p.value for p in self.graph.program.parameters if p.name in tables}
        return [(op.operand("x"), op.outputs[0]) for op in self.graph.program.ops  # type: ignore[misc]
                if op.name == "embedding" and op.operand("weight") in held]

    @property
    def _atom(self) -> Any:
        return find(self.graph.structure.atoms[self.group.name])


def table_of(model: Any, data: Any = None, *, inputs: Any = None, table: str | None = None) -> Table:
    """The vocabulary of a model, or the one called ``table`` of several.

    Args:
        model: a `Graph`, or a model, which is traced with ``inputs`` or with the first sample of ``data``.

    Raises:
        OptionError: a model without a vocabulary that can shrink (with the reasons), with several, or nothing to trace
            it with.
        UnknownNameError: no vocabulary of that name.
    """
    graph = (model if isinstance(model, Graph) else trace(model, _example(model, data, inputs))).opened("vocabulary")
    groups = graph.at("vocabulary")
    free = [g for g in groups if g.prunable]
    if not free:
        why = "; ".join(f"{g.name} is frozen by {g.reason}" for g in groups) or "no table that its inputs index"
        raise OptionError(f"{graph.program.model} has no vocabulary that can shrink: {why}")
    if table is None and len(free) > 1:
        raise OptionError(f"{graph.program.model} has {len(free)} vocabularies; say which with table=: "
                          f"{', '.join(g.name for g in free)}")
    found = [g for g in free if table in (None, g.name, *g.layers)]
    if not found:
        raise unknown_name("vocabulary", table, [g.name for g in free], place=graph.program.model)
    return Table(graph, found[0])


def _example(model: Any, data: Any, inputs: Any) -> Any:
    if inputs is not None:
        return inputs
    if data is None:
        raise OptionError("the model is not traced yet; give inputs=, such as [paddle.zeros([1, 48], 'int64')], or a "
                          "graph of pl.trace in the model's place")
    for found, _ in batches(data, as_layer(model)):
        return first_sample(found)
    raise DataError("the data has no batches; give at least one")
