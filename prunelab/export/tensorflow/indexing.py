"""What is read from, or written into, some places of a tensor, as TensorFlow's functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from prunelab.export.translate import CannotSay

Entry = Any


def _set_value(x: Any, value: Any, starts: Any, ends: Any, steps: Any, axes: Sequence[int],
               decrease_axes: Sequence[int], none_axes: Sequence[int]) -> Any:
    """The value spread to the tensor's own size, and chosen where the region is: nothing is written in place."""
    if none_axes:
        raise CannotSay("a value written through a new axis")
    rank = x.shape.rank
    value = tf.cast(value, x.dtype)
    for axis in sorted(decrease_axes):
        value = tf.expand_dims(value, axis - rank) if value.shape.rank else value
    inside = tf.ones([1] * rank, tf.bool)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        n = x.shape[axis]
        if n is None or any(isinstance(s, tf.Tensor) for s in (start, end, step)):
            raise CannotSay("a value written to a region of a free size")
        places = np.arange(n)[slice(start, end if step > 0 or end >= 0 else None, step)]
        from_there = np.zeros(n, np.int32)
        from_there[places] = np.arange(len(places))
        own = axis - rank
        if value.shape.rank >= -own and value.shape[own] != 1:
            value = tf.gather(value, from_there, axis=own)
        at = [n if k == axis else 1 for k in range(rank)]
        inside = tf.logical_and(inside, tf.reshape(tf.constant(np.isin(np.arange(n), places)), at))
    return tf.where(inside, value, x)


def _set_numbers(x: Any, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any, none_axes: Any, shape: Any,
                 values: Any) -> Any:
    numbers = tf.reshape(tf.constant(values, x.dtype), list(shape))
    return _set_value(x, numbers, starts, ends, steps, axes, decrease_axes, none_axes)


def _set_tensor(x: Any, values: Any, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any,
                none_axes: Any) -> Any:
    return _set_value(x, values, starts, ends, steps, axes, decrease_axes, none_axes)


def _diagonal(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    rank = x.shape.rank
    last = [axis1 % rank, axis2 % rank]
    return tf.linalg.diag_part(tf.transpose(x, [*(a for a in range(rank) if a not in last), *last]), k=offset)


def _diag_embed(input: Any, offset: int, dim1: int, dim2: int) -> Any:
    rank = input.shape.rank + 1
    if (dim1 % rank, dim2 % rank) != (rank - 2, rank - 1):
        raise CannotSay("diagonals of matrices that do not stand in the last two axes")
    return tf.linalg.diag(input, k=offset)


TABLE: dict[str, Entry] = {
    "diag_embed": _diag_embed,
    "diagonal": _diagonal,
    "set_value": _set_numbers,
    "set_value_with_tensor": _set_tensor,
    "trace": lambda x, offset, axis1, axis2: tf.reduce_sum(_diagonal(x, offset, axis1, axis2), -1),
}
