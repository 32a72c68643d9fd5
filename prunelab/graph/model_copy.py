"""`copy_of`: a deep copy of a model, wherever it lives."""

from __future__ import annotations

import copy
from typing import Any

from paddle.base import core


def copy_of(model: Any, copies: dict[int, Any] | None = None) -> Any:
    """A deep copy of ``model``; ``copies`` holds what stands for an object of the model, by its ``id``, and is filled
    with all that was copied.

    Paddle's recurrent layers keep an empty tensor for dropout, which Paddle cannot copy on every device; the copy gets
    an empty one of its own.
    """
    memo = {} if copies is None else copies
    for tensor in (*model.buffers(), *model.parameters()):
        if not tensor._is_initialized():
            memo.setdefault(id(tensor), _empty_as(tensor))
    return copy.deepcopy(model, memo)


def _empty_as(tensor: Any) -> Any:
    return core.eager.Tensor(tensor.dtype, [], f"{tensor.name}_copy", core.VarDesc.VarType.DENSE_TENSOR,
                             tensor.persistable)
