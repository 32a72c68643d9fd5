"""`copy_of`: a deep copy of a model, wherever it lives."""

from __future__ import annotations

import copy
import copyreg
from collections import OrderedDict
from typing import Any

from paddle import nn
from paddle.base import core

# What a copy shares with its original: exactly these, since a subclass may hold more.
_VALUES = frozenset((bool, int, float, complex, str, bytes, type(None), type))
# How a class may say what a copy of it is.
_OWN_WAYS = ("__deepcopy__", "__reduce_ex__", "__reduce__", "__getstate__", "__setstate__", "__new__",
             "__getnewargs_ex__", "__getnewargs__")


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
    return _Copier(memo).copy(model)


class _Copier:
    """`copy.deepcopy` with a short way for what layers are made of: some thirty attributes each, nearly all of them
    numbers and empty dicts. All else goes the long way, on the same memo."""

    def __init__(self, memo: dict[int, Any]) -> None:
        self.memo = memo
        # whether what an instance holds is all that a copy needs; Paddle hangs two records of its own on each layer
        self.is_plain = {type(v): _says_no_more(type(v), object) for v in vars(nn.Layer()).values()
                         if type(v).__module__.startswith("paddle.")}

    def copy(self, value: Any) -> Any:
        kind: Any = type(value)
        key, memo = id(value), self.memo
        if kind in _VALUES:
            return value
        if key in memo:
            return memo[key]
        if kind in (OrderedDict, dict, list, set):
            made = memo[key] = kind()
            if kind is list:
                made.extend(map(self.copy, value))
            elif kind is set:
                made.update(map(self.copy, value))
            else:
                made.update((self.copy(name), part if type(part) in _VALUES else self.copy(part))
                            for name, part in value.items())
            return made
        if kind not in self.is_plain:
            self.is_plain[kind] = issubclass(kind, nn.Layer) and _says_no_more(kind, nn.Layer)
        if not self.is_plain[kind]:
            return copy.deepcopy(value, memo)
        made = memo[key] = object.__new__(kind)
        vars(made).update({name: part if type(part) in _VALUES else self.copy(part)
                           for name, part in vars(value).items()})
        return made


def _says_no_more(kind: type, base: type) -> bool:
    """Whether a class leaves to ``base`` how it is copied."""
    return kind not in copyreg.dispatch_table and all(
        getattr(kind, way, None) is getattr(base, way, None) for way in _OWN_WAYS)


def _empty_as(tensor: Any) -> Any:
    return core.eager.Tensor(tensor.dtype, [], f"{tensor.name}_copy", core.VarDesc.VarType.DENSE_TENSOR,
                             tensor.persistable)
