"""The weights that make each unit of a group, as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.graph.arrays import as_array
from prunelab.graph.dims import find
from prunelab.graph.groups import Group
from prunelab.graph.removals import OPENED
from prunelab.graph.sparse import Pattern, layout_of, rows
from prunelab.graph.widths import unit_of

if TYPE_CHECKING:
    from prunelab.graph.graph import Graph

Read = Callable[[str], np.ndarray[Any, Any] | None]


def slices(graph: Graph, g: Group, roles: Sequence[str], array_of: Read | None) -> dict[str, np.ndarray[Any, Any]]:
    """For each member with one of ``roles``: (units, n), the slices of each unit in a row; see `Graph.slices`."""
    structure = graph.structure
    read = array_of or (lambda parameter: as_array(graph.tensor(parameter)))
    pattern = Pattern.parse(g.granularity)
    if pattern is not None:
        parameter = g.members[0].parameter
        weight = read(parameter) if "out" in roles else None
        return {} if weight is None else {
            parameter: rows(pattern, layout_of(g.members, graph.tensor_shape(parameter)), weight)}
    if g.granularity == "layer":
        return {g.name: _silencing_weights(graph, read)} if "out" in roles else {}
    if g.granularity in OPENED and g.granularity not in structure.solution.opened:
        return slices(graph.opened(g.granularity), g, roles, array_of)
    atom = structure.atoms.get(g.name)
    out: dict[str, np.ndarray[Any, Any]] = {}
    if g.granularity == "expert" and "out" in roles and (own := structure.own_parameters(g)):
        return {g.name: _padded([[a for p in one if (a := read(p)) is not None] for one in own])}
    for member in g.members:
        if member.role not in roles or atom is None:
            continue
        array = read(member.parameter)
        if array is None:
            continue
        weight = np.moveaxis(array, member.axis, 0)
        axis = find(structure.dims(member.parameter)[member.axis])
        flat = weight.reshape(len(weight), -1)
        if axis is not find(atom):  # else each unit is one row, in its place
            unit = unit_of(axis, atom)
            order = np.argsort(unit, kind="stable")
            flat = flat[order[unit[order] >= 0]]
        out[str(member)] = flat.reshape(g.units, -1)
    return out


def _silencing_weights(graph: Graph, read: Read) -> np.ndarray[Any, Any]:
    """For each block what lets it be heard, over its number, so that a wide block is not louder: (blocks, n).

    The shorter are filled up with zeros.
    """
    names = {p.value: p.name for p in graph.program.parameters}
    return _padded([[array for v in block.silences if (array := read(names[v])) is not None]
                    for block in graph.structure.blocks])


def _padded(arrays: Sequence[Sequence[np.ndarray[Any, Any]]]) -> np.ndarray[Any, Any]:
    """A row for each unit: all that its arrays hold over their number, so that a large one is not louder; the shorter
    are filled up with zeros."""
    found = [np.concatenate([a.ravel() for a in one]) for one in arrays]
    out = np.zeros((len(found), max(map(len, found))), found[0].dtype)
    for row, weights in zip(out, found, strict=True):
        row[: len(weights)] = weights / len(weights)
    return out
