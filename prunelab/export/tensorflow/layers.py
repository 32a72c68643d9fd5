"""Convolutions, pools, norms and products, as TensorFlow's functions: on CPUs channels come last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from prunelab.export.tensorflow.sizes import size_of, sizes
from prunelab.export.translate import CannotSay
from prunelab.export.windows import Pads, averages, paddings, same, stretches, up_to

Entry = Any


def _last(x: Any, data_format: str) -> Any:
    rank = x.shape.rank
    return tf.transpose(x, [0, *range(2, rank), 1]) if data_format[1] == "C" else x


def _back(x: Any, data_format: str) -> Any:
    rank = x.shape.rank
    return tf.transpose(x, [0, rank - 1, *range(1, rank - 1)]) if data_format[1] == "C" else x


def _space(x: Any) -> list[int]:
    if None in x.shape[1:-1]:
        raise CannotSay("windows over a free size")
    return [int(n) for n in x.shape[1:-1]]


def _extent(x: Any) -> list[Any]:
    """The sizes of the space, those that are free as scalars."""
    return [size_of(x, k) for k in range(1, x.shape.rank - 1)]


def _pads(x: Any, kernel: Sequence[int], strides: Sequence[int], given: Sequence[int], algorithm: str) -> Pads:
    if algorithm == "SAME":
        return same(_space(x), kernel, strides)
    return [(0, 0)] * len(kernel) if algorithm == "VALID" else paddings(given, len(kernel))


def _around(x: Any, pads: Pads, value: float = 0.0) -> Any:
    return tf.pad(x, [(0, 0), *pads, (0, 0)], constant_values=tf.cast(value, x.dtype)) if any(map(any, pads)) else x


def _conv(input: Any, filter: Any, strides: Sequence[int], paddings: Sequence[int], padding_algorithm: str,
          dilations: Sequence[int], groups: int, data_format: str) -> Any:
    x = _last(input, data_format)
    kernel = [int(k) for k in filter.shape[2:]]
    x = _around(x, _pads(x, kernel, strides, paddings, padding_algorithm))
    if filter.shape.rank == 5:
        return _back(_over_volumes(x, filter, list(strides), list(dilations), groups), data_format)
    dilations = [1, 1] if padding_algorithm == "SAME" else list(dilations)
    weight = tf.transpose(filter, [2, 3, 1, 0])
    channels = int(x.shape[-1])
    if groups == channels and groups > 1 and len(set(strides)) == 1:
        each = int(filter.shape[0]) // groups
        deep = tf.reshape(tf.transpose(filter, [2, 3, 1, 0]), [*kernel, groups, each])
        out = tf.nn.depthwise_conv2d(x, deep, [1, *strides, 1], "VALID", dilations=dilations)
    elif groups > 1:
        parts = zip(tf.split(x, groups, -1), tf.split(weight, groups, -1), strict=True)
        out = tf.concat([tf.nn.conv2d(a, w, list(strides), "VALID", dilations=dilations) for a, w in parts], -1)
    else:
        out = tf.nn.conv2d(x, weight, list(strides), "VALID", dilations=dilations)
    return _back(out, data_format)


def _over_volumes(x: Any, filter: Any, strides: list[int], dilations: list[int], groups: int) -> Any:
    if any(d != 1 for d in dilations):
        raise CannotSay("a dilated convolution over volumes")
    weight = tf.transpose(filter, [2, 3, 4, 1, 0])
    parts = zip(tf.split(x, groups, -1), tf.split(weight, groups, -1), strict=True)
    return tf.concat([tf.nn.conv3d(a, w, [1, *strides, 1], "VALID") for a, w in parts], -1)


def _transposed(x: Any, filter: Any, strides: Sequence[int], paddings: Sequence[int], output_padding: Sequence[int],
                output_size: Any, padding_algorithm: str, groups: int, dilations: Sequence[int],
                data_format: str) -> Any:
    if filter.shape.rank != 4 or any(d != 1 for d in dilations):
        raise CannotSay("a transposed convolution that is dilated, or over volumes")
    y = _last(x, data_format)
    kernel = [int(k) for k in filter.shape[2:]]
    pads = _pads(y, kernel, strides, paddings, padding_algorithm)
    whole = [(n - 1) * s + k for n, s, k in zip(_extent(y), strides, kernel, strict=True)]
    more = list(output_padding) or [0, 0]
    if output_size:
        _space(y)  # what is wanted has one size
        more = [int(n) - size + sum(p) for n, size, p in zip(output_size, whole, pads, strict=True)]
    wanted = [n - sum(p) + m for n, p, m in zip(whole, pads, more, strict=True)]
    weight = tf.transpose(filter, [2, 3, 1, 0])
    parts = zip(tf.split(y, groups, -1), tf.split(weight, groups, -1), strict=True)
    out = tf.concat([tf.nn.conv2d_transpose(a, w, sizes([tf.shape(a)[0], *whole, int(w.shape[2])]), list(strides),
                                            "VALID") for a, w in parts], -1)
    out = _around(out, [(0, max(0, m - after)) for m, (_, after) in zip(more, pads, strict=True)])
    (a, _), (b, _) = pads
    return _back(out[:, a: a + wanted[0], b: b + wanted[1]], data_format)


def _max_with_index(x: Any, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int], global_pooling: bool,
                    adaptive: bool, ceil_mode: bool) -> Any:
    # where the largest stands is None: who reads it fails by name
    return _pool(x, kernel_size, strides, paddings, ceil_mode, True, "NCHW", "max", global_pooling, adaptive,
                 "EXPLICIT"), None


def _pool(x: Any, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool, exclusive: bool,
          data_format: str, pooling_type: str, global_pooling: bool, adaptive: bool, padding_algorithm: str) -> Any:
    y = _last(x, data_format)
    largest = pooling_type == "max"
    if global_pooling or (adaptive and all(k == 1 for k in kernel_size)):
        axes = list(range(1, y.shape.rank - 1))
        return _back((tf.reduce_max if largest else tf.reduce_mean)(y, axes, keepdims=True), data_format)
    if adaptive:
        return _back(_adaptive(y, kernel_size, largest), data_format)
    kernel, strides = list(kernel_size), list(strides)
    pads = _pads(y, kernel, strides, paddings, padding_algorithm)
    whole = up_to(_space(y), kernel, strides, pads) if ceil_mode else pads
    if any(b >= k for (_, b), k in zip(whole, kernel, strict=True)):
        raise CannotSay("a pool whose last window holds nothing; leave ceil_mode out")
    if largest:
        return _back(tf.nn.max_pool(_around(y, whole, -math.inf), kernel, strides, "VALID"), data_format)
    total = tf.nn.avg_pool(_around(y, whole), kernel, strides, "VALID")
    counted = tf.ones_like(y[:1, ..., :1])
    counted = counted if exclusive else _around(counted, pads, 1.0)  # the padding counts
    beyond = whole if exclusive else [(0, b - own) for (_, b), (_, own) in zip(whole, pads, strict=True)]
    there = tf.nn.avg_pool(_around(counted, beyond), kernel, strides, "VALID")
    return _back(total / there if any(map(any, whole)) else total, data_format)


def _adaptive(x: Any, windows: Sequence[Any], largest: bool) -> Any:
    for axis, (n, size) in enumerate(zip(windows, _space(x), strict=True), 1):
        n = size if n == -1 else int(n)
        order = [a for a in range(x.shape.rank) if a != axis] + [axis]
        turned = tf.transpose(x, order)
        if largest:
            out = tf.stack([tf.reduce_max(turned[..., a:b], -1) for a, b in stretches(size, n)], -1)
        else:
            out = tf.tensordot(turned, tf.constant(averages(size, n, x.dtype.name)), 1)
        x = tf.transpose(out, [order.index(a) for a in range(x.shape.rank)])
    return x


def _interpolate(x: Any, out_size: Any, size_tensor: Any, scale_tensor: Any, data_format: str, out_d: int, out_h: int,
                 out_w: int, scale: Sequence[float], interp_method: str, align_corners: bool, align_mode: int) -> Any:
    if align_corners or align_mode == 1 or size_tensor or scale_tensor is not None or out_size is not None:
        raise CannotSay("aligned corners, or a size that is computed")
    if x.shape.rank != 4:
        raise CannotSay("other sizes of a line or a volume")
    y = _last(x, data_format)
    nearest = interp_method == "nearest"
    factors = list(scale) * 2 if len(scale) == 1 else list(scale)
    if scale and all(float(f).is_integer() for f in factors):  # of any size
        size = [n * int(f) for n, f in zip(_extent(y), factors, strict=True)]
    else:
        size = [int(n * f) for n, f in zip(_space(y), factors, strict=True)] if scale else [out_h, out_w]
        if scale and any(s != n * f for s, n, f in zip(size, _space(y), factors, strict=True)):
            raise CannotSay("a scale of which no whole size comes")  # TensorFlow goes by the sizes, Paddle by the scale
        if nearest and any(s % n for s, n in zip(size, _space(y), strict=True)):
            raise CannotSay("the nearest of an uneven size")
    return _back(tf.image.resize(y, sizes(size), "nearest" if nearest else "bilinear"), data_format)


# norms


def _along(v: Any, x: Any, data_format: str) -> Any:
    return v if data_format[-1] == "C" or x.shape.rank == 2 else tf.reshape(v, [-1, *[1] * (x.shape.rank - 2)])


def _affine(x: Any, scale: Any, bias: Any) -> Any:
    x = x if scale is None else x * scale
    return x if bias is None else x + bias


def _batch_norm(x: Any, mean: Any, variance: Any, scale: Any, bias: Any, epsilon: float, data_format: str) -> Any:
    factor = tf.math.rsqrt(variance + epsilon) * (1.0 if scale is None else scale)
    shift = (0.0 if bias is None else bias) - mean * factor
    return x * _along(factor, x, data_format) + _along(shift, x, data_format)


def _normal(x: Any, axes: list[int], epsilon: float) -> Any:
    mean = tf.reduce_mean(x, axes, keepdims=True)
    centred = x - mean
    return centred * tf.math.rsqrt(tf.reduce_mean(centred * centred, axes, keepdims=True) + epsilon)


def _layer_norm(x: Any, scale: Any, bias: Any, epsilon: float, begin_norm_axis: int) -> Any:
    axes = list(range(begin_norm_axis, x.shape.rank))
    shape = [x.shape[a] for a in axes]
    gain, shift = (v if v is None else tf.reshape(v, shape) for v in (scale, bias))
    return _affine(_normal(x, axes, epsilon), gain, shift)


def _group_norm(x: Any, scale: Any, bias: Any, epsilon: float, groups: int, data_format: str) -> Any:
    y = _last(x, data_format)
    cut = tf.reshape(y, sizes([-1, *_extent(y), groups, y.shape[-1] // groups]))
    rank = cut.shape.rank
    out = _normal(cut, [*range(1, rank - 2), rank - 1], epsilon)
    return _back(_affine(tf.reshape(out, sizes([-1, *_extent(y), y.shape[-1]])), scale, bias), data_format)


def _instance_norm(x: Any, scale: Any, bias: Any, epsilon: float) -> Any:
    parts = [v if v is None else _along(v, x, "NCHW") for v in (scale, bias)]
    return _affine(_normal(x, list(range(2, x.shape.rank)), epsilon), *parts)


def _unfold(x: Any, kernel_sizes: Sequence[int], strides: Sequence[int], paddings: Sequence[int],
            dilations: Sequence[int]) -> Any:
    """Windows as channels, by a depthwise convolution that takes one place of a window each, which TFLite has."""
    if len(set(strides)) > 1 or (strides[0] > 1 and any(d > 1 for d in dilations)):
        raise CannotSay("an unfold with several strides, or with strides and dilations")
    height, width = kernel_sizes
    pads = [paddings[0]] * 4 if len(paddings) == 1 else list(paddings) * (4 // len(paddings))
    y = _around(_last(x, "NCHW"), [(before, after) for before, after in zip(pads[:2], pads[2:], strict=True)])
    channels, n = int(y.shape[-1]), height * width
    one_place = tf.tile(tf.reshape(tf.eye(n, dtype=y.dtype), [height, width, 1, n]), [1, 1, channels, 1])
    out = tf.nn.depthwise_conv2d(y, one_place, [1, *strides, 1], "VALID", dilations=list(dilations))
    rows, columns = _extent(out)
    return tf.transpose(tf.reshape(out, sizes([-1, rows * columns, channels * n])), [0, 2, 1])


# products


def _added(input: Any, x: Any, y: Any, beta: float, alpha: float) -> Any:
    return beta * input + alpha * tf.matmul(x, y)


def _matmul(x: Any, y: Any, transpose_x: bool, transpose_y: bool) -> Any:
    if x.shape.rank == 1 or y.shape.rank == 1:
        raise CannotSay("a product with a vector")
    return tf.matmul(x, y, transpose_a=transpose_x, transpose_b=transpose_y)


TABLE: dict[str, Entry] = {
    "addmm": _added,
    "baddbmm": _added,
    "batch_norm": _batch_norm,
    "bilinear_interp": _interpolate,
    "bmm": lambda x, y: tf.matmul(x, y),
    "conv2d": _conv,
    "conv2d_transpose": _transposed,
    "conv3d": _conv,
    "depthwise_conv2d_transpose": _transposed,
    "depthwise_conv2d": _conv,
    "dot": lambda x, y: tf.reduce_sum(x * y, -1),
    "einsum": lambda x, equation: tf.einsum(equation.replace(" ", ""), *x),
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "matmul": _matmul,
    "max_pool2d_with_index": _max_with_index,
    "max_pool3d_with_index": _max_with_index,
    "mv": lambda x, vec: tf.linalg.matvec(x, vec),
    "pool3d": _pool,
    "nearest_interp": _interpolate,
    "pool2d": _pool,
    "unfold": _unfold,
}
