"""A copy of a model that holds other tensors in the place of some of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import paddle

from prunelab.graph.model_copy import copy_of


def copy_with(model: Any, tensors: Iterable[tuple[Any, Any]]) -> Any:
    """A deep copy of ``model``, on its own place, with the second of each pair of tensors where the model has the
    first."""
    # what a copy finds here it takes as the copy of that tensor, so every list and tie that holds one follows
    given = {id(original): _copy_of(original, tensor) for original, tensor in tensors}
    copies = dict(given)
    made = copy_of(model, copies)
    made.clear_gradients(set_to_zero=False)
    for original in (*model.parameters(), *model.buffers()):
        mine = None if id(original) in given else copies.get(id(original))
        if mine is not None and original._is_initialized() and not mine.place._equals(original.place):
            # Paddle copies to the default place; a model stays where it lives
            there = original.detach().clone()  # held until it is shared
            mine.get_tensor()._share_data_with(there.get_tensor())
    return made


def _copy_of(original: Any, tensor: Any) -> Any:
    """``tensor`` in the place of a copy of ``original``, as Paddle's own copies are: named after it, with its options.
    """
    if not isinstance(original, paddle.base.framework.EagerParamBase):
        tensor.stop_gradient = original.stop_gradient
        return tensor
    options = {name: option if option is None or isinstance(option, bool) else copy.deepcopy(option)
               for name, option in vars(original).items()}
    name = original.name + paddle.utils.unique_name.generate("_deepcopy")
    return paddle.base.framework.EagerParamBase.from_tensor(tensor, **options, name=name, trainable=original.trainable)
