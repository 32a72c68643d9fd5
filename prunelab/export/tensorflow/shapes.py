"""What moves numbers, reads them by their places, and makes constants, as TensorFlow's functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from prunelab.export.tensorflow.sizes import size_of, sizes
from prunelab.export.translate import CannotSay

Entry = Any
_FAR = 2**31 - 1


def _reshape(x: Any, shape: Any) -> Any:
    if not isinstance(shape, tf.Tensor):
        shape = [size_of(x, k) if isinstance(n, int) and n == 0 else n for k, n in enumerate(shape)]
        free = [k for k, n in enumerate(shape) if isinstance(n, tf.Tensor)]
        if len(free) == 1 and -1 not in [n for n in shape if isinstance(n, int)]:
            shape = [-1 if k == free[0] else n for k, n in enumerate(shape)]
    return tf.reshape(x, sizes(shape))


def _flatten(x: Any, start_axis: int, stop_axis: int) -> Any:
    rank = x.shape.rank
    start, stop = start_axis % rank, stop_axis % rank
    before, after = [[size_of(x, k) for k in places] for places in (range(start), range(stop + 1, rank))]
    inside = [x.shape[k] for k in range(start, stop + 1)]
    middle: Any = -1
    if None not in inside:
        middle = 1
        for n in inside:
            middle *= n
    return tf.reshape(x, sizes([*before, middle, *after]))


def _squeeze(x: Any, axis: Any) -> Any:
    """By taking the only one: TFLite's converter loses a squeeze after a transposition where sizes are free."""
    rank = x.shape.rank
    axes = [axis % rank] if isinstance(axis, int) else [a % rank for a in axis] or range(rank)
    return x[tuple(0 if k in axes and x.shape[k] == 1 else slice(None) for k in range(rank))]


def _unsqueeze(x: Any, axis: Any) -> Any:
    for a in [axis] if isinstance(axis, int) else axis:
        x = tf.expand_dims(x, a)
    return x


def _slice(input: Any, axes: Sequence[int], starts: Any, ends: Any, decrease_axis: Sequence[int]) -> Any:
    out = _strided(input, axes, starts, ends, [1] * len(axes))
    return tf.squeeze(out, list(decrease_axis)) if decrease_axis else out


def _strided(x: Any, axes: Sequence[int], starts: Any, ends: Any, strides: Any) -> Any:
    index = [slice(None)] * x.shape.rank
    for axis, start, end, step in zip(axes, starts, ends, strides, strict=True):
        n = x.shape[axis]
        far = isinstance(end, int) and (end >= _FAR or (step > 0 and n is not None and end >= n))
        below = isinstance(end, int) and step < 0 and n is not None and end < -n
        index[axis] = slice(start, None if far or below else end, step)
    return x[tuple(index)]


def _split(x: Any, sections: Sequence[Any], axis: int) -> list[Any]:
    return list(tf.split(x, list(sections), axis))


def _expand(x: Any, shape: Any) -> Any:
    if isinstance(shape, tf.Tensor):
        return tf.broadcast_to(x, shape)
    lead = len(shape) - x.shape.rank
    wanted = [size_of(x, k - lead) if isinstance(n, int) and n == -1 else n for k, n in enumerate(shape)]
    return tf.broadcast_to(x, sizes(wanted))


def _tile(x: Any, repeat_times: Sequence[Any]) -> Any:
    times = list(repeat_times)
    if len(times) > x.shape.rank:
        x = tf.reshape(x, sizes([*[1] * (len(times) - x.shape.rank), *[size_of(x, k) for k in range(x.shape.rank)]]))
    return tf.tile(x, sizes([1] * (x.shape.rank - len(times)) + times))


def _pairs(x: Any, before: Sequence[int], after: Sequence[int], mode: str, value: float) -> Any:
    pads = list(zip(before, after, strict=True))
    if mode == "constant":
        return tf.pad(x, pads, constant_values=tf.cast(value, x.dtype))
    if mode == "reflect":
        return tf.pad(x, pads, "REFLECT")
    for axis, (a, b) in enumerate(pads):  # one position after the other repeats an edge; a circle takes the other end
        if not a and not b:
            continue
        n = size_of(x, axis)
        places = tf.range(-a, n + b)
        x = tf.gather(x, tf.clip_by_value(places, 0, n - 1) if mode == "replicate" else places % n, axis=axis)
    return x


def _pad3d(x: Any, paddings: Sequence[int], mode: str, pad_value: float, data_format: str) -> Any:
    before, after = list(paddings[::2])[::-1], list(paddings[1::2])[::-1]
    lead, end = ([0, 0], []) if data_format[1] == "C" else ([0], [0])
    return _pairs(x, [*lead, *before, *end], [*lead, *after, *end], mode, pad_value)


def _roll(x: Any, shifts: Any, axis: Sequence[int]) -> Any:
    if not axis:
        raise CannotSay("a roll over all positions")
    return tf.roll(x, shifts if isinstance(shifts, int) else list(shifts), list(axis))


