"""Activations, as torch's functions. The arguments are those of Paddle's operators."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

Entry = Any


def _thresholded(x: Any, threshold: float, value: float) -> Any:
    return torch.where(x > threshold, x, torch.full_like(x, value))


def _maxout(x: Any, groups: int, axis: int) -> Any:
    return x.unflatten(axis, (-1, groups)).amax(axis % x.dim() + 1)


def _prelu(x: Any, alpha: Any, data_format: str, mode: str) -> Any:
    if mode == "channel" and data_format[1] == "C":
        alpha = alpha.reshape([-1] + [1] * (x.dim() - 2))
    elif mode == "element":
        alpha = alpha.reshape([1, *x.shape[1:]])
    return torch.where(x > 0, x, x * alpha)


def _logit(x: Any, eps: float) -> Any:
    x = x.clamp(eps, 1 - eps) if eps else x
    return torch.log(x / (1 - x))


def _swiglu(x: Any, y: Any) -> Any:
    if y is None:
        x, y = x.chunk(2, -1)
    return F.silu(x) * y


TABLE: dict[str, Entry] = {
    "celu": lambda x, alpha: F.celu(x, alpha),
    "dropout": lambda x, p, mode: x if mode == "upscale_in_train" else x * (1 - p),
    "elu": lambda x, alpha: F.elu(x, alpha),
    "gelu": lambda x, approximate: F.gelu(x, approximate="tanh" if approximate else "none"),
    "hardshrink": lambda x, threshold: F.hardshrink(x, threshold),
    "hardsigmoid": lambda x, slope, offset: (x * slope + offset).clamp(0, 1),
    "hardswish": lambda x: F.hardswish(x),
    "hardtanh": lambda x, t_min, t_max: F.hardtanh(x, t_min, t_max),
    "leaky_relu": lambda x, negative_slope: F.leaky_relu(x, negative_slope),
    "log_softmax": lambda x, axis: F.log_softmax(x, axis),
    "logit": _logit,
    "logsigmoid": lambda x: F.logsigmoid(x),
    "maxout": _maxout,
    "mish": lambda x: F.mish(x),
    "prelu": _prelu,
    "relu": lambda x: F.relu(x),
    "relu6": lambda x: F.relu6(x),
    "rrelu": lambda x, lower, upper: F.leaky_relu(x, (lower + upper) / 2),
    "selu": lambda x, scale, alpha: scale * torch.where(x > 0, x, alpha * torch.expm1(x)),
    "sigmoid": lambda x: torch.sigmoid(x),
    "silu": lambda x: F.silu(x),
    "softmax": lambda x, axis: F.softmax(x, axis),
    "softplus": lambda x, beta, threshold: F.softplus(x, beta, threshold),
    "softshrink": lambda x, threshold: F.softshrink(x, threshold),
    "softsign": lambda x: F.softsign(x),
    "stanh": lambda x, scale_a, scale_b: scale_b * torch.tanh(scale_a * x),
    "swiglu": _swiglu,
    "swish": lambda x: F.silu(x),
    "tanh": lambda x: torch.tanh(x),
    "tanh_shrink": lambda x: x - torch.tanh(x),
    "thresholded_relu": _thresholded,
}
