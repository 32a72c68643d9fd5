"""Activations, as ONNX nodes. The arguments are those of Paddle's operators."""

from __future__ import annotations

import math

from prunelab.export.onnx.builder import Builder, Entry, Value


def _elu(g: Builder, x: Value, alpha: float) -> Value:
    return g.Elu(x, alpha=alpha)


def _gelu(g: Builder, x: Value, approximate: bool) -> Value:
    if not approximate:
        return g.Mul(g.Mul(x, 0.5), g.Add(g.Erf(g.Mul(x, math.sqrt(0.5))), 1.0))
    inner = g.Mul(g.Add(x, g.Mul(g.Mul(g.Mul(x, x), x), 0.044715)), math.sqrt(2 / math.pi))
    return g.Mul(g.Mul(x, 0.5), g.Add(g.Tanh(inner), 1.0))


def _silu(g: Builder, x: Value) -> Value:
    return g.Mul(x, g.Sigmoid(x))


def _swiglu(g: Builder, x: Value, y: Value | None) -> Value:
    if y is None:
        half = g.static(x, -1, "a split in two") // 2
        x, y = g.slice(x, -1, 0, half), g.slice(x, -1, half)
    return g.Mul(_silu(g, x), y)


def _softplus(g: Builder, x: Value, beta: float, threshold: float) -> Value:
    scaled = g.Mul(x, beta)
    soft = g.Div(g.Softplus(g.Min(scaled, threshold)), beta)
    return g.Where(g.Greater(scaled, threshold), x, soft)


def _mish(g: Builder, x: Value) -> Value:
    return g.Mul(x, g.Tanh(g.Softplus(x)))


def _thresholded(g: Builder, x: Value, threshold: float, value: float) -> Value:
    return g.Where(g.Greater(x, threshold), x, value)


def _maxout(g: Builder, x: Value, groups: int, axis: int) -> Value:
    axis %= x.rank
    n = g.static(x, axis, "a maxout")
    return g.ReduceMax(g.reshape(x, [*x.sizes[:axis], n // groups, groups, *x.sizes[axis + 1:]]), [axis + 1],
                       keepdims=0)


def _prelu(g: Builder, x: Value, alpha: Value, data_format: str, mode: str) -> Value:
    if mode == "channel" and data_format[1] == "C":
        alpha = g.reshape(alpha, [-1, *[1] * (x.rank - 2)])
    elif mode == "element":
        alpha = g.reshape(alpha, [1, *x.sizes[1:]])
    return g.Where(g.Greater(x, 0.0), x, g.Mul(x, alpha))


def _dropout(g: Builder, x: Value, p: float, mode: str) -> Value:
    return x if mode == "upscale_in_train" else g.Mul(x, 1 - p)


def _logit(g: Builder, x: Value, eps: float) -> Value:
    if eps:
        x = g.Min(g.Max(x, eps), 1 - eps)
    return g.Log(g.Div(x, g.Sub(1.0, x)))


TABLE: dict[str, Entry] = {
    "celu": lambda g, x, alpha: g.Celu(x, alpha=alpha),
    "dropout": _dropout,
    "elu": _elu,
    "gelu": _gelu,
    "hardshrink": lambda g, x, threshold: g.Where(g.Greater(g.Abs(x), threshold), x, 0.0),
    "hardsigmoid": lambda g, x, slope, offset: g.HardSigmoid(x, alpha=slope, beta=offset),
    "hardswish": lambda g, x: g.Mul(x, g.HardSigmoid(x, alpha=1 / 6, beta=0.5)),
    "hardtanh": lambda g, x, t_min, t_max: g.Clip(x, t_min, t_max),
    "leaky_relu": lambda g, x, negative_slope: g.LeakyRelu(x, alpha=negative_slope),
    "log_softmax": lambda g, x, axis: g.LogSoftmax(x, axis=axis),
    "logit": _logit,
    "logsigmoid": lambda g, x: g.Neg(g.Softplus(g.Neg(x))),
    "maxout": _maxout,
    "mish": _mish,
    "prelu": _prelu,
    "relu": lambda g, x: g.Relu(x),
    "relu6": lambda g, x: g.Clip(x, 0.0, 6.0),
    "rrelu": lambda g, x, lower, upper: g.LeakyRelu(x, alpha=(lower + upper) / 2),
    "selu": lambda g, x, scale, alpha: g.Selu(x, gamma=scale, alpha=alpha),
    "sigmoid": lambda g, x: g.Sigmoid(x),
    "silu": _silu,
    "softmax": lambda g, x, axis: g.Softmax(x, axis=axis),
    "softplus": _softplus,
    "softshrink": lambda g, x, threshold: g.Shrink(x, bias=threshold, lambd=threshold),
    "softsign": lambda g, x: g.Softsign(x),
    "stanh": lambda g, x, scale_a, scale_b: g.Mul(g.Tanh(g.Mul(x, scale_a)), scale_b),
    "swiglu": _swiglu,
    "swish": _silu,
    "tanh": lambda g, x: g.Tanh(x),
    "tanh_shrink": lambda g, x: g.Sub(x, g.Tanh(x)),
    "thresholded_relu": _thresholded,
}
