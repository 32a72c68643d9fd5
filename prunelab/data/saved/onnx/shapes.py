"""Nodes that move numbers: shapes, parts, joints."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from prunelab.data.saved.onnx.node import Node, Unsupported, known, numbers, tensor


def shape(node: Node, x: Any) -> Any:
    """The sizes of a tensor, known."""
    sizes = list(x.shape)[node.get("start", 0) : node.get("end")]
    if any(n < 0 for n in sizes):
        raise Unsupported("the size of its input is free")
    return np.array(sizes, np.int64)


def reshape(node: Node, x: Any, sizes: Any) -> Any:
    """Other axes for the same numbers; a size of 0 is the input's."""
    wanted = numbers(sizes, "shape")
    if not node.get("allowzero", 0):
        wanted = [x.shape[k] if n == 0 else n for k, n in enumerate(wanted)]
    return x.reshape(wanted)


def flatten(node: Node, x: Any) -> Any:
    """Two axes."""
    axis = node.get("axis", 1)
    axis += len(x.shape) if axis < 0 else 0
    if axis == 1:
        return paddle.flatten(x, 1)
    return x.reshape([int(np.prod(x.shape[:axis])), -1])


def _axes(node: Node, axes: Any) -> list[int]:
    found = node.get("axes") if axes is None else numbers(axes, "axes")
    return [int(a) for a in found or ()]


def squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    """Without axes of one."""
    found = _axes(node, axes)
    if known(x):
        return np.squeeze(x, tuple(found) or None)
    return paddle.squeeze(x, found or None)


def unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    """With more axes of one."""
    found = _axes(node, axes)
    return np.expand_dims(x, tuple(found)) if known(x) else paddle.unsqueeze(x, found)


def transpose(node: Node, x: Any) -> Any:
    """The axes in another order."""
    order = node.get("perm") or list(range(len(x.shape)))[::-1]
    return np.transpose(x, order) if known(x) else paddle.transpose(x, list(order))


def concat(node: Node, *xs: Any) -> Any:
    """Side by side."""
    axis = node.get("axis")
    if all(map(known, xs)):
        return np.concatenate(xs, axis)
    like = next(x for x in xs if not known(x))
    return paddle.concat([tensor(x, like) for x in xs], axis)


def split(node: Node, x: Any, sizes: Any = None) -> Any:
    """Parts along an axis."""
    axis, n = node.get("axis", 0), len(node.outputs)
    parts = node.get("split") if sizes is None else numbers(sizes, "sizes")
    if parts is None:
        whole = x.shape[axis]
        each = -(-whole // n)
        parts = [each] * (n - 1) + [whole - each * (n - 1)]
    if known(x):
        return list(np.split(x, np.cumsum(parts)[:-1], axis))
    return paddle.split(x, list(parts), axis)


def slice_(node: Node, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Any:
    """A part of some axes."""
    begin = node.get("starts") if starts is None else numbers(starts, "starts")
    end = node.get("ends") if ends is None else numbers(ends, "ends")
    along = node.get("axes") if axes is None else numbers(axes, "axes")
    along = list(range(len(begin))) if along is None else [a + len(x.shape) if a < 0 else a for a in along]
    step = [1] * len(begin) if steps is None else numbers(steps, "steps")
    if known(x):
        index = [slice(None)] * x.ndim
        for a, b, e, s in zip(along, begin, end, step, strict=True):
            index[a] = slice(b, None if s < 0 and e < -x.shape[a] else e, s)
        return x[tuple(index)]
    if all(s == 1 for s in step):
        return paddle.slice(x, along, list(begin), [min(e, x.shape[a]) for a, e in zip(along, end, strict=True)])
    end = [min(e, x.shape[a]) if s > 0 else max(e, -x.shape[a] - 1)
           for a, e, s in zip(along, end, step, strict=True)]
    begin = [min(b, x.shape[a] - 1) if s < 0 else b for a, b, s in zip(along, begin, step, strict=True)]
    return paddle.strided_slice(x, along, list(begin), end, step)


def gather(node: Node, x: Any, indices: Any) -> Any:
    """Entries of an axis: a table's rows, or one number of a shape."""
    axis = node.get("axis", 0)
    if known(x) and known(indices):
        return np.asarray(np.take(x, indices, axis))
    if known(indices) and indices.ndim == 0:
        place = int(indices) + (x.shape[axis] if indices < 0 else 0)
        axis += len(x.shape) if axis < 0 else 0
        return paddle.slice(x, [axis], [place], [place + 1]).squeeze(axis)
    if axis == 0 and len(x.shape) == 2 and not known(indices):
        return paddle.nn.functional.embedding(indices, tensor(x, indices))
    rows = tensor(indices, x)
    out = paddle.index_select(tensor(x, rows), rows.flatten(), axis)
    axis += len(x.shape) if axis < 0 else 0
    return out if len(rows.shape) == 1 else out.reshape([*x.shape[:axis], *rows.shape, *x.shape[axis + 1 :]])


def expand(node: Node, x: Any, sizes: Any) -> Any:
    """Repeated along axes of one."""
    wanted, have = numbers(sizes, "shape"), list(x.shape)
    have = [1] * (len(wanted) - len(have)) + have
    wanted = [1] * (len(have) - len(wanted)) + wanted
    full = [max(a, b) for a, b in zip(have, wanted, strict=True)]
    return np.broadcast_to(x, full) if known(x) else paddle.expand(x, full)


def tile(node: Node, x: Any, repeats: Any) -> Any:
    """Repeated as a whole."""
    times = numbers(repeats, "repeats")
    return np.tile(x, times) if known(x) else paddle.tile(x, times)


def constant_of_shape(node: Node, sizes: Any) -> Any:
    """One number everywhere, known."""
    value = node.get("value")
    value = np.zeros(1, np.float32) if value is None else value
    return np.full(numbers(sizes, "shape"), value.reshape(-1)[0], value.dtype)


def range_(node: Node, start: Any, limit: Any, delta: Any) -> Any:
    """Numbers in order, known."""
    if not all(map(known, (start, limit, delta))):
        raise Unsupported("its bounds are computed from the data")
    return np.arange(start.item(), limit.item(), delta.item()).astype(start.dtype)


def depth_to_space(node: Node, x: Any) -> Any:
    """Channels as pixels."""
    if node.get("mode", "DCR") != "CRD":
        raise Unsupported("it is in the mode DCR")
    return paddle.nn.functional.pixel_shuffle(x, node.get("blocksize"))


SHAPES = {
    "Shape": shape,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Gather": gather,
    "Expand": expand,
    "Tile": tile,
    "ConstantOfShape": constant_of_shape,
    "Range": range_,
    "DepthToSpace": depth_to_space,
    "Constant": lambda node: node.get("value"),
}
