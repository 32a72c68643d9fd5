"""Attention heads as pictures: a row a head, a column a projection, in each tile the head's own weights of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.graph import Graph, Group

Array = np.ndarray[Any, Any]


def projections_of(graph: Graph, group: Group) -> list[str]:
    """The last words of the names of a head's projections (``q_proj``); none where a group is of something else, or
    its projections are of several shapes, as with grouped queries."""
    shapes = {graph.structure.parameters[member.parameter].shape for member in group.makers}
    if group.granularity != "head" or len(shapes) != 1 or len(next(iter(shapes))) != 2:
        return []
    return [member.parameter.split(".")[-2] if "." in member.parameter else member.parameter for member in group.makers]


def pictures(weights: Array, graph: Graph, group: Group, most: int) -> tuple[Array, tuple[int, int]]:
    """Tiles of (positions of the head, inputs), ``(heads, projections, height * width)``, and their height and width:
    as many numbers as there are, or the means of small squares of them, so that there are no more than ``most``."""
    member = group.makers[0]
    shape = graph.structure.parameters[member.parameter].shape
    tall = shape[member.axis] // group.units
    tiles = weights.reshape(group.units, len(group.makers), tall, -1)
    every = 1
    while tiles.size / every**2 > most:
        every += 1
    tiles = _pooled(_pooled(tiles, every, 2), every, 3)
    return tiles.reshape(*tiles.shape[:2], -1), tiles.shape[2:]


def _pooled(values: Array, every: int, axis: int) -> Array:
    """The means of every so many along an axis."""
    if every == 1:
        return values
    starts = np.arange(0, values.shape[axis], every)
    n = np.diff([*starts, values.shape[axis]]).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    return np.add.reduceat(values, starts, axis=axis) / n
