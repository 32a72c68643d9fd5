"""Tensors as NumPy arrays, and where new ones go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops

_HALF = (paddle.float16, paddle.bfloat16)  # of which NumPy knows one, and computes with neither


def as_array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor's numbers as float NumPy array (bfloat16 as float32)."""
    detached = tensor.detach()
    if tensor.dtype in _HALF:
        detached = detached.astype("float32")
    return np.asarray(detached.numpy())


def as_view(tensor: Any) -> np.ndarray[Any, Any]:
    """As `as_array`, to look at and not to keep: on the CPU a read-only view of the tensor's own memory."""
    if not tensor.place.is_cpu_place() or tensor.dtype in _HALF or 0 in tensor.shape:
        return as_array(tensor)
    view = np.from_dlpack(tensor.detach())
    view.flags.writeable = False
    return view


def taken(tensor: Any, positions: Mapping[int, np.ndarray[Any, Any]], place: Any) -> Any:
    """The positions of some axes of a tensor on the CPU, as a new tensor: NumPy takes them several times as fast as
    Paddle does, and puts them where they are to be."""
    array = as_view(tensor)
    *first, last = positions
    for axis in first:
        array = array.take(positions[axis], axis)
    shape = [len(positions[last]) if axis == last else n for axis, n in enumerate(array.shape)]
    out = _C_ops.empty(shape, tensor.dtype, place)
    view = np.from_dlpack(out)
    if not view.flags.writeable:  # NumPy before 2.1 only looks at what is another's
        return paddle.to_tensor(array.take(positions[last], last), place=place)
    array.take(positions[last], last, out=view, mode="clip")  # all are there; NumPy would make a copy to say so
    return out


def working_place() -> Any:
    """The place that Paddle works on: where it makes the weights of a new layer, and where a program that is being
    built, whose values live nowhere yet, will run."""
    return paddle.base.framework._current_expected_place()
