"""What an optimizer has gathered, as a part of a state: arrays beside the model's tensors, under names of their own.

``optimizer:Adam:moment1:conv1.weight`` is a moment of a parameter, ``optimizer:Adam:scheduler:last_epoch`` where the
scheduler is that came with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle.optimizer.lr import LRScheduler

from prunelab.graph import as_layer
from prunelab.train import OptimizerState
from prunelab.train.optimizers import OptimizerMaker

Array = np.ndarray[Any, Any]
_PREFIX = "optimizer:"
_SCHEDULER = "scheduler"


def is_gathered(name: str) -> bool:
    """Whether a tensor of a state is an optimizer's; no layer's name has a colon before its first dot."""
    return name.startswith(_PREFIX)


def to_arrays(state: OptimizerState, position: Mapping[str, float]) -> dict[str, Array]:
    """What an optimizer has gathered and where its scheduler is, by name; bfloat16, which NumPy has not, as uint16."""
    found = {f"{_PREFIX}{state.kind}:{what}:{parameter}": np.array(tensor.detach().numpy())
             for parameter, own in state.tensors.items() for what, tensor in own.items()}
    found.update({f"{_PREFIX}{state.kind}:{_SCHEDULER}:{key}": np.array(value, np.float64)
                  for key, value in position.items()})
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


class GoingOn:
    """A maker of optimizers whose optimizer's scheduler goes on where it was, as ``arrays`` tell."""

    def __init__(self, make: OptimizerMaker, arrays: Mapping[str, Array]) -> None:
        self._make, self._arrays = make, arrays
        self._scheduler: Any = None
        self._fresh: Mapping[str, float] = {}

    def __call__(self, parameters: Sequence[Any]) -> Any:
        """The optimizer of these parameters."""
        optimizer = self._make(parameters)
        own = getattr(optimizer, "_learning_rate", None)
        if isinstance(own, LRScheduler):
            self._scheduler, self._fresh = own, _numbers(own)
            start = f"{_PREFIX}{type(optimizer).__name__}:{_SCHEDULER}:"
            for name, array in self._arrays.items():
                if name.startswith(start):
                    _put(own, name.removeprefix(start), array.item())
        return optimizer

    def position(self) -> dict[str, float]:
        """Where the scheduler is: all its numbers that are not as they were made. Paddle's own ``state_dict`` leaves
        some out, such as the restarts of `CosineAnnealingWarmRestarts`."""
        now = {} if self._scheduler is None else _numbers(self._scheduler)
        return {name: value for name, value in now.items() if self._fresh.get(name) != value}


def _numbers(scheduler: LRScheduler) -> dict[str, float]:
    """A scheduler's numbers by name, and those of the one inside it, if there is one."""
    found: dict[str, float] = {}
    for name, value in vars(scheduler).items():
        if isinstance(value, LRScheduler):
            found.update({f"{name}.{inner}": number for inner, number in _numbers(value).items()})
        elif isinstance(value, (int, float)):
            found[name] = value
    return found


def _put(scheduler: LRScheduler, name: str, value: float) -> None:
    first, _, rest = name.partition(".")
    now = getattr(scheduler, first, None)
    if rest:
        if isinstance(now, LRScheduler):
            _put(now, rest, value)
    else:
        setattr(scheduler, first, int(value) if isinstance(now, int) else value)
