"""Tensors as NumPy arrays, and where new ones go."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle


def as_array(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor's numbers as float NumPy array (bfloat16 as float32)."""
    detached = tensor.detach()
    if str(tensor.dtype).endswith(("bfloat16", "float16")):
        detached = detached.astype("float32")
    return np.asarray(detached.numpy())


def as_view(tensor: Any) -> np.ndarray[Any, Any]:
    """As `as_array`, to look at and not to keep: on the CPU a read-only view of the tensor's own memory."""
    if not tensor.place.is_cpu_place() or str(tensor.dtype).endswith("float16") or 0 in tensor.shape:
        return as_array(tensor)
    view = np.from_dlpack(tensor.detach())
    view.flags.writeable = False
    return view


def working_place() -> Any:
    """The place that Paddle works on: where it makes the weights of a new layer, and where a program that is being
    built, whose values live nowhere yet, will run."""
    return paddle.base.framework._current_expected_place()
