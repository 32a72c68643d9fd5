"""What a cut makes of an operator that must still count the positions that are gone.

In the masked model a cut position is zero and counts: a mean divides by the dense number of positions, a layer norm
takes its statistics over them. The smaller model has fewer positions and the same numbers, so it carries the dense
count along. These functions are called by a rewritten graph in an operator's place. They are written so that, when a
smaller model is traced again, the rules see what they see: every sum is over values that are zero where cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import paddle
from paddle import _C_ops
from paddle.base.libpaddle import DataType

from prunelab.graph.arrays import working_place


def mean_of_dense(x: Any, axis: list[int], keepdim: bool, ratio: float) -> Any:
    """The mean over ``1 / ratio`` times as many positions, the others zero."""
    return _C_ops.scale(_C_ops.mean(x, axis, keepdim), ratio, 0.0, True)


def max_of_dense(x: Any, axis: list[int], keepdim: bool) -> Any:
    """The largest of more positions than are in ``x``, the others zero."""
    return _C_ops.relu(_C_ops.max(x, axis, keepdim))


def amax_of_dense(x: Any, axis: list[int], keepdim: bool) -> Any:
    """As `max_of_dense`; the gradient is shared among those that are equal."""
    return _C_ops.relu(_C_ops.amax(x, axis, keepdim))


def min_of_dense(x: Any, axis: list[int], keepdim: bool) -> Any:
    """The least of more positions than are in ``x``, the others zero."""
    return _negated(max_of_dense(_negated(x), axis, keepdim))


def amin_of_dense(x: Any, axis: list[int], keepdim: bool) -> Any:
    """As `min_of_dense`; the gradient is shared among those that are equal."""
    return _negated(amax_of_dense(_negated(x), axis, keepdim))


def _negated(x: Any) -> Any:
    return _C_ops.scale(x, -1.0, 0.0, True)


def sum_about_mean(x: Any, centred: Any, axis: list[int], keepdim: bool) -> Any:
    """The sum of ``(x - m)^2`` over all positions, of which those that are not in ``x`` are zero; m is their mean.

    It equals that of ``(x - m) * x``, to which the positions that are gone add nothing. ``centred`` is ``x - m`` or
    ``m - x``, perhaps in another shape.
    """
    x = _shaped_as(x, centred)
    return _C_ops.abs(_C_ops.sum(_C_ops.multiply(centred, x), axis, x.dtype, keepdim))


def mean_about_mean(x: Any, centred: Any, axis: list[int], keepdim: bool, ratio: float) -> Any:
    """The mean of ``(x - m)^2`` over ``1 / ratio`` times as many positions, the others zero; see `sum_about_mean`."""
    x = _shaped_as(x, centred)
    return _C_ops.abs(mean_of_dense(_C_ops.multiply(centred, x), axis, keepdim, ratio))


def sum_less_mean(x: Any, root: Any, axis: list[int], keepdim: bool) -> Any:
    """The sum, or the mean, of ``root - m`` (which ``x`` is) over all positions, of which those that are gone from
    ``root`` are zero; m is their mean. It is nothing, whatever they are."""
    return _C_ops.scale(_C_ops.mean(_shaped_as(root, x), axis, keepdim), 0.0, 0.0, True)


def _shaped_as(x: Any, other: Any) -> Any:
    shape = [int(n) for n in other.shape]
    return x if [int(n) for n in x.shape] == shape else _C_ops.reshape(x, shape)


def layer_norm_of_dense(x: Any, scale: Any, bias: Any, epsilon: float, begin_norm_axis: int, dense: int) -> Any:
    """A layer norm with the statistics of ``dense`` positions, of which those that are not in ``x`` are zero.

    The variance is ``mean((x - m) * x)``: it equals ``mean((x - m)^2)`` over all positions, and the positions that are
    gone add nothing to it. (``mean(x^2) - m^2`` would too, but loses twice as many digits where m is large.)
    """
    axes = list(range(begin_norm_axis, len(x.shape)))
    shape = [int(x.shape[a]) for a in axes]
    out = _normalised(x, axes, math.prod(shape) / dense, epsilon)
    return _scaled(out, scale, bias, None if len(shape) == 1 else shape)


def group_norm_of_dense(x: Any, scale: Any, bias: Any, epsilon: float, data_format: str, dense: int) -> Any:
    """A group norm of one group, with the statistics of ``dense`` channels; see `layer_norm_of_dense`."""
    rank = len(x.shape)
    axis = rank - 1 if data_format.endswith("C") else 1
    out = _normalised(x, list(range(1, rank)), int(x.shape[axis]) / dense, epsilon)
    return _scaled(out, scale, bias, [-1 if k == axis else 1 for k in range(1, rank)])


def _normalised(x: Any, axes: list[int], ratio: float, epsilon: float) -> Any:
    # of a slice that the forward writes over later, the gradients need what it holds now: Paddle's norms copy it too (a
    # value of a program that is being built is nobody's slice)
    if isinstance(x, paddle.Tensor):
        x = x.contiguous()
    centred = _C_ops.subtract(x, mean_of_dense(x, axes, True, ratio))
    variance = mean_of_dense(_C_ops.multiply(centred, x), axes, True, ratio)
    # rounding may leave a constant row below zero
    return _C_ops.multiply(centred, _C_ops.rsqrt(_C_ops.scale(_C_ops.relu(variance), 1.0, epsilon, True)))


def _scaled(x: Any, scale: Any, bias: Any, shape: list[int] | None) -> Any:
    for tensor, apply in ((scale, _C_ops.multiply), (bias, _C_ops.add)):
        if tensor is not None:
            x = apply(x, tensor if shape is None else _C_ops.reshape(tensor, shape))
    return x


def count_of_dense(x: Any, kept: int, dense: int) -> Any:
    """The number of positions, where ``kept`` of each ``dense`` are left in ``x``."""
    count = _C_ops.numel(x)
    divisor = _C_ops.scale(count, 0.0, kept, True)  # on the count's own place
    return _C_ops.floor_divide(_C_ops.scale(count, dense, 0.0, True), divisor)


def unbind_of_kept(x: Any, axis: int, sections: list[int]) -> list[Any]:
    """A tensor for each position that was there; an empty one, which nobody reads, where it is gone (section 0)."""
    parts = _C_ops.split(x, sections, axis)
    return [_C_ops.squeeze(part, [axis]) if n else part for part, n in zip(parts, sections, strict=True)]


def only_inside(x: Any, masks: list[tuple[int, list[float]]], outside: float) -> Any:
    """Maps in a region, of which ``masks`` say along some axes what lies inside (1); ``outside`` stands elsewhere."""
    place = _place_of(x)
    for axis, mask in masks:
        shape = [len(mask) if k == axis else 1 for k in range(len(x.shape))]
        zeros = _C_ops.full(shape, 0.0, DataType.FLOAT32, place)
        ones = _C_ops.assign_value_(_C_ops.full(shape, 0.0, DataType.FLOAT32, place), shape, DataType.FLOAT32, mask,
                                    place)
        everywhere = _C_ops.full_like(x, True, DataType.BOOL, place)
        inside = _C_ops.logical_and(_C_ops.greater_than(ones, zeros), everywhere)
        x = _C_ops.where(inside, x, _C_ops.full_like(x, outside, x.dtype, place))
    return x


def einsum_of_many(equation: str, *operands: Any) -> Any:
    """The products in the order that Paddle takes from the sizes."""
    return paddle.einsum(equation, *operands)


def silence(x: Any, penalty: list[float]) -> Any:
    """Scores along the last axis, some so low that a softmax gives them nothing."""
    place = _place_of(x)
    low = _C_ops.full([len(penalty)], 0.0, x.dtype, place)
    return _C_ops.add(x, _C_ops.assign_value_(low, [len(penalty)], x.dtype, penalty, place))


def _place_of(x: Any) -> Any:
    """Where a tensor lives; where operators are read, a value of a program lives nowhere yet."""
    return getattr(x, "place", working_place())


# name -> the function and its arguments in order, as `prunelab.graph.run` fills them
COMPOSITES: Mapping[str, tuple[Callable[..., Any], str]] = {
    "mean_of_dense": (mean_of_dense, "x axis keepdim ratio"),
    "max_of_dense": (max_of_dense, "x axis keepdim"),
    "amax_of_dense": (amax_of_dense, "x axis keepdim"),
    "min_of_dense": (min_of_dense, "x axis keepdim"),
    "amin_of_dense": (amin_of_dense, "x axis keepdim"),
    "sum_about_mean": (sum_about_mean, "x centred axis keepdim"),
    "mean_about_mean": (mean_about_mean, "x centred axis keepdim ratio"),
    "sum_less_mean": (sum_less_mean, "x root axis keepdim"),
    "layer_norm_of_dense": (layer_norm_of_dense, "x scale bias epsilon begin_norm_axis dense"),
    "group_norm_of_dense": (group_norm_of_dense, "x scale bias epsilon data_format dense"),
    "count_of_dense": (count_of_dense, "x kept dense"),
    "unbind_of_kept": (unbind_of_kept, "input axis sections"),
    "silence": (silence, "x penalty"),
    "einsum_of_many": (einsum_of_many, "equation"),
    "only_inside": (only_inside, "x masks outside"),
}

# What makes a difference on some inputs only: that a model's own forward does without is seen on no single one.
COMPARING = frozenset({"max_of_dense", "amax_of_dense", "min_of_dense", "amin_of_dense"})
