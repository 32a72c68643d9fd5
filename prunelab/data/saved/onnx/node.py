"""A node of an ONNX graph as plain data, and values that are known before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

Array = np.ndarray[Any, Any]

DTYPES = {1: "float32", 2: "uint8", 3: "int8", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
          11: "float64", 16: "bfloat16"}


@dataclass(frozen=True)
class Node:
    """One node: ``inputs`` and ``outputs`` are names, "" for what is left out; ``opset`` is the graph's."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    name: str
    opset: int

    def get(self, key: str, default: Any = None) -> Any:
        """An attribute, or what it is where it is left out."""
        return self.attributes.get(key, default)


class Unsupported(Exception):
    """A form of a node that has no function here."""


def known(x: Any) -> bool:
    """Whether a value is a number or an array that is known already: a shape, an axis, a constant."""
    return isinstance(x, np.ndarray)


def numbers(x: Any, what: str) -> list[int]:
    """The integers of an input that has to be known: axes, a shape."""
    if not known(x):
        raise Unsupported(f"its {what} is computed from the data")
    return [int(n) for n in np.atleast_1d(x)]


def tensor(x: Any, like: Any = None) -> Any:
    """A value as a tensor; a known one where ``like`` lives."""
    if not known(x):
        return x
    place = None if like is None or not paddle.in_dynamic_mode() else like.place
    return paddle.to_tensor(x, dtype=str(x.dtype), place=place)


def scalar(x: Any) -> Any:
    """The number of an array of one; anything else as it is."""
    return x.item() if known(x) and x.size == 1 else x
