"""Nodes with weights, pools and norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from prunelab.data.saved.onnx.node import Node, Unsupported, known, numbers, tensor


def _pads(node: Node, kernel: list[int], sizes: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """What is added before and after each axis, as Paddle wants it: before, after, before, after."""
    n, mode = len(kernel), node.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        pads = list(node.get("pads") or [0] * 2 * n) if mode == "NOTSET" else [0] * 2 * n
        return [pads[k + side * n] for k in range(n) for side in range(2)]
    out = []
    for k, size, stride, dilation in zip(kernel, sizes, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        less = total // 2
        out += [less, total - less] if mode == "SAME_UPPER" else [total - less, less]
    return out


def conv(node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    """A convolution over one, two or three axes."""
    n = len(weight.shape) - 2
    strides, dilations = (list(node.get(key) or [1] * n) for key in ("strides", "dilations"))
    pads = _pads(node, list(weight.shape[2:]), list(x.shape[2:]), strides, dilations)
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[n]
    return function(x, weight, bias, strides, pads, dilations, node.get("group", 1))


def conv_transpose(node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    """A transposed convolution over two axes."""
    if len(weight.shape) != 4 or node.get("output_shape") or node.get("auto_pad", "NOTSET") != "NOTSET":
        raise Unsupported("it is not over two axes with pads that are given")
    strides, dilations = (list(node.get(key) or [1, 1]) for key in ("strides", "dilations"))
    pads = _pads(node, list(weight.shape[2:]), list(x.shape[2:]), strides, dilations)
    return F.conv2d_transpose(x, weight, bias, strides, pads, list(node.get("output_padding") or [0, 0]),
                              groups=node.get("group", 1), dilation=dilations)


def gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    """A product of matrices, and a sum."""
    product = paddle.matmul(a, b, bool(node.get("transA", 0)), bool(node.get("transB", 0)))
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    product = product if alpha == 1 else product * alpha
    return product if c is None else product + (tensor(c, product) if beta == 1 else tensor(c, product) * beta)


def batch_norm(training: bool, node: Node, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    """A batch norm that trains again: in training by the batch's own statistics."""
    return F.batch_norm(x, mean, variance, scale, bias, training, node.get("momentum", 0.9), node.get("epsilon", 1e-5))


def layer_norm(node: Node, x: Any, scale: Any, bias: Any = None) -> Any:
    """A layer norm over the last axes."""
    axis = node.get("axis", -1)
    return F.layer_norm(x, list(x.shape)[axis:], scale, bias, node.get("epsilon", 1e-5))


def instance_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    """An instance norm."""
    return F.instance_norm(x, weight=scale, bias=bias, eps=node.get("epsilon", 1e-5))


def pool(kind: str) -> Any:
    """The largest, or the mean, of each window."""
    def entry(node: Node, x: Any) -> Any:
        kernel = list(node.get("kernel_shape"))
        n = len(kernel)
        strides = list(node.get("strides") or [1] * n)
        if any(d != 1 for d in node.get("dilations") or ()) or len(node.outputs) > 1:
            raise Unsupported("it has gaps in its window, or gives places too")
        if n > 2:
            raise Unsupported("it is over three axes")
        pads = _pads(node, kernel, list(x.shape[2:]), strides, [1] * n)
        ceil = bool(node.get("ceil_mode", 0))
        if kind == "max":
            function = F.max_pool1d if n == 1 else F.max_pool2d
            return function(x, kernel, strides, pads, ceil_mode=ceil)
        function = F.avg_pool1d if n == 1 else F.avg_pool2d
        return function(x, kernel, strides, pads, ceil_mode=ceil, exclusive=not node.get("count_include_pad", 0))

    return entry


def whole_pool(name: str) -> Any:
    """The largest, or the mean, over all positions."""
    def entry(node: Node, x: Any) -> Any:
        return getattr(paddle, name)(x, list(range(2, len(x.shape))), keepdim=True)

    return entry


def pad(node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    """Numbers around a tensor."""
    if axes is not None or node.get("mode", "constant") != "constant":
        raise Unsupported("it is not constant on all axes")
    amounts = node.get("pads") if pads is None else numbers(pads, "pads")
    n = len(x.shape)
    pairs = [(amounts[k], amounts[k + n]) for k in range(n)]
    number = float(value.item()) if known(value) else float(node.get("value", 0.0))
    if pairs[:2] == [(0, 0)] * 2 and n in (3, 4, 5):
        # Paddle counts from the last axis
        return F.pad(x, [m for pair in pairs[:1:-1] for m in pair], value=number,
                     data_format={3: "NCL", 4: "NCHW", 5: "NCDHW"}[n])
    return F.pad(x, [m for pair in pairs for m in pair], value=number)


def resize(node: Node, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    """Maps of another size."""
    mode, way = node.get("mode", "nearest"), node.get("coordinate_transformation_mode", "half_pixel")
    if known(sizes) and sizes.size:
        wanted = numbers(sizes, "sizes")
    elif known(scales) and scales.size:
        wanted = [int(np.floor(n * s)) for n, s in zip(x.shape, scales.tolist(), strict=True)]
    else:
        raise Unsupported("its size is computed from the data")
    whole = all(w % n == 0 for w, n in zip(wanted, x.shape, strict=True))
    if len(wanted) != 4 or wanted[:2] != list(x.shape[:2]):
        raise Unsupported("it is not of the last two of four axes")
    if mode == "nearest" and whole and (way, node.get("nearest_mode", "round_prefer_floor")) in (
            ("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")):
        return F.interpolate(x, wanted[2:], mode="nearest")
    if mode == "linear" and way in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        return F.interpolate(x, wanted[2:], mode="bilinear", align_corners=way == "align_corners")
    raise Unsupported(f"it is {mode} with {way}")


LAYERS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "MatMul": lambda node, a, b: paddle.matmul(tensor(a, b), tensor(b, a)),
    "Einsum": lambda node, *xs: paddle.einsum(node.get("equation"), *xs),
    "LayerNormalization": layer_norm,
    "InstanceNormalization": instance_norm,
    "MaxPool": pool("max"),
    "AveragePool": pool("mean"),
    "GlobalAveragePool": whole_pool("mean"),
    "GlobalMaxPool": whole_pool("max"),
    "Pad": pad,
    "Resize": resize,
}
# these are told whether the layer trains
OF_MODE = {
    "BatchNormalization": batch_norm,
    "Dropout": lambda training, node, x, ratio=None, mode=None: F.dropout(
        x, float(ratio.item()) if known(ratio) else node.get("ratio", 0.5), training=training),
}
