"""A group's slices of arrays that are shaped like parameters: one row a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from prunelab.criteria.base import Array

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group


def unit_rows(graph: Graph, group: Group, array_of: Callable[[str], Array | None],
              roles: tuple[str, ...] = ("out",)) -> dict[str, Array]:
    """For each member with one of ``roles`` of whose parameter there is an array: (units, n) by member, float64."""
    from prunelab.graph.widths import unit_of  # its room loads Paddle, which naming criteria shall not

    atom = graph.structure.atoms.get(group.name)
    out: dict[str, Array] = {}
    for member in group.members:
        array = array_of(member.parameter) if member.role in roles and atom is not None else None
        if array is None or atom is None:
            continue
        rows = np.moveaxis(array, member.axis, 0)
        unit = unit_of(graph.structure.dims(member.parameter)[member.axis], atom)
        order = np.argsort(unit, kind="stable")
        order = order[unit[order] >= 0]
        out[str(member)] = rows.reshape(len(rows), -1)[order].reshape(group.units, -1).astype(np.float64)
    return out


def gradient_rows(graph: Graph, group: Group, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The rows of all members; zero where the loss does not depend on a parameter."""
    def array_of(parameter: str) -> Array | None:
        known = arrays.get(parameter)
        return np.zeros(graph.structure.parameters[parameter].shape) if known is None else known

    return unit_rows(graph, group, array_of, ("out", "in", "elementwise", "vocabulary"))
