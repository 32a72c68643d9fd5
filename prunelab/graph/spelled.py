"""Sizes that a forward computes from numbers that it spells, as numbers: Paddle would leave them open.

``h, w = shapes[level]`` of a tensor of levels' sizes, ``value.split([h * w for h, w in shapes])``: everything is known
while a model is read, but a program says nothing of an axis whose size is computed. So where Paddle would make a list
of tensors of such sizes, they are worked out here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.graph.inputs import dtype_name

Array = np.ndarray[Any, Any]
# of an operator's attributes and its operands
_Work = Callable[..., Array]


@contextlib.contextmanager
def spelled_sizes() -> Iterator[None]:
    """Inside, a list of sizes that are all known stays a list of numbers."""
    plain = paddle.utils.get_int_tensor_list

    def sizes(items: Iterable[Any], *rest: Any, **options: Any) -> list[Any]:
        items = list(items)
        known = [number_of(item) for item in items]
        return plain(items, *rest, **options) if any(n is None for n in known) else known

    paddle.utils.get_int_tensor_list = sizes
    try:
        yield
    finally:
        paddle.utils.get_int_tensor_list = plain


def number_of(item: Any) -> int | None:
    """A whole number, or a tensor of the program that holds one and is computed from numbers alone; None of others."""
    if not isinstance(item, paddle.pir.Value):
        return int(item) if isinstance(item, (int, np.integer)) else None
    if "int" not in str(item.dtype):
        return None
    found = _numbers(item, {})
    return int(found.reshape(-1)[0]) if found is not None and found.size == 1 else None


def _numbers(value: Any, seen: dict[int, Array | None]) -> Array | None:
    if value.id not in seen:
        seen[value.id] = _work_out(value, seen)
    return seen[value.id]


def _work_out(value: Any, seen: dict[int, Array | None]) -> Array | None:
    op = value.get_defining_op()
    if op is None or dtype_name(value.dtype) not in _DTYPES or any(n < 0 for n in value.shape):
        return None
    if op.name() == "builtin.split":
        found = _part(op, next(k for k, v in enumerate(op.results()) if v.is_same(value)), seen)
    else:
        work = _WORKS.get(op.name().partition(".")[2])
        parts = [part for v in op.operands_source() for part in _listed(v)] if work is not None else []
        operands = [_numbers(part, seen) for part in parts]
        found = None if work is None or any(x is None for x in operands) else work(op.attrs(), *operands)
    return None if found is None else found.astype(dtype_name(value.dtype)).reshape(value.shape)


def _listed(value: Any) -> list[Any]:
    """The values of a list; the value itself where it is none."""
    op = value.get_defining_op()
    return list(op.operands_source()) if op is not None and op.name() == "builtin.combine" else [value]


def _part(split: Any, place: int, seen: dict[int, Array | None]) -> Array | None:
    """One of the equal parts that a tensor is taken apart into along its first axis."""
    op = split.operands_source()[0].get_defining_op()
    if op is None or op.name() not in ("pd_op.unbind", "pd_op.split_with_num"):
        return None
    whole, *axes = (_numbers(v, seen) for v in op.operands_source())
    axis = axes[0] if axes else np.asarray(op.attrs()["axis"])
    if whole is None or axis is None or axis.item() != 0:
        return None
    return np.split(whole, len(split.results()))[place]


def _slice(attributes: Mapping[str, Any], x: Array, starts: Array, ends: Array) -> Array:
    index = [slice(None)] * x.ndim
    for axis, start, end in zip(attributes["axes"], starts.tolist(), ends.tolist(), strict=True):
        index[axis] = slice(start, end)
    return x[tuple(index)]


def _reduced(function: Callable[..., Array]) -> _Work:
    def work(attributes: Mapping[str, Any], x: Array, *axes: Array) -> Array:
        written = attributes.get("axis") or attributes.get("dims") or []
        named: list[int] = axes[0].reshape(-1).tolist() if axes else written
        whole = not named or attributes.get("reduce_all", False)
        return np.asarray(function(x, axis=None if whole else tuple(named)))
    return work


def _of_two(function: Callable[[Array, Array], Array]) -> _Work:
    return lambda attributes, x, y: function(x, y)


def _of_one(function: Callable[[Array], Array]) -> _Work:
    return lambda attributes, x, *_: function(x)


def _scale(attributes: Mapping[str, Any], x: Array, factor: Array) -> Array:
    bias = attributes.get("bias", 0.0)
    return x * factor + bias if attributes.get("bias_after_scale", True) else (x + bias) * factor


# those that NumPy has too
_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")
_SAME = ("cast", "assign", "share_data_", "reshape", "unsqueeze", "squeeze", "flatten")
_WORKS: Mapping[str, _Work] = {
    "full": lambda attributes: np.full(attributes["shape"], attributes["value"]),
    "full_int_array": lambda attributes: np.asarray(attributes["value"]),
    **dict.fromkeys(("assign_value", "assign_value_"), lambda attributes, *_: np.asarray(attributes["values"])),
    **dict.fromkeys(_SAME, _of_one(np.asarray)),
    "stack": lambda attributes, *parts: np.stack(parts, attributes.get("axis", 0)),
    "concat": lambda attributes, *parts: np.concatenate(parts[:-1], int(parts[-1].item())),
    "slice": _slice,
    "flip": lambda attributes, x: np.flip(x, attributes["axis"]),
    "multiply": _of_two(np.multiply), "add": _of_two(np.add), "subtract": _of_two(np.subtract),
    "divide": _of_two(np.divide), "floor_divide": _of_two(np.floor_divide), "remainder": _of_two(np.remainder),
    "maximum": _of_two(np.maximum), "minimum": _of_two(np.minimum), "scale": _scale,
    "ceil": _of_one(np.ceil), "floor": _of_one(np.floor),
    "sum": _reduced(np.sum), "prod": _reduced(np.prod), "max": _reduced(np.max), "min": _reduced(np.min),
}
