"""Norms, as ONNX nodes. Those with several outputs give the first: the others are for training."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.export.onnx.builder import Builder, Entry, Value


def _along(g: Builder, tensor: Value | None, x: Value, data_format: str) -> Value | None:
    """A number for each channel, shaped to meet ``x``."""
    if tensor is None or data_format[-1] == "C":
        return tensor
    return g.reshape(tensor, [-1, *[1] * (x.rank - 2)])


def _affine(g: Builder, x: Value, scale: Value | None, bias: Value | None) -> Value:
    x = x if scale is None else g.Mul(x, scale)
    return x if bias is None else g.Add(x, bias)


def _batch_norm(g: Builder, x: Value, mean: Value, variance: Value, scale: Value | None, bias: Value | None,
                epsilon: float, data_format: str) -> Value:
    first = x.rank == 2 or data_format[1] == "C"
    if first and all(g.known(v) is not None for v in (mean, variance, scale, bias) if v is not None):
        ones = np.ones(g.static(mean, 0, "a batch norm"), mean.dtype)
        return g.BatchNormalization(x, ones if scale is None else scale, np.zeros_like(ones) if bias is None else bias,
                                    mean, variance, epsilon=epsilon)
    kind = "NCHW" if first and x.rank > 2 else "C"
    parts = [_along(g, v, x, kind) for v in (mean, variance, scale, bias)]
    normal = g.Div(g.Sub(x, parts[0]), g.Sqrt(g.Add(parts[1], epsilon)))
    return _affine(g, normal, parts[2], parts[3])


def _layer_norm(g: Builder, x: Value, scale: Value | None, bias: Value | None, epsilon: float,
                begin_norm_axis: int) -> Value:
    shape = [g.static(x, k, "a layer norm") for k in range(begin_norm_axis, x.rank)]
    gain = np.ones(shape, x.dtype) if scale is None else g.reshape(scale, shape) if len(shape) > 1 else scale
    shift = None if bias is None else g.reshape(bias, shape) if len(shape) > 1 else bias
    return g.LayerNormalization(x, gain, shift, axis=begin_norm_axis, epsilon=epsilon)


def _instances(g: Builder, x: Value, groups: int, epsilon: float) -> Value:
    ones = np.ones(groups, x.dtype)
    return g.InstanceNormalization(x, ones, np.zeros_like(ones), epsilon=epsilon)


def _group_norm(g: Builder, x: Value, scale: Value | None, bias: Value | None, epsilon: float, groups: int,
                data_format: str) -> Value:
    last = data_format[-1] == "C"
    rank, shape = x.rank, list(x.sizes)
    y = g.Transpose(x, perm=[0, rank - 1, *range(1, rank - 1)]) if last else x
    normal = _instances(g, g.Reshape(y, [0, groups, -1]), groups, epsilon)
    back = g.reshape(normal, [shape[0], shape[-1], *shape[1:-1]] if last else shape)
    labelled = Value(back.name, x.dtype, (*shape,))
    parts = [_along(g, v, labelled, "NCHW") for v in (scale, bias)]
    out = _affine(g, labelled, *parts)
    return g.Transpose(out, perm=[0, *range(2, rank), 1]) if last else out


def _instance_norm(g: Builder, x: Value, scale: Value | None, bias: Value | None, epsilon: float) -> Value:
    channels = g.static(x, 1, "an instance norm")
    normal = _instances(g, x, channels, epsilon)
    return _affine(g, normal, *[_along(g, v, x, "NCHW") for v in (scale, bias)])


def _renorm(g: Builder, x: Value, p: float, axis: int, max_norm: float) -> Value:
    others = [a for a in range(x.rank) if a != axis % x.rank]
    norm = g.Pow(g.ReduceSum(g.Pow(g.Abs(x), float(p)), others, keepdims=1), 1 / p)
    factor = g.Where(g.Greater(norm, max_norm), g.Div(max_norm, g.Add(norm, 1e-7)), g.Mul(norm, 0.0))
    return g.Mul(x, g.Where(g.Greater(norm, max_norm), factor, g.Add(g.Mul(norm, 0.0), 1.0)))


def _label_smooth(g: Builder, label: Value, prior_dist: Value | None, epsilon: float) -> Value:
    prior: Any = epsilon / g.static(label, -1, "label smoothing") if prior_dist is None else g.Mul(prior_dist, epsilon)
    return g.Add(g.Mul(label, 1 - epsilon), prior)


TABLE: dict[str, Entry] = {
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "label_smooth": _label_smooth,
    "layer_norm": _layer_norm,
    "renorm": _renorm,
    "sync_batch_norm": _batch_norm,
}
