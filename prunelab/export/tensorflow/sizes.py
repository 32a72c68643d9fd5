"""Sizes of tensors, numbers where they are known and scalars where they are free, as TensorFlow takes them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def size_of(x: Any, axis: int) -> Any:
    """How long a tensor is along an axis."""
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def sizes(numbers: Any) -> Any:
    """The shape that a list of sizes spells."""
    if isinstance(numbers, tf.Tensor):
        return numbers
    if not any(isinstance(n, tf.Tensor) for n in numbers):
        return list(numbers)
    return tf.stack([tf.cast(tf.reshape(n, []), tf.int32) if isinstance(n, tf.Tensor) else n for n in numbers])