def _embedding(x: Any, weight: Any, padding_idx: int) -> Any:
    rows = tf.gather(weight, x)
    return rows if padding_idx == -1 else tf.where(tf.expand_dims(x != padding_idx, -1), rows, tf.zeros_like(rows))


def _gather(x: Any, index: Any, axis: Any) -> Any:
    return tf.gather(x, tf.reshape(index, [-1]), axis=int(axis))


def _channels(x: Any, data_format: str, perm: Any) -> Any:
    if data_format[1] != "C":
        raise CannotSay("channels that are last")
    return perm(x)


def _map(x: Any) -> tuple[int, Any, Any]:
    """Channels, height and width."""
    return x.shape[1], size_of(x, 2), size_of(x, 3)


def _channel_shuffle(x: Any, groups: int, data_format: str) -> Any:
    c, h, w = _map(x)
    cut = tf.transpose(tf.reshape(x, sizes([-1, groups, c // groups, h, w])), [0, 2, 1, 3, 4])
    return _channels(x, data_format, lambda _: tf.reshape(cut, sizes([-1, c, h, w])))


def _pixel_shuffle(x: Any, upscale_factor: int, data_format: str) -> Any:
    (c, h, w), f = _map(x), upscale_factor
    cut = tf.transpose(tf.reshape(x, sizes([-1, c // f**2, f, f, h, w])), [0, 1, 4, 2, 5, 3])
    return _channels(x, data_format, lambda _: tf.reshape(cut, sizes([-1, c // f**2, h * f, w * f])))


def _pixel_unshuffle(x: Any, downscale_factor: int, data_format: str) -> Any:
    (c, h, w), f = _map(x), downscale_factor
    cut = tf.transpose(tf.reshape(x, sizes([-1, c, h // f, f, w // f, f])), [0, 1, 3, 5, 2, 4])
    return _channels(x, data_format, lambda _: tf.reshape(cut, sizes([-1, c * f**2, h // f, w // f])))


def _triangle(lower: bool) -> Entry:
    def entry(x: Any, diagonal: int) -> Any:
        rows, columns = (tf.range(size_of(x, k)) for k in (-2, -1))
        apart = tf.expand_dims(rows, 1) - columns
        return tf.where(apart >= -diagonal if lower else apart <= -diagonal, x, tf.zeros_like(x))
    return entry


def _full_like(x: Any, value: Any, dtype: Any) -> Any:
    kind = x.dtype if dtype is None or "undefined" in str(dtype) else tf.as_dtype(str(dtype))
    return tf.fill(tf.shape(x), tf.cast(tf.reshape(value, []), kind))


def _arange(start: Any, end: Any, step: Any, dtype: str) -> Any:
    return tf.range(*[tf.cast(tf.reshape(n, []), tf.as_dtype(str(dtype))) for n in (start, end, step)])


TABLE: dict[str, Entry] = {
    "arange": _arange,
    "channel_shuffle": _channel_shuffle,
    "concat": lambda x, axis: tf.concat(x, int(axis)),
    "embedding": _embedding,
    "expand": _expand,
    "expand_as": lambda x, y, target_shape: tf.broadcast_to(x, tf.shape(y)),
    "flatten": _flatten,
    "flip": lambda x, axis: tf.reverse(x, list(axis)),
    "full": lambda shape, value, dtype: tf.fill(sizes(shape), tf.cast(value, tf.as_dtype(str(dtype)))),
    "full_like": _full_like,
    "gather": _gather,
    "gather_nd": lambda x, index: tf.gather_nd(x, index),
    "index_sample": lambda x, index: tf.gather(x, index, axis=1, batch_dims=1),
    "index_select": _gather,
    "meshgrid": lambda inputs: tf.meshgrid(*inputs, indexing="ij"),
    "numel": lambda x: tf.size(x, tf.int64),
    "one_hot": lambda x, num_classes: tf.one_hot(x, int(num_classes)),
    "pad": lambda x, paddings, pad_value: _pairs(x, paddings[::2], paddings[1::2], "constant", pad_value),
    "pad3d": _pad3d,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "repeat_interleave": lambda x, repeats, axis, output_size=-1: tf.repeat(x, repeats, axis),
    "reshape": _reshape,
    "roll": _roll,
    "shape": lambda input: tf.shape(input),
    "shape64": lambda input: tf.shape(input, tf.int64),
    "slice": _slice,
    "split": _split,
    "split_with_num": lambda x, num, axis: list(tf.split(x, num, axis)),
    "squeeze": _squeeze,
    "stack": lambda x, axis: tf.stack(x, axis),
    "strided_slice": _strided,
    "tile": _tile,
    "transpose": lambda x, perm: tf.transpose(x, list(perm)),
    "tril": _triangle(lower=True),
    "triu": _triangle(lower=False),
    "unbind": lambda input, axis: tf.unstack(input, axis=axis),
    "unsqueeze": _unsqueeze,
    "unstack": lambda x, axis, num: tf.unstack(x, axis=axis),
}
