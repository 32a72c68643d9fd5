"""Which sizes of tensors a forward's Python looked at while it was read, and whether the batch can be in one of them.

A graph stands for any batch if the batch is in nothing but widths. Another reading with another batch tells; but a
forward that never looked at a size with the batch in it reads the same, so that reading can be saved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import paddle
from paddle.jit import dy2static

from prunelab.graph.dims import leaves
from prunelab.graph.program import Op
from prunelab.graph.solver import Solution

# (a value of Paddle's program, axis): its size was looked at
Looks = list[tuple[Any, int]]


# what Paddle gives as a shape; its older versions a plain list
_Shape: Any = getattr(paddle, "Size", list)


class _Sizes(_Shape):
    """A shape that notes which of its sizes are looked at; its length is no size."""

    def __init__(self, sizes: Iterable[int], note: Callable[[int], None] = lambda axis: None) -> None:
        super().__init__(list(sizes))
        self.note = note

    def __getitem__(self, key: Any) -> Any:
        axes = range(len(self))[key] if isinstance(key, slice) else (key % len(self) if self else 0,)
        for axis in axes:
            self.note(axis)
        return super().__getitem__(key)

    def __radd__(self, other: list[int]) -> list[int]:
        return other + list(self)  # a plain list's sum with this would read it unseen

    def __reduce__(self) -> tuple[Any, ...]:
        return _Shape, (list(self),)


def _noting_all(name: str) -> Callable[..., Any]:
    method = getattr(_Shape, name)

    def noted(self: _Sizes, *arguments: Any) -> Any:
        for axis in range(len(self)):
            self.note(axis)
        return method(self, *arguments)

    return noted


for _name in ("__iter__", "__reversed__", "__contains__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__",
              "__add__", "__mul__", "__rmul__", "__repr__", "copy", "count", "index", "pop", "numel"):
    if hasattr(_Shape, _name):
        setattr(_Sizes, _name, _noting_all(_name))


@contextlib.contextmanager
def watching() -> Iterator[Looks]:
    """Inside, the sizes that Python reads of the values of a program are noted in what this gives."""
    value = paddle.pir.Value
    shape, rewritten = value.shape, dy2static.Shape
    looks: Looks = []

    def watched(self: Any) -> _Sizes:
        return _Sizes(shape.fget(self), lambda axis: looks.append((self, axis)))

    def shape_of(x: Any) -> Any:  # what Paddle's rewriting makes of x.shape: there it reads all sizes
        return watched(x) if isinstance(x, value) and min(shape.fget(x), default=0) >= 0 else rewritten(x)

    value.shape, dy2static.Shape = property(watched, shape.fset), shape_of
    try:
        yield looks
    finally:
        value.shape, dy2static.Shape = shape, rewritten


def can_be_batch(solution: Solution, looks: frozenset[tuple[int, int]]) -> bool:
    """Whether a size that Python looked at may have the batch in it."""
    if not looks:
        return False
    free = _free_of_batch(solution)
    for value, axis in looks:
        dims = solution.dims.get(value)
        if dims is None or axis >= len(dims) or isinstance(dims[axis], list):
            return True
        if not all(id(leaf) in free for leaf in leaves(dims[axis])):
            return True
    return False


def _free_of_batch(solution: Solution) -> set[int]:
    """The atoms that are no batch: the axes of parameters, the inputs' others, and what an operator makes of them (the
    height of a map) where it hands the batch on as it is."""
    free = {id(leaf) for p in solution.program.parameters for d in solution.dims[p.value] for leaf in leaves(d)}
    for value in solution.program.inputs:
        free.update(id(leaf) for d in solution.dims[value] for leaf in leaves(d))
    batch = set() if solution.batch is None else {id(leaf) for leaf in leaves(solution.batch)}
    free -= batch
    not_free = set(batch)
    for op in solution.program.ops:
        made = [_axes(solution, value) for value in op.outputs]
        new = {leaf for axes in made for axis in axes for leaf in axis} - free - not_free
        if new:
            (free if _hands_on(solution, op, made, batch, not_free) else not_free).update(new)
    return free


def _hands_on(solution: Solution, op: Op, made: list[list[set[int]]], batch: set[int], not_free: set[int]) -> bool:
    """Whether the batch, where an operand has it, is one whole axis of it, and one of the first result's."""
    operands = [_axes(solution, value) for value in op.inputs if value is not None]
    with_batch = [found for axes in operands if (found := [axis for axis in axes if axis & not_free])]
    if not with_batch:
        return True
    return all(found == [batch] for found in with_batch) and batch in made[0]


def _axes(solution: Solution, value: int) -> list[set[int]]:
    """The atoms of each axis of a value, of each tensor of a list."""
    dims = solution.dims.get(value, [])
    flat = [d for part in dims for d in (part if isinstance(part, list) else [part])]
    return [{id(leaf) for leaf in leaves(d)} for d in flat]
