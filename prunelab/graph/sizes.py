"""``paddle.shape(x)`` while a model is read: numbers that are known, and not a tensor that hides them.

A width that a forward takes from ``paddle.shape`` would reach a reshape as a computed size, of which a program says
nothing. All sizes are known while a model is read, so the forward gets them as numbers.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import paddle

_PADDLE = paddle.__path__[0]


class Sizes(list[int]):
    """The sizes of a tensor, with the arithmetic that a tensor of them has; of anything else that of a constant."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return found if not isinstance(place, slice) else Size(found[0]) if len(found) == 1 else Sizes(found)

    def astype(self, dtype: Any) -> Sizes:
        if "int" not in str(dtype):
            raise TypeError(f"sizes as {dtype}")
        return self

    cast = astype

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(paddle.Tensor, name):
            raise AttributeError(name)
        return getattr(paddle.assign(np.asarray(self, np.int32)), name)

    def __add__(self, other: Any) -> Any:
        return self._each(operator.add, other)

    def __sub__(self, other: Any) -> Any:
        return self._each(operator.sub, other)

    def __mul__(self, other: Any) -> Any:
        return self._each(operator.mul, other)

    def __floordiv__(self, other: Any) -> Any:
        return self._each(operator.floordiv, other)

    __radd__, __rmul__ = __add__, __mul__

    def _each(self, of: Callable[[int, int], int], other: Any) -> Sizes:
        others = [other] * len(self) if isinstance(other, int) else other
        if not isinstance(others, list) or len(others) != len(self) or not all(isinstance(n, int) for n in others):
            raise TypeError(f"arithmetic of sizes and {other!r}")
        return Sizes(of(n, m) for n, m in zip(self, others, strict=True))


class Size(int):
    """One of the sizes, as ``shape[0:1]`` gives it: Paddle takes such a tensor among the numbers of a reshape."""

    def __getitem__(self, place: Any) -> Any:
        return Sizes([int(self)])[place]

    def __len__(self) -> int:
        return 1

    def astype(self, dtype: Any) -> Size:
        if "int" not in str(dtype):
            raise TypeError(f"a size as {dtype}")
        return self

    cast = astype

    def __getattr__(self, name: str) -> Any:
        return getattr(Sizes([int(self)]), name)

    def __add__(self, other: Any) -> Any:
        return _one(int(self) + other)

    def __sub__(self, other: Any) -> Any:
        return _one(int(self) - other)

    def __mul__(self, other: Any) -> Any:
        return _one(int(self) * other)

    def __floordiv__(self, other: Any) -> Any:
        return _one(int(self) // other)

    __radd__, __rmul__ = __add__, __mul__


def _one(result: Any) -> Any:
    return Size(result) if type(result) is int else result


@contextlib.contextmanager
def sizes_as_numbers() -> Iterator[list[Sizes]]:
    """Inside, ``paddle.shape`` gives a user's forward `Sizes`; the list has those that were given."""
    whole, given = paddle.shape, list[Sizes]()

    def shape(input: Any) -> Any:  # noqa: A002 - the name in Paddle
        if not isinstance(input, paddle.pir.Value) or any(n < 0 for n in input.shape) or _asks_itself(sys._getframe(1)):
            return whole(input)
        given.append(Sizes(input.shape))
        return given[-1]

    plain = {name: getattr(paddle, name) for name in _JOINS}
    paddle.shape = paddle.jit.not_to_static(shape)
    for name, join in plain.items():
        setattr(paddle, name, _joining(join))
    try:
        yield given
    finally:
        paddle.shape = whole
        for name, join in plain.items():
            setattr(paddle, name, join)


_JOINS = ("concat", "stack")


def _joining(join: Callable[..., Any]) -> Callable[..., Any]:
    """Paddle's function of a list of tensors, where sizes among them are constants."""
    @paddle.jit.not_to_static
    @functools.wraps(join)
    def of(x: Any, *rest: Any, **options: Any) -> Any:
        parts = x if isinstance(x, (list, tuple)) and any(isinstance(part, (int, Sizes)) for part in x) else ()
        return join([_as_tensor(part) for part in parts] or x, *rest, **options)
    return of


def _as_tensor(part: Any) -> Any:
    if not isinstance(part, (int, Sizes)):
        return part
    return paddle.assign(np.asarray([int(part)] if isinstance(part, Size) else part, np.int64))


def _asks_itself(frame: FrameType | None) -> bool:
    """Whether the caller is a function of Paddle's, which takes a tensor for granted."""
    while frame is not None and "dy2static" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(_PADDLE)
