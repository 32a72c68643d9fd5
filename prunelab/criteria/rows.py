"""A group's slices of arrays that are shaped like parameters: one row a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prunelab.criteria.base import Array

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group


def unit_rows(graph: Graph, group: Group, array_of: Callable[[str], Array | None],
              roles: tuple[str, ...] = ("out", "vocabulary")) -> dict[str, Array]:
    """For each member with one of ``roles`` of whose parameter there is an array: (units, n) by member, as precise as
    the parameter is (half precision as float32).
    """
    return graph.slices(group, roles, array_of)


class LaterRows(Mapping[str, Array]):
    """Rows that are taken when they are first read: few criteria look at more than the weights that make a unit."""

    def __init__(self, take: Callable[[], Mapping[str, Array]]) -> None:
        self._take = take

    @cached_property
    def _rows(self) -> Mapping[str, Array]:
        return self._take()

    def __getitem__(self, member: str) -> Array:
        return self._rows[member]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


# Numbers that a core's second cache holds (1 MB of float32): what is made of them is added up before it leaves it.
_IN_CACHE = 1 << 18


def row_sums(of: np.ufunc, rows: Array) -> Array:
    """``of(rows).sum(axis=1)``, a few rows at a time: a third of the time, since nothing as large is made."""
    n, length = rows.shape
    if rows.size <= _IN_CACHE or not rows.flags.c_contiguous:
        return np.asarray(of(rows).sum(axis=1))
    some = max(1, _IN_CACHE // length)
    made, sums = np.empty((some, length), rows.dtype), np.empty(n, rows.dtype)
    for start in range(0, n, some):
        part = rows[start:start + some]
        of(part, out=made[:len(part)]).sum(axis=1, out=sums[start:start + some])
    return sums


def gradient_rows(graph: Graph, group: Group, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The rows of all members; zero where the loss does not depend on a parameter."""
    def array_of(parameter: str) -> Array | None:
        known = arrays.get(parameter)
        return np.zeros(graph.structure.parameters[parameter].shape) if known is None else known

    return unit_rows(graph, group, array_of, ("out", "in", "elementwise", "vocabulary"))
