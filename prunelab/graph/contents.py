"""What containers and plain objects hold that hang on a layer: lists, dicts, a cache of a class of one's own."""

from __future__ import annotations

from collections import UserDict, deque
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import paddle

_CONTAINERS = (dict, list, set, deque, UserDict)
# What is looked into no further: tensors, layers and code.
_WHOLE = (paddle.Tensor, paddle.pir.Value, paddle.nn.Layer, type, ModuleType, FunctionType, MethodType,
          BuiltinFunctionType)
_LIBRARIES = ("paddle", "numpy", "builtins", "prunelab", "logging", "threading", "functools", "inspect", "enum")
_DEEPEST = 4


@dataclass(frozen=True)
class Content:
    """One container, or one object's attributes, and what was in it."""

    now: Any
    before: Any

    @property
    def changed(self) -> bool:
        """Whether it holds something else, or the same in another order."""
        now, before = self.now, self.before
        if len(now) != len(before):
            return True
        if isinstance(before, dict):
            return any(key not in before or now[key] is not before[key] for key in now)
        if isinstance(now, set):
            return bool(now != before)
        return any(a is not b for a, b in zip(now, before, strict=True))

    def restore(self) -> None:
        """Put back what was in it."""
        if self.changed:
            self.now.clear()
            self.now.extend(self.before) if isinstance(self.now, (list, deque)) else self.now.update(self.before)


def contents_in(value: Any, known: set[int], depth: int = 0) -> list[Content]:
    """What a value holds, and what that holds; ``known`` are those that were met already, by id."""
    holder = _holder(value)
    if holder is None or depth > _DEEPEST or id(holder) in known:
        return []
    known.add(id(holder))
    if isinstance(holder, tuple):
        return [content for part in holder for content in contents_in(part, known, depth + 1)]
    kind: Any = next(kind for kind in _CONTAINERS if isinstance(holder, kind))
    before = dict(holder) if kind is UserDict else kind(holder)
    parts = before.values() if isinstance(before, dict) else before
    return [Content(holder, before), *(content for part in parts for content in contents_in(part, known, depth + 1))]


def leaves_of(value: Any) -> list[Any]:
    """All that containers and plain objects hold, to the ground."""
    found, todo, known = [], [value], set[int]()
    while todo:
        part = todo.pop()
        holder = _holder(part)
        if holder is None:
            found.append(part)
        elif id(holder) not in known:
            known.add(id(holder))
            todo += holder.values() if isinstance(holder, (dict, UserDict)) else holder
    return found


def _holder(value: Any) -> Any:
    """The container that holds what a value is made of: itself, or an object's attributes; None for anything else."""
    if isinstance(value, (*_CONTAINERS, tuple)):
        return value
    if isinstance(value, _WHOLE) or type(value).__module__.partition(".")[0] in _LIBRARIES:
        return None
    return getattr(value, "__dict__", None)
