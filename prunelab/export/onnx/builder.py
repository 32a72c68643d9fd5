"""An ONNX graph in the making: nodes are written as calls, ``g.Softmax(x, axis=1)``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.export.base import Array
from prunelab.export.listing import Variable
from prunelab.export.sizes import Number, Size, is_free
from prunelab.export.translate import CannotSay

_BOOLEAN = frozenset("Equal Less Greater LessOrEqual GreaterOrEqual And Or Xor Not IsNaN IsInf".split())
_WHOLE = frozenset("Shape Size ArgMax ArgMin NonZero".split())
INT_MAX = 2**31 - 1

Entry = Callable[..., Any]  # of a table: takes a `Builder` and Paddle's arguments by name, gives one output or several


@dataclass(frozen=True)
class Value:
    """A tensor of the graph; ``shape`` is known for what the model computes, and None for what stands in between."""

    name: str
    dtype: str
    shape: tuple[Number, ...] | None = None

    @property
    def sizes(self) -> tuple[Number, ...]:
        """The shape, where it must be known."""
        if self.shape is None:
            raise ValueError(f"{self.name} has no known shape")
        return self.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.sizes)


class Builder:
    """Collects nodes and initializers.

    ``g.Kind(*inputs, **attributes)`` adds a node and gives its output; ``n_outputs`` of it where there are several. An
    input is a `Value`, None for one that is left out, an array, a number (which takes the type of the first value),
    or a list of sizes. ``dtype`` is the output's where it is not the first input's.
    """

    def __init__(self, lengths: Callable[[Builder, str], Value]) -> None:
        self.onnx = importlib.import_module("onnx")
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.out: tuple[Variable | None, ...] = ()  # what the model knows of the operator's outputs
        self.used: tuple[bool, ...] = ()  # whether anything reads each of them
        self._arrays: dict[str, Array] = {}
        self._constants: dict[tuple[Any, ...], Value] = {}
        self._lengths: dict[str, Value] = {}
        self._read_length = lengths
        self._count = 0
        self.taken: set[str] = set()  # names that no node's output may have

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        if not kind[:1].isupper():
            raise AttributeError(kind)

        def add(*inputs: Any, n_outputs: int = 1, dtype: str | None = None, **attributes: Any) -> Any:
            return self._node(kind, inputs, n_outputs, dtype, attributes)

        return add

    def _node(self, kind: str, inputs: Sequence[Any], n_outputs: int, dtype: str | None,
              attributes: dict[str, Any]) -> Any:
        first = next((x.dtype for x in inputs if isinstance(x, Value)), "float32")
        if kind == "Where":
            first = next((x.dtype for x in inputs[1:] if isinstance(x, Value)), first)
        names = ["" if x is None else self.value(x, first).name for x in inputs]
        while names and not names[-1]:
            names.pop()
        kept = "bool" if kind in _BOOLEAN else "int64" if kind in _WHOLE else first
        outputs = [Value(self._name(kind), dtype or kept) for _ in range(n_outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, names, [v.name for v in outputs], **attributes))
        return outputs[0] if n_outputs == 1 else tuple(outputs)

    def _name(self, kind: str) -> str:
        self._count += 1
        name = f"{kind}_{self._count}"
        return self._name(kind) if name in self.taken else name

    # what is not a tensor of the graph yet

    def value(self, x: Any, dtype: str = "float32") -> Value:
        """``x`` as a tensor: a number of ``dtype``, an array as it is, a list of sizes as int64."""
        if isinstance(x, Value):
            return x
        if isinstance(x, Size):
            return self.cast(self.ints([x]), x.dtype)
        if isinstance(x, (list, tuple)):
            return self.ints(list(x))
        return self.constant(x if isinstance(x, np.ndarray) else np.asarray(x, dtype))

    def constant(self, array: Array, name: str | None = None) -> Value:
        """An array of the file; the same one for the same numbers."""
        key = (name, array.dtype.str, array.shape, array.tobytes() if array.size < 4096 else id(array))
        if key not in self._constants:
            value = Value(name or self._name("constant"), str(array.dtype), tuple(array.shape))
            contiguous = np.ascontiguousarray(array).reshape(array.shape)
            self.initializers.append(self.onnx.numpy_helper.from_array(contiguous, value.name))
            self._constants[key], self._arrays[value.name] = value, array
        return self._constants[key]

    def known(self, x: Value) -> Array | None:
        """The numbers of an array of the file; None for what is computed."""
        return self._arrays.get(x.name)

    def constant_of(self, number: float, dtype: str) -> Value:
        """A scalar."""
        return self.constant(np.asarray(number, dtype))

    def ints(self, numbers: Sequence[Any]) -> Value:
        """A vector of whole numbers, of which some may be free sizes or scalars that the graph computes."""
        if not is_free(list(numbers)) and not any(isinstance(n, Value) for n in numbers):
            return self.constant(np.asarray(numbers, np.int64).reshape(len(numbers)))
        parts = [self._one(n) for n in numbers]
        return parts[0] if len(parts) == 1 else self.Concat(*parts, axis=0)

    def _one(self, n: Any) -> Value:
        if isinstance(n, Value):
            return self.Reshape(self.cast(n, "int64"), [1])
        if not isinstance(n, Size):
            return self.constant(np.asarray([n], np.int64))
        total = None
        for axes, factor in n.terms.items():
            product = None
            for axis in axes:
                length = self.length(axis)
                product = length if product is None else self.Mul(product, length)
            scaled = self.ints([factor]) if product is None else product if factor == 1 else self.Mul(product, factor)
            total = scaled if total is None else self.Add(total, scaled)
        return self.ints([0]) if total is None else total

    def length(self, axis: str) -> Value:
        """How long a free axis is, as a vector of one number."""
        if axis not in self._lengths:
            self._lengths[axis] = self._read_length(self, axis)
        return self._lengths[axis]

    # what many operators need

    def cast(self, x: Value, dtype: str) -> Value:
        """``x`` as another type; itself where it is that type."""
        if x.dtype == dtype:
            return x
        cast = self.Cast(x, to=self.type(dtype), dtype=str(dtype))
        return Value(cast.name, str(dtype), x.shape)

    def type(self, dtype: str) -> int:
        """ONNX's number of a type."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(str(dtype))))

    def reshape(self, x: Any, shape: Sequence[Any]) -> Value:
        """``x`` in another shape; a single free size becomes -1, which needs nothing computed."""
        free = [k for k, n in enumerate(shape) if is_free(n)]
        if len(free) == 1 and -1 not in [n for n in shape if isinstance(n, int)] and 0 not in shape:
            shape = [-1 if k == free[0] else n for k, n in enumerate(shape)]
        return self.Reshape(x, self.ints(shape) if len(shape) else np.zeros(0, np.int64))

    def slice(self, x: Any, axis: int, start: Any, end: Any = INT_MAX, step: int = 1) -> Value:
        """A stretch of one axis."""
        return self.Slice(x, [start], [end], [axis], [step])

    def static(self, x: Value, axis: int, what: str) -> int:
        """The length of an axis that must be known now."""
        n = x.sizes[axis]
        if isinstance(n, Size):
            raise CannotSay(f"{what} over an axis whose length is free")
        return n
