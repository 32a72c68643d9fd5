"""`read_listing`: a model as a listing whose batch, and the length of whose sequences, are free.

A length is found by reading the model at three: what is linear in it follows it, and anything else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.errors import ExportError
from prunelab.export.base import at_length, length_axis
from prunelab.export.listing import Listing, Read, free_batch, listed, listing, read, read_graph
from prunelab.export.sizes import LENGTH, Size, along_length
from prunelab.graph import TensorSpec, as_layer
from prunelab.graph.nests import is_nested
from prunelab.surgery import GraphLayer, class_name
from prunelab.surgery.lengths import Lengths, LongGraphLayer

if TYPE_CHECKING:
    from prunelab.plan import Plan


def at_any_length(model: Any, lengths: Mapping[str, int], dense: Any, plan: Plan | None) -> Any:
    """The model itself, or what a graph that was traced at one length computes at others, read of the dense model.

    Raises:
        ExportError: the dense model and the plan are missing.
    """
    layer = as_layer(model)
    if not isinstance(layer, GraphLayer):
        return model
    if dense is None or plan is None:
        raise ExportError("the model is a GraphLayer, which has the length that it was traced with; for a free one "
                          "give the model that it was made from and the plan, too: dense=model, plan=plan")
    if is_nested(plan.inputs):
        raise ExportError(f"{class_name(layer)} takes {plan.inputs[0].name} in a nest or by name, and is a GraphLayer, "
                          "which has a free length only where its inputs are in a row; export it without lengths=")
    return LongGraphLayer(layer, Lengths(as_layer(dense), plan, lengths))


def read_listing(model: Any, specs: tuple[TensorSpec, ...]) -> Listing:
    """The listing of ``model`` with the axes of ``specs`` free, and no others.

    A free length is found by three readings at three lengths, whose numbers then are linear in it.

    Raises:
        ExportError: a batch or a length that is to be free, and is not.
        TraceError: a forward that cannot be read.
    """
    long = [s for s in specs if length_axis(s) is not None]
    if not long:
        return listing(read_graph(model, specs))
    axis = length_axis(long[0])
    given = long[0].shape[axis if axis is not None else 0]
    lengths = (given, given + 1, given + 3)
    if isinstance(model, LongGraphLayer):
        model.lengths.prepare(lengths)
    # the given one last: a plan is carried out on the graph that a model was read to last
    graphs = [read_graph(model, at_length(specs, n)) for n in lengths[::-1]][::-1]
    merged = merge([read(g) for g in graphs], lengths)
    places = [(v, length_axis(s)) for v, s in zip(graphs[0].program.inputs, specs, strict=True)]
    where = next((v, a) for v, a in places if a is not None)
    return replace(listed(merged, {**free_batch(graphs[0]), LENGTH: where}), at={LENGTH: lengths[-1]})


def merge(several: Sequence[Read], lengths: tuple[int, int, int]) -> Read:
    """Three readings as one, whose numbers follow the length.

    Raises:
        ExportError: readings that differ in more than numbers, or in numbers that are not linear in the length.
    """
    first = several[0]
    shapes = [[(s.name, s.outputs, s.refs) for s in read.statements] for read in several]
    if shapes[0] != shapes[1] or shapes[0] != shapes[2]:
        raise ExportError(f"{first.graph.program.model.rpartition('.')[2]} computes otherwise at another length; "
                          "leave lengths out, and export it for one")

    def together(values: tuple[Any, ...], what: str) -> Any:
        a = values[0]
        if isinstance(a, dict):
            return {key: together(tuple(v[key] for v in values), what) for key in a}
        if isinstance(a, (list, tuple)) and len({len(v) for v in values}) == 1:
            return type(a)(together(tuple(v[k] for v in values), what) for k in range(len(a)))
        if isinstance(a, np.ndarray) and all(v.size == 1 and float(v.reshape(())).is_integer() for v in values):
            one = together(tuple(int(v.reshape(())) for v in values), what)
            return replace(one, dtype=str(a.dtype)) if isinstance(one, Size) else a
        same = all(np.array_equal(a, v) if isinstance(a, np.ndarray) else a == v for v in values[1:])
        found = a if same else None
        if not same and all(isinstance(v, (int, Size)) and not isinstance(v, bool) for v in values):
            found = along_length(lengths, values)
        if found is None and not (same and a is None):
            raise ExportError(f"{what} does not follow the length; leave lengths out, and export it for one length")
        return found

    statements = [replace(s, arguments=together(tuple(dict(r.statements[k].arguments) for r in several),
                                                f"the operator {s.name}{s.line}"))
                  for k, s in enumerate(first.statements)]
    variables = {v: replace(x, shape=together(tuple(r.variables[v].shape for r in several), f"the shape of {x.name}"))
                 for v, x in first.variables.items()}
    return Read(first.graph, statements, variables)
