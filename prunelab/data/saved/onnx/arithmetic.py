"""Nodes that compute number by number, and sums over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from prunelab.data.saved.onnx.node import DTYPES, Node, Unsupported, known, numbers, scalar, tensor


def one(function: Callable[[Any], Any], on_known: Callable[[Any], Any] | None = None) -> Any:
    """A function of one tensor."""
    def entry(node: Node, x: Any) -> Any:
        return np.asarray(on_known(x)) if known(x) and on_known is not None else function(tensor(x))

    return entry


def two(function: Callable[[Any, Any], Any], on_known: Callable[[Any, Any], Any]) -> Any:
    """A function of two tensors, of which one may be a number."""
    def entry(node: Node, x: Any, y: Any) -> Any:
        if known(x) and known(y):
            return np.asarray(on_known(x, y))
        a, b = scalar(x), scalar(y)
        like = y if known(x) else x
        return function(*(tensor(v, like) if known(v) else v for v in (a, b)))

    return entry


def compared(name: str, on_known: Callable[[Any, Any], Any]) -> Any:
    """A comparison: Paddle's take tensors only."""
    def entry(node: Node, x: Any, y: Any) -> Any:
        if known(x) and known(y):
            return np.asarray(on_known(x, y))
        like = y if known(x) else x
        a, b = (tensor(v.astype(str(like.dtype).rpartition(".")[2]), like) if known(v) else v for v in (x, y))
        return getattr(paddle, name)(a, b)

    return entry


def several(function: Callable[[Any, Any], Any]) -> Any:
    """A function of two, over as many as there are."""
    def entry(node: Node, *xs: Any) -> Any:
        like = next((x for x in xs if not known(x)), None)
        total = tensor(xs[0], like)
        for x in xs[1:]:
            total = function(total, tensor(x, like))
        return total

    return entry


def _divide(x: Any, y: Any) -> Any:
    whole = x.dtype.kind in "iu" and y.dtype.kind in "iu"
    return np.trunc(x / y).astype(x.dtype) if whole else x / y


def clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    """Numbers between two."""
    low, high = (node.get(key) if value is None else value for key, value in (("min", low), ("max", high)))
    for bound in (low, high):
        if bound is not None and not isinstance(scalar(bound), (int, float)):
            raise Unsupported("its bounds are computed from the data")
    return paddle.clip(x, scalar(low), scalar(high))


def reduced(name: str) -> Any:
    """A sum, mean or the like over axes."""
    def entry(node: Node, x: Any, axes: Any = None) -> Any:
        found = node.get("axes") if axes is None else numbers(axes, "axes")
        keep = bool(node.get("keepdims", 1))
        if not found and node.get("noop_with_empty_axes", 0):
            return x
        if known(x):
            function: Any = {"prod": np.prod, "sum": np.sum, "max": np.max, "min": np.min, "mean": np.mean}[name]
            return np.asarray(function(x, tuple(found) if found else None, keepdims=keep))
        if name == "l2":
            return x.square().sum(list(found) if found else None, keepdim=keep).sqrt()
        return getattr(paddle, name)(x, list(found) if found else None, keepdim=keep)

    return entry


def where(node: Node, condition: Any, x: Any, y: Any) -> Any:
    """One or the other."""
    if all(map(known, (condition, x, y))):
        return np.where(condition, x, y)
    like = next(v for v in (x, y, condition) if not known(v))
    return paddle.where(tensor(condition, like), tensor(x, like), tensor(y, like))


def softmax(function: Callable[..., Any]) -> Any:
    """A softmax over an axis; before version 13, over all axes from it on."""
    def entry(node: Node, x: Any) -> Any:
        axis = node.get("axis", -1 if node.opset >= 13 else 1)
        if node.opset < 13 and axis not in (-1, len(x.shape) - 1):
            raise Unsupported("it is over several axes")
        return function(x, axis)

    return entry


def gelu(node: Node, x: Any) -> Any:
    """The input times the normal distribution up to x."""
    return F.gelu(x, approximate=node.get("approximate", "none") == "tanh")


def cast(node: Node, x: Any) -> Any:
    """Another type."""
    dtype = DTYPES.get(node.get("to"))
    if dtype is None:
        raise Unsupported(f"it casts to the type {node.get('to')}")
    return x.astype(dtype) if not known(x) or dtype != "bfloat16" else x  # NumPy has no bfloat16


def prelu(node: Node, x: Any, slope: Any) -> Any:
    """A slope below zero, one a channel."""
    return paddle.where(x >= 0, x, x * tensor(slope, x))


ARITHMETIC = {
    "Add": two(lambda x, y: x + y, np.add),
    "Sub": two(lambda x, y: x - y, np.subtract),
    "Mul": two(lambda x, y: x * y, np.multiply),
    "Div": two(lambda x, y: x / y, _divide),
    "Pow": two(lambda x, y: x**y, np.power),
    "Mod": two(lambda x, y: x % y, np.mod),
    "Equal": compared("equal", np.equal),
    "Less": compared("less_than", np.less),
    "LessOrEqual": compared("less_equal", np.less_equal),
    "Greater": compared("greater_than", np.greater),
    "GreaterOrEqual": compared("greater_equal", np.greater_equal),
    "And": two(paddle.logical_and, np.logical_and),
    "Or": two(paddle.logical_or, np.logical_or),
    "Not": one(paddle.logical_not, np.logical_not),
    "Where": where,
    "Min": several(paddle.minimum),
    "Max": several(paddle.maximum),
    "Sum": several(lambda x, y: x + y),
    "Clip": clip,
    "Cast": cast,
    "Identity": lambda node, x: x,
    "Relu": one(F.relu),
    "LeakyRelu": lambda node, x: F.leaky_relu(x, node.get("alpha", 0.01)),
    "Elu": lambda node, x: F.elu(x, node.get("alpha", 1.0)),
    "Celu": lambda node, x: F.celu(x, node.get("alpha", 1.0)),
    "Selu": one(F.selu),
    "PRelu": prelu,
    "Sigmoid": one(F.sigmoid),
    "HardSigmoid": lambda node, x: F.hardsigmoid(x, node.get("alpha", 0.2), node.get("beta", 0.5)),
    "HardSwish": one(F.hardswish),
    "Mish": one(F.mish),
    "Gelu": gelu,
    "Softplus": one(F.softplus),
    "Softsign": one(F.softsign),
    "Tanh": one(paddle.tanh),
    "Erf": one(paddle.erf),
    "Exp": one(paddle.exp),
    "Log": one(paddle.log),
    "Sqrt": one(paddle.sqrt, np.sqrt),
    "Abs": one(paddle.abs),
    "Neg": one(lambda x: -x, np.negative),
    "Reciprocal": one(paddle.reciprocal),
    "Floor": one(paddle.floor, np.floor),
    "Ceil": one(paddle.ceil, np.ceil),
    "Sin": one(paddle.sin),
    "Cos": one(paddle.cos),
    "Sign": one(paddle.sign),
    "Softmax": softmax(F.softmax),
    "LogSoftmax": softmax(F.log_softmax),
    "ReduceMean": reduced("mean"),
    "ReduceSum": reduced("sum"),
    "ReduceMax": reduced("max"),
    "ReduceMin": reduced("min"),
    "ReduceProd": reduced("prod"),
    "ReduceL2": reduced("l2"),
}
