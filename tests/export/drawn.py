"""Operators with drawn shapes and attributes, each alone: what the tables of all frameworks are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paddle
import paddle.nn.functional as F
from hypothesis import strategies as st
from paddle import nn


class Shape(tuple):
    """Marks a drawn value as the shape of an input; the batch, which is free, is not in it."""


@dataclass(frozen=True)
class Case:
    """A function of inputs (drawn shapes) and attributes (whatever else is drawn)."""

    function: Callable[..., Any]
    drawn: tuple[st.SearchStrategy[Any], ...]

    @property
    def strategy(self) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.tuples(*self.drawn)


class Alone(nn.Layer):
    """One operator, or a layer, with its attributes."""

    def __init__(self, function: Callable[..., Any], attributes: list[Any]) -> None:
        super().__init__()
        self.function, self.attributes = function, attributes
        self.made = function(*attributes) if isinstance(function, type) else None

    def forward(self, x, x1=None, x2=None):
        inputs = [each for each in (x, x1, x2) if each is not None]
        return self.made(*inputs) if self.made is not None else self.function(*inputs, *self.attributes)


def case(function: Callable[..., Any], *drawn: st.SearchStrategy[Any]) -> Case:
    return Case(function, drawn)


size = st.integers(1, 6)


def shape(*sizes: st.SearchStrategy[int] | int) -> st.SearchStrategy[Shape]:
    return st.tuples(*(s if isinstance(s, st.SearchStrategy) else st.just(s) for s in sizes)).map(Shape)


vector, tokens = shape(size), shape(size, size)
maps = shape(size, st.integers(4, 9), st.integers(4, 9))
line = shape(size, st.integers(4, 9))
some = st.one_of(vector, tokens, maps)
slope = st.floats(0.01, 0.9)
flag = st.booleans()
last = st.integers(-2, -1)


def pick(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


ACTIVATIONS = {
    **{f.__name__: case(f, some) for f in (
        F.relu, F.relu6, F.sigmoid, F.tanh, F.silu, F.mish, F.softsign, F.hardswish, F.hardsigmoid, F.log_sigmoid,
        F.tanhshrink)},
    "gelu": case(F.gelu, some, flag),
    "leaky_relu": case(F.leaky_relu, some, slope),
    "elu": case(F.elu, some, slope),
    "celu": case(F.celu, some, st.floats(0.3, 2)),
    "selu": case(F.selu, some),
    "softplus": case(F.softplus, some, st.floats(0.5, 3), st.floats(0.5, 20)),
    "softshrink": case(F.softshrink, some, slope),
    "hardshrink": case(F.hardshrink, some, slope),
    "hardtanh": case(F.hardtanh, some, st.floats(-1, 0), st.floats(0.1, 1)),
    "thresholded_relu": case(F.thresholded_relu, some, slope, st.floats(-1, 1)),
    "stanh": case(paddle.stanh, some, slope, st.floats(0.5, 2)),
    "softmax": case(F.softmax, tokens, last),
    "log_softmax": case(F.log_softmax, tokens, last),
    "maxout": case(F.maxout, shape(pick(4, 8), size, size), pick(2, 4)),
    "swiglu": case(F.swiglu, shape(size, pick(2, 4, 6))),
    "glu": case(F.glu, shape(size, pick(2, 4, 6))),
    "prelu": case(nn.PReLU, shape(5, 3, 2), pick(1, 5)),
}
SPACE = {
    "conv2d": case(lambda x, o, k, s, p, d: F.conv2d(x, paddle.ones([o, x.shape[1], k, k]), None, s, p, d),
                   maps, size, pick(1, 2), pick(1, 2, 3), pick(0, 1, [1, 2], [0, 1, 2, 1]), pick(1, 2)),
    "conv2d, same": case(nn.Conv2D, shape(4, 7, 8), st.just(4), pick(2, 6), pick(1, 2, 3), pick(1, 2),
                         pick("same", "valid"), st.just(1), pick(1, 2)),
    "conv2d, last": case(lambda x, p: F.conv2d(x, paddle.ones([3, 4, 2, 2]) * 0.1, padding=p, data_format="NHWC"),
                         shape(5, 6, 4), pick(0, 1, "same")),
    "conv transpose": case(nn.Conv2DTranspose, shape(4, 4, 5), st.just(4), pick(2, 4), pick(2, 3), pick(1, 2),
                           pick(0, 1), st.just(0), pick(1, 2), pick(1, 2)),
    "avg_pool2d": case(F.avg_pool2d, maps, pick(2, 3), pick(1, 2), pick(0, 1), flag, flag),
    "max_pool2d": case(F.max_pool2d, maps, pick(2, 3), pick(1, 2), pick(0, 1), st.just(False), flag),
    "adaptive_avg_pool2d": case(F.adaptive_avg_pool2d, maps, pick(1, 2, 3, [3, 2], [4, 1])),
    "adaptive_max_pool2d": case(F.adaptive_max_pool2d, maps, pick(1, 2, 3, [3, 2])),
    "adaptive_avg_pool1d": case(F.adaptive_avg_pool1d, line, pick(1, 2, 3)),
    "interpolate, size": case(lambda x, s, mode, corners: F.interpolate(x, s, mode=mode, align_corners=corners),
                              maps, pick([5, 7], [8, 8], [3, 11]), pick("bilinear", "bicubic"), flag),
    "interpolate, scale": case(lambda x, s, mode: F.interpolate(x, scale_factor=s, mode=mode), maps,
                               pick(2, [2, 3], 1.5), pick("nearest", "bilinear")),
    "pixel_shuffle": case(F.pixel_shuffle, shape(pick(4, 8), size, size), st.just(2)),
    "pixel_unshuffle": case(F.pixel_unshuffle, shape(size, pick(2, 4), pick(2, 6)), st.just(2)),
    "channel_shuffle": case(F.channel_shuffle, shape(pick(4, 8), size, size), pick(2, 4)),
    "unfold": case(F.unfold, maps, pick(1, 2, [2, 3]), pick(1, 2), pick(0, 1), pick(1)),
    "pad": case(lambda x, p, mode: F.pad(x, p, mode), maps, pick([1, 2, 0, 1], [3, 0, 2, 1]),
                pick("constant", "reflect", "replicate", "circular")),
}


def deformed(x: Any, offset: Any, mask: Any, kernel: int, stride: int, pad: int, dilation: int, groups: int,
             parts: int) -> Any:
    """A deformable convolution whose offsets reach beyond the edges, each part of the channels with its own."""
    n = kernel * kernel * parts
    size = paddle.nn.functional.unfold(x[:, :1], kernel, stride, pad, dilation).shape[-1]
    rows = (x.shape[2] + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    window = [rows, size // rows]
    to = F.interpolate(offset, window).tile([1, 2 * n, 1, 1]) * paddle.linspace(-3, 3, 2 * n).reshape([1, -1, 1, 1])
    weights = F.interpolate(mask, window).tile([1, n, 1, 1])
    kernels = paddle.linspace(-1, 1, 4 * 4 // groups * kernel * kernel).reshape([4, 4 // groups, kernel, kernel])
    return paddle.vision.ops.deform_conv2d(x, to, kernels, None, stride, pad, dilation, parts, groups, weights)


PLACES = {
    "deform_conv2d": case(deformed, shape(4, 6, 7), shape(1, 6, 7), shape(1, 6, 7), pick(1, 2, 3), pick(1, 2),
                          pick(0, 1, 2), pick(1, 2), pick(1, 2), pick(1, 2, 4)),
    "unique": case(lambda x, axis: paddle.unique(x.round() if axis is None else (x.sum(0) > 0).astype("float32"), True,
                                                 True, True, axis), shape(size, 3), pick(None, 0, 1)),
}
NORMS = {
    "group_norm": case(lambda x, g, e: F.group_norm(x, g, e), shape(pick(4, 8), size, size), pick(1, 2, 4),
                       pick(1e-5, 0.1)),
    "instance_norm": case(nn.InstanceNorm2D, shape(3, 4, 5), st.just(3), pick(1e-5, 0.1)),
    "layer_norm": case(nn.LayerNorm, shape(4, 3, 6), pick(6, [3, 6]), pick(1e-5, 1e-3)),
    "batch_norm": case(nn.BatchNorm2D, shape(4, 3, 6), st.just(4), st.just(0.9), pick(1e-5, 0.1)),
    "normalize": case(lambda x, p, axis: F.normalize(x, p, axis), tokens, pick(1, 2, 3), last),
    "local_response_norm": case(F.local_response_norm, maps, pick(1, 2, 3)),
}
REDUCTIONS = {
    **{f.__name__: case(f, shape(size, size, size), pick(-1, 1, [1, 2], [-1, -3]), flag)
       for f in (paddle.sum, paddle.mean, paddle.max, paddle.min, paddle.prod, paddle.logsumexp, paddle.amax)},
    "std": case(paddle.std, tokens, last, st.just(False)),
    "norm": case(lambda x, p, axis: paddle.linalg.norm(x, p, axis), tokens, pick(1, 2, 3.0, float("inf"), 0), last),
    "argmax": case(paddle.argmax, tokens, last, flag),
    "cumsum": case(paddle.cumsum, tokens, last),
    "cumprod": case(paddle.cumprod, tokens, last),
    "logcumsumexp": case(paddle.logcumsumexp, tokens, last),
    "cummax": case(lambda x, axis: paddle.cummax(x, axis)[0], tokens, last),
    "topk": case(lambda x, k, axis, largest: paddle.topk(x, k, axis, largest)[0], shape(st.integers(3, 6),
                 st.integers(3, 6)), pick(1, 2, 3), last, flag),
    "sort": case(paddle.sort, tokens, last, flag),
    "median": case(paddle.median, tokens, last, flag),
}
SHAPES = {
    "reshape": case(lambda x, n: x.reshape([x.shape[0], n, -1]), shape(pick(4, 8), size), pick(1, 2, 4)),
    "flatten": case(paddle.flatten, shape(size, size, size), pick(1, 2), pick(2, 3, -1)),
    "transpose": case(paddle.transpose, shape(size, size, size), st.permutations([1, 2, 3]).map(lambda p: [0, *p])),
    "roll": case(paddle.roll, shape(size, size), pick(1, -2, 4), pick(1, 2)),
    "flip": case(paddle.flip, shape(size, size), pick([1], [2], [1, 2])),
    "tile": case(paddle.tile, tokens, pick([1, 2, 3], [2], [2, 1, 1, 1])),
    "expand": case(lambda x, n: x.unsqueeze(1).expand([-1, n, -1]), vector, size),
    "repeat_interleave": case(paddle.repeat_interleave, tokens, pick(1, 2, 3), pick(1, 2)),
    "slice": case(lambda x, a, b, s: x[:, a:b:s], shape(8, size), pick(0, 1, -7, None), pick(None, 7, -1, 20),
                  pick(1, 2, 3)),
    "slice, backwards": case(lambda x, a, s: x[:, a::s], shape(8, size), pick(None, 5, -2), pick(-1, -2)),
    "split": case(lambda x, sizes: paddle.split(x, sizes, 1)[::-1], shape(6, size), pick(2, 3, [1, 2, 3], [4, -1])),
    "chunk": case(lambda x, n: paddle.concat(x.chunk(n, -1)[::-1], -1), shape(size, 12), pick(2, 3, 4)),
    "stack": case(lambda x, axis: paddle.stack([x, x * 2], axis), tokens, pick(0, 1, 2, -1)),
    "tril": case(paddle.tril, shape(size, size), pick(-1, 0, 1)),
    "diagonal": case(lambda x, k: paddle.diagonal(x, k, 1, 2), shape(5, 6), pick(-2, 0, 3)),
    "diag_embed": case(lambda x, k: paddle.diag_embed(x, k), tokens, pick(-1, 0, 2)),
    "one_hot": case(lambda x, n: F.one_hot((x > 0).astype("int64"), n), vector, st.integers(2, 5)),
    "index_select": case(lambda x, i: paddle.index_select(x, paddle.to_tensor(i), 1), shape(6, size),
                         st.lists(st.integers(0, 5), min_size=1, max_size=7)),
    "set a region": case(lambda x, a, s, v: paddle.slice_scatter(x, x[:, a:6:s] * v, [1], [a], [6], [s]),
                         shape(6, size), pick(0, 1, 3), pick(1, 2), st.floats(-1, 1)),
}
ARITHMETIC = {
    **{f.__name__: case(f, shape(size, 3), shape(1, 3)) for f in (
        paddle.add, paddle.multiply, paddle.subtract, paddle.maximum, paddle.fmin, paddle.atan2, paddle.copysign,
        paddle.greater_than)},
    **{f.__name__: case(f, some) for f in (
        paddle.abs, paddle.ceil, paddle.cos, paddle.erf, paddle.exp, paddle.expm1, paddle.round, paddle.sign,
        paddle.square, paddle.trunc, paddle.isnan)},
    "remainder": case(lambda x, y: paddle.remainder(x, y.abs() + 0.1), shape(size, 3), shape(size, 3).map(
        lambda s: Shape((1, 3)))),
    "scale": case(paddle.scale, some, st.floats(-2, 2), st.floats(-1, 1), flag),
    "clip": case(paddle.clip, some, st.floats(-1, 0), st.floats(0, 1)),
    "pow": case(lambda x, p: x.abs() ** p, some, pick(0, 0.5, 2, 3.5)),
    "lerp": case(lambda x, y, w: paddle.lerp(x, y, w), shape(4, 3), shape(4, 3), slope),
    "where": case(lambda x, y: paddle.where(x > y, x, y * 2), shape(4, 3), shape(1, 3)),
}
PRODUCTS = {
    "matmul": case(lambda x, y: paddle.matmul(x, y, transpose_y=True), shape(4, 3), shape(5, 3)),
    "matmul, turned": case(lambda x, y: paddle.matmul(x, y, transpose_x=True), shape(3, 4), shape(3, 5)),
    "einsum": case(lambda x, y: paddle.einsum("btc,bsc->bts", x, y), shape(4, 3), shape(5, 3)),
    "einsum, of three": case(lambda x, y: paddle.einsum("btc,bsc,bse->bte", x, y, y), shape(4, 3), shape(5, 3)),
    "addmm": case(lambda x, a, b: paddle.baddbmm(x @ x.transpose([0, 2, 1]), x, x.transpose([0, 2, 1]), a, b),
                  tokens, st.floats(0.1, 1), st.floats(0.1, 1)),  # of one sign: what cancels is all rounding
    "attention": case(lambda x, h, causal: F.scaled_dot_product_attention(
        *[x.reshape([x.shape[0], x.shape[1], h, -1])] * 3, is_causal=causal).flatten(2), shape(size, 8), pick(1, 2, 4),
        flag),
}
RECURRENT = {
    kind.__name__: case(kind, shape(size, 4), st.just(4), size, pick(1, 2), pick("forward", "bidirect"))
    for kind in (nn.LSTM, nn.GRU, nn.SimpleRNN)
}
CASES = {**ACTIVATIONS, **SPACE, **PLACES, **NORMS, **REDUCTIONS, **SHAPES, **ARITHMETIC, **PRODUCTS, **RECURRENT}
