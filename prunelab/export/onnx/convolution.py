"""Convolutions, pools and what resizes, as ONNX nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.sizes import Size
from prunelab.export.translate import CannotSay
from prunelab.export.windows import Pads, averages, paddings, same, stretches, up_to


def _first(g: Builder, x: Value, data_format: str) -> Value:
    """With channels first."""
    if data_format[1] == "C":
        return x
    n, *space, c = x.sizes
    rank = x.rank
    return Value(g.Transpose(x, perm=[0, rank - 1, *range(1, rank - 1)]).name, x.dtype, (n, c, *space))


def _back(g: Builder, y: Value, data_format: str, rank: int) -> Value:
    return y if data_format[1] == "C" else g.Transpose(y, perm=[0, *range(2, rank), 1])


def _space(g: Builder, x: Value, what: str) -> list[int]:
    return [g.static(x, k, what) for k in range(2, x.rank)]


def _onnx_pads(pads: Pads) -> list[int]:
    return [a for a, _ in pads] + [b for _, b in pads]


def _conv(g: Builder, input: Value, filter: Value, strides: Sequence[int], paddings: Sequence[int],
          padding_algorithm: str, dilations: Sequence[int], groups: int, data_format: str) -> Value:
    x = _first(g, input, data_format)
    kernel = [g.static(filter, k, "a convolution") for k in range(2, filter.rank)]
    pads, dilations = _pads(g, x, kernel, strides, paddings, padding_algorithm, dilations)
    y = g.Conv(x, filter, kernel_shape=kernel, strides=list(strides), pads=_onnx_pads(pads), group=groups,
               dilations=dilations)
    return _back(g, y, data_format, x.rank)


def _pads(g: Builder, x: Value, kernel: list[int], strides: Sequence[int], given: Sequence[int], algorithm: str,
          dilations: Sequence[int]) -> tuple[Pads, list[int]]:
    if algorithm == "SAME":  # whose kernels do not stretch
        return same(_space(g, x, "a convolution that keeps sizes"), kernel, strides), [1] * len(kernel)
    if algorithm == "VALID":
        return [(0, 0)] * len(kernel), list(dilations)
    return paddings(given, len(kernel)), list(dilations)


def _transposed(g: Builder, x: Value, filter: Value, strides: Sequence[int], paddings: Sequence[int],
                output_padding: Sequence[int], output_size: Any, padding_algorithm: str, groups: int,
                dilations: Sequence[int], data_format: str) -> Value:
    y = _first(g, x, data_format)
    kernel = [g.static(filter, k, "a convolution") for k in range(2, filter.rank)]
    pads, dilations = _pads(g, y, kernel, strides, paddings, padding_algorithm, dilations)
    more = list(output_padding) or [0] * len(kernel)
    if output_size:
        sizes = _space(g, y, "a transposed convolution to a given size")
        more = [int(want) - ((n - 1) * s - sum(p) + d * (k - 1) + 1) for want, n, s, p, d, k in
                zip(output_size, sizes, strides, pads, dilations, kernel, strict=True)]
    out = g.ConvTranspose(y, filter, kernel_shape=kernel, strides=list(strides), pads=_onnx_pads(pads), group=groups,
                          dilations=dilations, output_padding=more)
    return _back(g, out, data_format, x.rank)


# pools


def _pool(g: Builder, x: Value, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool,
          exclusive: bool, data_format: str, pooling_type: str, global_pooling: bool, adaptive: bool,
          padding_algorithm: str) -> Value:
    y = _first(g, x, data_format)
    kind = pooling_type
    if global_pooling or (adaptive and all(n == 1 for n in kernel_size)):
        axes = list(range(2, y.rank))
        out = (g.ReduceMax if kind == "max" else g.ReduceMean)(y, axes, keepdims=1)
    elif adaptive:
        out = _adaptive(g, y, kernel_size, kind)
    else:
        out = _windows(g, y, list(kernel_size), list(strides), paddings, padding_algorithm, ceil_mode, exclusive, kind)
    return _back(g, out, data_format, x.rank)


def _windows(g: Builder, x: Value, kernel: list[int], strides: list[int], given: Sequence[int], algorithm: str,
             ceil_mode: bool, exclusive: bool, kind: str) -> Value:
    given_pads, _ = _pads(g, x, kernel, strides, given, algorithm, kernel)
    pads = given_pads
    if ceil_mode:
        pads = up_to(_space(g, x, "a pool whose last window is broken"), kernel, strides, pads)
        if any(b >= k for (_, b), k in zip(pads, kernel, strict=True)):
            raise CannotSay("a pool whose last window holds nothing; leave ceil_mode out")
    sizes = {"kernel_shape": kernel, "strides": strides}
    if kind == "max":
        return g.MaxPool(x, pads=_onnx_pads(pads), **sizes)
    if exclusive:  # the mean of what is there
        return g.AveragePool(x, pads=_onnx_pads(pads), count_include_pad=0, **sizes)
    # the padding counts, but not what a broken window has beyond it
    before, after = [a for a, _ in given_pads], [b for _, b in given_pads]
    padded = g.Pad(x, [0, 0, *before, 0, 0, *after], 0.0) if any(before + after) else x
    beyond = [(0, b - own) for (_, b), own in zip(pads, after, strict=True)]
    return g.AveragePool(padded, pads=_onnx_pads(beyond), count_include_pad=0, **sizes)


def _adaptive(g: Builder, x: Value, windows: Sequence[Any], kind: str) -> Value:
    """One axis after the other: a mean, and a maximum, of means and maxima of equal stretches."""
    out = x
    for axis, n in enumerate(windows, 2):
        size = g.static(x, axis, "an adaptive pool")
        n = size if n == -1 else int(n)
        if kind == "max":
            parts = [g.ReduceMax(g.slice(out, axis, a, b), [axis], keepdims=1) for a, b in stretches(size, n)]
            out = g.Concat(*parts, axis=axis) if len(parts) > 1 else parts[0]
        else:
            order = [a for a in range(x.rank) if a != axis] + [axis]
            mean = g.MatMul(g.Transpose(out, perm=order), g.constant(averages(size, n, x.dtype)))
            out = g.Transpose(mean, perm=[order.index(a) for a in range(x.rank)])
    return out


def _max_with_index(g: Builder, x: Value, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int],
                    global_pooling: bool, adaptive: bool, ceil_mode: bool) -> tuple[Value, Value]:
    if adaptive or global_pooling or not g.used[1]:
        if g.used[1]:
            raise CannotSay("where the largest of an adaptive pool stands; its values can be said")
        out = _pool(g, x, kernel_size, strides, paddings, ceil_mode, True, "NCHW", "max", global_pooling, adaptive,
                    "EXPLICIT")
        return out, out
    pads, _ = _pads(g, x, list(kernel_size), strides, paddings, "EXPLICIT", kernel_size)
    space = _space(g, x, "a pool that says where")
    if ceil_mode:
        pads = up_to(space, kernel_size, strides, pads)
    out, where = g.MaxPool(x, kernel_shape=list(kernel_size), strides=list(strides), pads=_onnx_pads(pads),
                           n_outputs=2)
    return out, g.cast(g.Mod(Value(where.name, "int64"), math.prod(space)), "int32")


def _unpool(g: Builder, x: Value, indices: Value, output_size: Sequence[Any]) -> Value:
    n, c = x.sizes[:2]
    inside = math.prod(g.static(x, k, "an unpool") for k in range(2, x.rank))
    places, numbers = (g.reshape(v, [n, c, inside]) for v in (g.cast(indices, "int64"), x))
    zeros = g.Expand(g.constant_of(0, x.dtype), g.ints([n, c, math.prod(int(s) for s in output_size[-(x.rank - 2):])]))
    return g.reshape(g.ScatterElements(zeros, places, numbers, axis=2), [n, c, *output_size[-(x.rank - 2):]])


def _lp_pool(g: Builder, x: Value, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int],
             ceil_mode: bool, exclusive: bool, data_format: str, pooling_type: str, global_pooling: bool,
             adaptive: bool, padding_algorithm: str, norm_type: float) -> Value:
    if math.isinf(norm_type):
        raise CannotSay("a pool of infinite norm, of which Paddle's own kernel makes ones; use a maximum pool")
    y = _first(g, x, data_format)
    powers = Value(g.Pow(y, float(norm_type)).name, y.dtype, y.shape)
    mean = _pool(g, powers, kernel_size, strides, paddings, ceil_mode, False, "NCHW", "avg", global_pooling, adaptive,
                 padding_algorithm)
    total = g.Mul(mean, float(math.prod(kernel_size)))
    return _back(g, g.Pow(total, 1 / norm_type), data_format, x.rank)


# other sizes


def _interpolation(kind: str) -> Entry:
    def entry(g: Builder, x: Value, out_size: Any, size_tensor: Any, scale_tensor: Any, data_format: str, out_d: int,
              out_h: int, out_w: int, scale: Sequence[float], interp_method: str, align_corners: bool,
              align_mode: int) -> Value:
        y = _first(g, x, data_format)
        n = y.rank - 2
        sizes = size_tensor or out_size
        if scale_tensor is not None:
            raise CannotSay("a scale that is computed; give the size")
        whole = [int(s) for s in (out_d, out_h, out_w)[-n:]] if n > 1 else [int(out_w)]
        wanted = None if sizes is None and scale else whole if sizes is None else sizes
        return _back(g, _resize(g, y, kind, wanted, list(scale or []), align_corners, align_mode), data_format, x.rank)
    return entry


def _resize(g: Builder, x: Value, kind: str, sizes: Any, scales: list[float], align: bool, align_mode: int) -> Value:
    mode = "align_corners" if align else "asymmetric" if kind == "nearest" or (
        align_mode == 1 and kind == "linear") else "half_pixel"
    more: dict[str, Any] = {"mode": kind, "coordinate_transformation_mode": mode}
    if kind == "nearest":
        more["nearest_mode"] = "round_prefer_ceil" if align else "floor"
    if kind == "cubic":
        more["cubic_coeff_a"] = -0.75
    line = x.rank == 3
    y = g.Unsqueeze(x, [2]) if line else x
    if sizes is None:
        each = scales if len(scales) == x.rank - 2 else scales * (x.rank - 2)
        factors = [1.0, 1.0, *([1.0] if line else []), *each]
        out = g.Resize(y, None, g.constant(np.asarray(factors, np.float32)), **more)
    else:
        out = g.Resize(y, None, None, _sizes(g, y, sizes, line), **more)
    return g.Squeeze(out, [2]) if line else out


def _sizes(g: Builder, x: Value, sizes: Any, line: bool) -> Value:
    lead = g.slice(g.Shape(x), 0, 0, 3 if line else 2)
    if isinstance(sizes, Value):
        return g.Concat(lead, g.cast(g.Reshape(sizes, [-1]), "int64"), axis=0)
    return g.Concat(lead, g.ints(list(sizes)), axis=0)


def _grid_sample(g: Builder, x: Value, grid: Value, mode: str, padding_mode: str, align_corners: bool) -> Value:
    if x.rank != 4:
        raise CannotSay("a grid over volumes")
    return g.GridSample(x, grid, mode=mode, padding_mode=padding_mode, align_corners=int(align_corners))


def _affine_grid(g: Builder, input: Value, output_shape: Any, align_corners: bool) -> Value:
    if isinstance(output_shape, Value) or len(output_shape) != 4:
        raise CannotSay("an affine grid of a computed shape, or over volumes")
    h, w = output_shape[2:]
    if isinstance(h, Size) or isinstance(w, Size):
        raise CannotSay("an affine grid over a free size")

    def line(n: int) -> Any:
        if align_corners:
            return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        return (np.arange(n) * 2 + 1) / n - 1
    y, x = np.meshgrid(line(h), line(w), indexing="ij")
    points = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3).astype(input.dtype)
    return g.Reshape(g.MatMul(g.constant(points), g.Transpose(input, perm=[0, 2, 1])), [-1, h, w, 2])


def _unfold(g: Builder, x: Value, kernel_sizes: Sequence[int], strides: Sequence[int], paddings: Sequence[int],
            dilations: Sequence[int]) -> Value:
    """A convolution with kernels that each pick one position: channels, then positions in the window."""
    c = g.static(x, 1, "an unfold")
    a, b = kernel_sizes
    kernel = np.tile(np.eye(a * b, dtype=x.dtype).reshape(a * b, 1, a, b), (c, 1, 1, 1))
    top, left, bottom, right = (list(paddings) * 2)[:4] if len(paddings) < 4 else paddings
    picked = g.Conv(x, g.constant(kernel), strides=list(strides), dilations=list(dilations), group=c,
                    pads=[top, left, bottom, right])
    out = g.out[0]
    n_windows = out.shape[2] if out is not None and len(out.shape) == 3 else -1
    return g.Reshape(picked, [-1, c * a * b, n_windows])


def _fold(g: Builder, x: Value, output_sizes: Sequence[int], kernel_sizes: Sequence[int], strides: Sequence[int],
          paddings: Sequence[int], dilations: Sequence[int]) -> Value:
    pads = (list(paddings) * 2)[:4] if len(paddings) < 4 else list(paddings)
    return g.Col2Im(x, g.ints(output_sizes), g.ints(kernel_sizes), strides=list(strides), dilations=list(dilations),
                    pads=pads)


TABLE: dict[str, Entry] = {
    "affine_grid": _affine_grid,
    "bicubic_interp": _interpolation("cubic"),
    "bilinear_interp": _interpolation("linear"),
    "conv2d": _conv,
    "conv2d_transpose": _transposed,
    "conv3d": _conv,
    "conv3d_transpose": _transposed,
    "depthwise_conv2d": _conv,
    "depthwise_conv2d_transpose": _transposed,
    "fold": _fold,
    "grid_sample": _grid_sample,
    "linear_interp": _interpolation("linear"),
    "lp_pool2d": _lp_pool,
    "max_pool2d_with_index": _max_with_index,
    "max_pool3d_with_index": _max_with_index,
    "nearest_interp": _interpolation("nearest"),
    "pool2d": _pool,
    "pool3d": _pool,
    "trilinear_interp": _interpolation("linear"),
    "unfold": _unfold,
    "unpool": lambda g, x, indices, ksize, strides, padding, output_size, data_format: _unpool(
        g, x, indices, output_size),
    "unpool3d": lambda g, x, indices, ksize, strides, paddings, output_size, data_format: _unpool(
        g, x, indices, output_size),
}
