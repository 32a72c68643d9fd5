"""Values less their mean, and their squares: not zero where cut, but known there, so that sums over them can be had.

A square about the mean is not zero where x is; but all of them together are the sum of ``(x - m) * x``, which is. What
is lessened by its mean adds up to nothing. So a variance, and a variance of what was centred before (a weight that is
standardised), lose positions as a mean does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prunelab.graph.dims import Dim, leaves
from prunelab.graph.program import Op
from prunelab.graph.solver import Step

_REGROUPS = frozenset({"reshape", "reshape_", "unsqueeze", "unsqueeze_", "squeeze", "squeeze_", "flatten", "flatten_"})


class Centred(NamedTuple):
    """The values ``x`` and ``difference``, which is x less its mean, or less several in turn."""

    x: int
    difference: int


def reduced_axes(step: Step) -> set[int]:
    """The axes that a reduction takes away; all of them where none is named."""
    rank = len(step.dims())
    named = step.constant("axis") if step.constant("axis") is not None else step.attribute("dim")
    if named is None or named == [] or step.attribute("reduce_all") or step.attribute("asvector"):
        return set(range(rank))
    return {int(a) % rank for a in (named if isinstance(named, (list, tuple)) else [named])}


def positions(dims: Iterable[Dim]) -> frozenset[int]:
    """What axes are made of, whatever their order: the same for a tensor and a reshape of it."""
    return frozenset(id(leaf) for d in dims for leaf in leaves(d) if leaf.size != 1)


def centred_square(step: Step, axes: set[int]) -> Centred | None:
    """What is squared, where a sum over ``axes`` is one of squares about the mean over the same positions."""
    square = step.solution.program.producers.get(step.op.inputs[0] or -1)
    if square is None or not _is_square(step, square):
        return None
    difference = square.inputs[0]
    root = less_its_mean(step, difference, positions(step.dims()[a] for a in axes))
    return None if root is None or difference is None else Centred(root, difference)


def less_its_mean(step: Step, value: int | None, over: frozenset[int]) -> int | None:
    """The value that ``value`` is when it is lessened by its mean over the positions ``over`` (or the other way round),
    perhaps several times; None where it is no such."""
    subtract = _behind(step, value)[1]
    if not over or subtract is None or subtract.name not in ("subtract", "subtract_"):
        return None
    for x, mean in (subtract.inputs[:2], subtract.inputs[1::-1]):
        if x is not None and _is_mean_of(step, mean, x, over):
            before = less_its_mean(step, x, over)
            return x if before is None else before
    return None


def _behind(step: Step, value: int | None) -> tuple[int | None, Op | None]:
    """A value before it was regrouped, and the operator that made it."""
    makers = step.solution.program.producers
    op = None if value is None else makers.get(value)
    while op is not None and op.name in _REGROUPS:
        value = op.inputs[0]
        op = None if value is None else makers.get(value)
    return value, op


def _is_square(step: Step, op: Op) -> bool:
    if op.name in ("multiply", "multiply_"):
        return op.inputs[0] == op.inputs[1]
    exponent = op.attributes.get("y", step.solution.constants.get(op.operand("y") or -1))
    return op.name in ("square", "square_") or (op.name in ("pow", "pow_", "elementwise_pow") and exponent == 2)


def _is_mean_of(step: Step, value: int | None, x: int, over: frozenset[int]) -> bool:
    """Whether a value is the mean of ``x`` over the positions ``over``, which stand in it as axes of one."""
    solution, shapes = step.solution, step.solution.program.shapes
    dims = solution.dims[x]
    alone = tuple(1 if positions([d]) & over else n for d, n in zip(dims, shapes[x] or (), strict=True))
    if value is None or shapes[value] != alone or not over <= positions(dims):
        return False
    root, mean, taken = _behind(step, x)[0], _behind(step, value)[1], frozenset[int]()
    while mean is not None and mean.name in ("mean", "mean_all"):  # one after the other, over an axis each
        reduction = Step(solution, mean)
        read = reduction.dims()
        taken |= positions(read[a] for a in reduced_axes(reduction))
        source, mean = _behind(step, mean.inputs[0])
        if source == root:
            return taken == over
    return False
