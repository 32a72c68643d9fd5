"""What an optimizer has gathered, as a part of a state: arrays beside the model's tensors, under names of their own.

``optimizer:Adam:moment1:conv1.weight`` is a moment of a parameter, ``optimizer:Adam:scheduler:last_epoch`` where the
scheduler is that came with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.graph import as_layer
from prunelab.train import OptimizerState

Array = np.ndarray[Any, Any]
_PREFIX = "optimizer:"
_SCHEDULER = "scheduler"


def is_gathered(name: str) -> bool:
    """Whether a tensor of a state is an optimizer's; no layer's name has a colon before its first dot."""
    return name.startswith(_PREFIX)


def to_arrays(state: OptimizerState, optimizer: Any) -> dict[str, Array]:
    """What ``optimizer`` has gathered, by name; bfloat16, which NumPy has not, as uint16."""
    found = {f"{_PREFIX}{state.kind}:{what}:{parameter}": np.array(tensor.detach().numpy())
             for parameter, own in state.tensors.items() for what, tensor in own.items()}
    told = _scheduler(optimizer)
    position = {} if told is None else told.state_dict()
    found.update({f"{_PREFIX}{state.kind}:{_SCHEDULER}:{key}": np.array(value, np.float64)
                  for key, value in position.items() if isinstance(value, (int, float))})
    return found


def to_state(arrays: Mapping[str, Array], kind: str, model: Any) -> OptimizerState | None:
    """The same for `finetune`, on the place of the parameters; None where nothing was gathered by such an optimizer."""
    parameters = dict(as_layer(model).named_parameters())
    tensors: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        _, of, what, parameter = name.split(":", 3)
        if of == kind and what != _SCHEDULER and parameter in parameters:
            dtype = "bfloat16" if array.dtype == np.uint16 else str(array.dtype)
            place = parameters[parameter].place
            tensors.setdefault(parameter, {})[what] = paddle.to_tensor(array, dtype=dtype, place=place)
    return OptimizerState(kind, tensors) if tensors else None


def going_on(make: Callable[[Any], Any], arrays: Mapping[str, Array], made: list[Any]) -> Callable[[Any], Any]:
    """``make``, whose optimizer's scheduler goes on where it was; the optimizer is appended to ``made``."""
    def make_and_put(parameters: Any) -> Any:
        optimizer = make(parameters)
        scheduler, start = _scheduler(optimizer), f"{_PREFIX}{type(optimizer).__name__}:{_SCHEDULER}:"
        position = {name.removeprefix(start): array.item() for name, array in arrays.items() if name.startswith(start)}
        if scheduler is not None and position:
            now = scheduler.state_dict()
            scheduler.set_state_dict({key: int(value) if isinstance(now.get(key), int) else value
                                      for key, value in position.items()})
        made.append(optimizer)
        return optimizer

    return make_and_put


def _scheduler(optimizer: Any) -> Any:
    own = getattr(optimizer, "_learning_rate", None)
    return own if isinstance(own, paddle.optimizer.lr.LRScheduler) else None
