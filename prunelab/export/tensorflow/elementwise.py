"""Activations, arithmetic, comparisons and reductions, as TensorFlow's functions."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import tensorflow as tf

from prunelab.export.translate import CannotSay

Entry = Any


def _one(function: Any) -> Entry:
    return lambda x: function(x)


def _two(function: Any) -> Entry:
    return lambda x, y: function(x, y)


def _gelu(x: Any, approximate: bool) -> Any:
    return tf.nn.gelu(x, approximate=approximate)


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    scaled = x * beta
    return tf.where(scaled > threshold, x, tf.math.softplus(tf.minimum(scaled, threshold)) / beta)


def _scale(x: Any, scale: Any, bias: float, bias_after_scale: bool) -> Any:
    if not x.dtype.is_floating and not (float(scale).is_integer() and float(bias).is_integer()):
        raise CannotSay("whole numbers scaled by a fraction")
    scale, bias = (tf.cast(n, x.dtype) for n in (scale, bias))
    return x * scale + bias if bias_after_scale else (x + bias) * scale


def _prelu(x: Any, alpha: Any, data_format: str, mode: str) -> Any:
    if mode == "channel" and data_format[1] == "C":
        alpha = tf.reshape(alpha, [-1] + [1] * (x.shape.rank - 2))
    return tf.where(x > 0, x, x * alpha)


def _maxout(x: Any, groups: int, axis: int) -> Any:
    n = int(x.shape[axis])
    return reduce(tf.maximum, [tf.gather(x, range(k, n, groups), axis=axis) for k in range(groups)])


def _swiglu(x: Any, y: Any) -> Any:
    if y is None:
        x, y = tf.split(x, 2, -1)
    return tf.nn.silu(x) * y


def _clip(x: Any, min: Any, max: Any) -> Any:
    low, high = (tf.cast(tf.reshape(n, []), x.dtype) for n in (min, max))
    return tf.minimum(tf.maximum(x, low), high)


def _round(x: Any, decimals: int) -> Any:
    y = x * 10.0**decimals
    return tf.sign(y) * tf.floor(tf.abs(y) + 0.5) / 10.0**decimals


def _divide(x: Any, y: Any) -> Any:
    if not x.dtype.is_floating:
        raise CannotSay("a division of whole numbers")
    return x / y


def _without_nan(function: Any) -> Entry:
    """What is no number loses against one."""
    return lambda x, y: tf.where(tf.math.is_nan(x), y, tf.where(tf.math.is_nan(y), x, function(x, y)))


def _copysign(x: Any, y: Any) -> Any:
    if x.dtype != tf.float32 or y.dtype != tf.float32:
        raise CannotSay("the sign of other numbers than single precision")
    return tf.where(tf.bitcast(y, tf.int32) < 0, -tf.abs(x), tf.abs(x))  # of -0.0 too


def _axes(x: Any, axis: Any, everything: bool = False) -> list[int]:
    given = [axis] if isinstance(axis, int) else list(axis or [])
    return list(range(x.shape.rank)) if everything or not given else given


def _over(function: Any) -> Entry:
    return lambda x, axis, keepdim: function(x, _axes(x, axis), keepdims=keepdim)


def _sum(x: Any, axis: Any, dtype: Any, keepdim: bool) -> Any:
    x = tf.cast(x, tf.int64) if x.dtype in (tf.bool, tf.int32) else x
    return tf.reduce_sum(x, _axes(x, axis), keepdims=keepdim)


def _norm(x: Any, porder: float, axis: int, epsilon: float, keepdim: bool, asvector: bool) -> Any:
    axes = _axes(x, axis, asvector)
    size = tf.abs(x)
    if porder == 0:
        return tf.reduce_sum(tf.cast(size > 0, x.dtype), axes, keepdims=keepdim)
    if math.isinf(porder):
        return (tf.reduce_max if porder > 0 else tf.reduce_min)(size, axes, keepdims=keepdim)
    return tf.reduce_sum(size**porder, axes, keepdims=keepdim) ** (1 / porder)


def _arg(function: Any) -> Entry:
    def entry(x: Any, axis: Any, keepdims: bool, dtype: str, flatten: bool = False) -> Any:
        if axis is None:
            raise CannotSay("the place of an extreme among all numbers")
        found = function(x, axis, output_type=tf.as_dtype(str(dtype)))
        return tf.expand_dims(found, axis) if keepdims else found
    return entry


TABLE: dict[str, Entry] = {
    **{name: _one(function) for name, function in {
        "abs": tf.abs, "acos": tf.acos, "asin": tf.asin, "atan": tf.atan, "ceil": tf.math.ceil, "cos": tf.cos,
        "cosh": tf.cosh, "erf": tf.math.erf, "exp": tf.exp, "expm1": tf.math.expm1, "floor": tf.floor,
        "hardswish": lambda x: x * tf.nn.relu6(x + 3) / 6, "isinf": tf.math.is_inf, "isnan": tf.math.is_nan,
        "isfinite": tf.math.is_finite, "log": tf.math.log, "log1p": tf.math.log1p, "logical_not": tf.logical_not,
        "logsigmoid": tf.math.log_sigmoid, "mish": lambda x: x * tf.tanh(tf.math.softplus(x)),
        "reciprocal": tf.math.reciprocal, "relu": tf.nn.relu, "relu6": tf.nn.relu6, "rsqrt": tf.math.rsqrt,
        "sigmoid": tf.sigmoid, "sign": tf.sign, "silu": tf.nn.silu, "sin": tf.sin, "sinh": tf.sinh,
        "softsign": tf.nn.softsign, "sqrt": tf.sqrt, "square": tf.square, "swish": tf.nn.silu, "tan": tf.tan,
        "tanh": tf.tanh, "tanh_shrink": lambda x: x - tf.tanh(x), "assign": tf.identity, "share_data_": tf.identity,
        "mean_all": tf.reduce_mean, "log2": lambda x: tf.math.log(x) / math.log(2),
        "log10": lambda x: tf.math.log(x) / math.log(10),
    }.items()},
    **{name: _two(function) for name, function in {
        "add": tf.add, "subtract": tf.subtract, "multiply": tf.multiply, "maximum": tf.maximum,
        "minimum": tf.minimum, "elementwise_pow": tf.pow, "equal": tf.equal, "not_equal": tf.not_equal,
        "less_than": tf.less, "less_equal": tf.less_equal, "greater_than": tf.greater,
        "greater_equal": tf.greater_equal, "logical_and": tf.logical_and, "logical_or": tf.logical_or,
        "logical_xor": tf.math.logical_xor, "floor_divide": tf.math.floordiv, "remainder": tf.math.floormod,
        "atan2": tf.atan2, "heaviside": lambda x, y: tf.where(x == 0, y, tf.cast(x > 0, x.dtype)),
    }.items()},
    **{name: _without_nan(function) for name, function in {"fmax": tf.maximum, "fmin": tf.minimum}.items()},
    **{name: _over(function) for name, function in {
        "mean": tf.reduce_mean, "max": tf.reduce_max, "min": tf.reduce_min, "amax": tf.reduce_max,
        "amin": tf.reduce_min, "all": tf.reduce_all, "any": tf.reduce_any}.items()},
    "add_n": lambda inputs: tf.add_n(inputs),
    "argsort": lambda x, axis, descending, stable: _sorted(x, axis, descending),
    "argmax": _arg(tf.argmax),
    "argmin": _arg(tf.argmin),
    "cast": lambda x, dtype: tf.cast(x, tf.as_dtype(str(dtype))),
    "celu": lambda x, alpha: tf.maximum(x, 0.0) + tf.minimum(alpha * tf.math.expm1(x / alpha), 0.0),
    "clip": _clip,
    "cumsum": lambda x, axis, flatten, exclusive, reverse: tf.cumsum(
        tf.reshape(x, [-1]) if flatten else x, 0 if flatten else int(axis), exclusive, reverse),
    "copysign": _copysign,
    "cumprod": lambda x, dim, exclusive, reverse: tf.math.cumprod(x, int(dim), exclusive, reverse),
    "divide": _divide,
    "dropout": lambda x, p, mode: x if mode == "upscale_in_train" else x * (1 - p),
    "elu": lambda x, alpha: tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0.0))),
    "frobenius_norm": lambda x, axis, keep_dim, reduce_all: tf.sqrt(tf.reduce_sum(
        x * x, _axes(x, axis, reduce_all), keepdims=keep_dim)),
    "gelu": _gelu,
    "hardshrink": lambda x, threshold: tf.where(tf.abs(x) > threshold, x, tf.zeros_like(x)),
    "hardsigmoid": lambda x, slope, offset: tf.clip_by_value(x * slope + offset, 0.0, 1.0),
    "hardtanh": lambda x, t_min, t_max: tf.clip_by_value(x, t_min, t_max),
    "leaky_relu": lambda x, negative_slope: tf.where(x > 0, x, x * negative_slope),
    "lerp": lambda x, y, weight: x + weight * (y - x),
    "log_softmax": lambda x, axis: tf.nn.log_softmax(x, axis),
    "logcumsumexp": lambda x, axis, flatten, exclusive, reverse: tf.math.cumulative_logsumexp(
        tf.reshape(x, [-1]) if flatten else x, 0 if flatten else int(axis), exclusive, reverse),
    "logsumexp": lambda x, axis, keepdim, reduce_all: tf.reduce_logsumexp(x, _axes(x, axis, reduce_all),
                                                                          keepdims=keepdim),
    "masked_fill": lambda x, mask, value: tf.where(mask, tf.cast(tf.reshape(value, []), x.dtype), x),
    "maxout": _maxout,
    "p_norm": _norm,
    "pow": lambda x, y: tf.pow(x, tf.cast(y, x.dtype)),
    "prelu": _prelu,
    "prod": lambda x, axis, keepdim, reduce_all: tf.reduce_prod(x, _axes(x, axis, reduce_all), keepdims=keepdim),
    "round": _round,
    "rrelu": lambda x, lower, upper: tf.where(x > 0, x, x * (lower + upper) / 2),
    "scale": _scale,
    "selu": lambda x, scale, alpha: scale * tf.where(x > 0, x, alpha * tf.math.expm1(tf.minimum(x, 0.0))),
    "softmax": lambda x, axis: tf.nn.softmax(x, axis),
    "softplus": _softplus,
    "softshrink": lambda x, threshold: tf.sign(x) * tf.nn.relu(tf.abs(x) - threshold),
    "stanh": lambda x, scale_a, scale_b: scale_b * tf.tanh(scale_a * x),
    "sum": _sum,
    "swiglu": _swiglu,
    "thresholded_relu": lambda x, threshold, value: tf.where(x > threshold, x, tf.cast(value, x.dtype)),
    "topk": lambda x, k, axis, largest, sorted: _topk(x, k, axis, largest),
    "trunc": lambda input: tf.sign(input) * tf.floor(tf.abs(input)),
    "where": lambda condition, x, y: tf.where(condition, x, y),
}


def _sorted(x: Any, axis: int, descending: bool) -> Any:
    places = tf.argsort(x, axis, "DESCENDING" if descending else "ASCENDING", stable=True)
    return tf.sort(x, axis, "DESCENDING" if descending else "ASCENDING"), tf.cast(places, tf.int64)


def _topk(x: Any, k: int, axis: int, largest: bool) -> Any:
    if axis not in (-1, x.shape.rank - 1):
        raise CannotSay("the largest along another axis than the last")
    values, places = tf.math.top_k(x if largest else -x, k)
    return values if largest else -values, tf.cast(places, tf.int64)
