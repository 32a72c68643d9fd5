"""Granularities that leave a weight's shape as it is: single weights, n of m, kernels, tiles.

Such a group is one weight, and its units are positions or pieces of it. They are masked, never cut out: the smaller
model carries zeros. A weight is seen as (outputs, inputs, kernel); a tile is a x b of its matrix (outputs, inputs x
kernel), and n of m lie along the inputs, as sparse tensor cores want them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import OptionError
from prunelab.graph.groups import Group, Member
from prunelab.graph.program import Parameter, Program
from prunelab.graph.solver import Solution

Array = np.ndarray[Any, Any]
_TILE = (4, 4)  # what "block" means without a size: the smallest tile that block-sparse kernels are written for
_NM = (2, 4)  # what NVIDIA's sparse tensor cores take (Mishra et al. 2021, arXiv:2104.08378)


@dataclass(frozen=True)
class Pattern:
    """What a unit is: ``kind`` "element", "n:m", "kernel" or "block"; ``size`` is n and m, or a and b of a tile."""

    kind: str
    size: tuple[int, int] = (1, 1)

    @classmethod
    def parse(cls, granularity: str) -> Pattern | None:
        """The pattern that a granularity names: "element", "kernel", "block" or "block:8x1", "n:m" or "2:4".

        None for a granularity that is no pattern.

        Raises:
            OptionError: sizes that make no sense.
        """
        if granularity in ("element", "kernel"):
            return cls(granularity)
        if granularity == "n:m":
            return cls("n:m", _NM)
        if granularity == "block":
            return cls("block", _TILE)
        tile = re.fullmatch(r"block:(\d+)x(\d+)", granularity)
        of = re.fullmatch(r"(\d+):(\d+)", granularity)
        found = tile or of
        if found is None:
            return None
        a, b = int(found[1]), int(found[2])
        if tile and min(a, b) < 1:
            raise OptionError(f"granularity is '{granularity}'; a tile has at least one row and one column, as "
                              "'block:8x1'")
        if of and not 1 <= a < b:
            raise OptionError(f"granularity is '{granularity}'; n of m keeps fewer than m, and at least one: '2:4'")
        return cls("block" if tile else "n:m", (a, b))

    def __str__(self) -> str:
        if self.kind == "block":
            return f"block:{self.size[0]}x{self.size[1]}"
        return f"{self.size[0]}:{self.size[1]}" if self.kind == "n:m" else self.kind


@dataclass(frozen=True)
class Layout:
    """A weight's shape, and which of its axes makes outputs and which reads inputs."""

    shape: tuple[int, ...]
    out: int
    into: int

    @property
    def matrix(self) -> tuple[int, int, int]:
        """Outputs, inputs, kernel positions."""
        outputs, inputs = self.shape[self.out], self.shape[self.into]
        return outputs, inputs, math.prod(self.shape) // (outputs * inputs)

    def moved(self, weight: Array) -> Array:
        """The weight as (outputs, inputs, *kernel)."""
        return np.moveaxis(weight, (self.out, self.into), (0, 1))

    def back(self, moved: Array) -> Array:
        """The weight of ``moved``."""
        return np.moveaxis(moved, (0, 1), (self.out, self.into))


def n_units(pattern: Pattern, layout: Layout) -> int:
    """How many units a weight has."""
    outputs, inputs, kernel = layout.matrix
    if pattern.kind == "kernel":
        return outputs * inputs
    if pattern.kind == "block":
        a, b = pattern.size
        return -(-outputs // a) * -(-(inputs * kernel) // b)
    return math.prod(layout.shape)


def rows(pattern: Pattern, layout: Layout, weight: Array) -> Array:
    """The weights of each unit in a row: (units, n). A tile that hangs over the edge is filled up with zeros."""
    outputs, inputs, kernel = layout.matrix
    if pattern.kind == "kernel":
        return np.ascontiguousarray(layout.moved(weight)).reshape(outputs * inputs, kernel)
    if pattern.kind == "block":
        a, b = pattern.size
        matrix = layout.moved(weight).reshape(outputs, inputs * kernel)
        matrix = np.pad(matrix, ((0, -outputs % a), (0, -(inputs * kernel) % b)))
        tiles = matrix.reshape(matrix.shape[0] // a, a, matrix.shape[1] // b, b).swapaxes(1, 2)
        return tiles.reshape(-1, a * b)
    return weight.reshape(-1, 1)


def expand(pattern: Pattern, layout: Layout, units: Array) -> Array:
    """What is true of units as what is true of weights: (units,) -> the weight's shape."""
    outputs, inputs, kernel = layout.matrix
    rest = tuple(n for k, n in enumerate(layout.shape) if k not in (layout.out, layout.into))
    if pattern.kind == "kernel":
        moved = np.broadcast_to(units.reshape(outputs, inputs, 1), (outputs, inputs, kernel))
        return layout.back(moved.reshape(outputs, inputs, *rest))
    if pattern.kind == "block":
        a, b = pattern.size
        tiles = units.reshape(-(-outputs // a), -1).repeat(a, axis=0).repeat(b, axis=1)
        return layout.back(tiles[:outputs, : inputs * kernel].reshape(outputs, inputs, *rest))
    return units.reshape(layout.shape)


def units_of(group: Group, shape: tuple[int, ...]) -> Array | None:
    """The unit that each weight of a group is in: integers of the weight's shape. None where units are of a width."""
    pattern = Pattern.parse(group.granularity)
    if pattern is None:
        return None
    return expand(pattern, layout_of(group.members, shape), np.arange(group.units))


def layout_of(members: tuple[Member, ...], shape: tuple[int, ...]) -> Layout:
    """The layout that a group's members tell."""
    axes = {m.role: m.axis for m in members}
    return Layout(shape, axes["out"], axes["in"])


def sparse_groups(program: Program, solution: Solution, pattern: Pattern, taken: Container[str]) -> tuple[Group, ...]:
    """A group for each weight that the pattern fits; those it does not fit say why.

    It is named after the weight; after both where a group of units has that name already (``taken``).
    """
    found = []
    for p in program.parameters:
        axes = {role: axis for axis in range(len(p.shape)) if (role := solution.roles.get((p.value, axis)))}
        if not p.trainable or "out" not in axes or "in" not in axes:
            continue
        layout = Layout(p.shape, axes["out"], axes["in"])
        members = (Member(p.name, layout.out, "out"), Member(p.name, layout.into, "in"))
        reason = _misfit(pattern, layout)
        name = f"{p.name}:{pattern}" if p.name in taken else p.name
        found.append(Group(name, n_units(pattern, layout), str(pattern), members, not reason, reason))
    order = _places(program)
    return tuple(sorted(found, key=lambda g: order[g.members[0].parameter]))


def _misfit(pattern: Pattern, layout: Layout) -> str:
    _, inputs, kernel = layout.matrix
    if pattern.kind == "n:m" and inputs % pattern.size[1]:
        return f"its {inputs} inputs are no multiple of {pattern.size[1]}"
    if pattern.kind == "kernel" and kernel == 1:
        return "it has no kernel: an input-output pair is a single weight"
    return "it has a single unit" if n_units(pattern, layout) < 2 else ""


def _places(program: Program) -> dict[str, int]:
    """Where in the program each parameter is first read."""
    uses: dict[int, int] = {}
    for op in program.ops:
        for value in op.inputs:
            if value is not None:
                uses.setdefault(value, op.index)

    def place(p: Parameter) -> int:
        return uses.get(p.value, len(program.ops))

    return {p.name: place(p) for p in program.parameters}
