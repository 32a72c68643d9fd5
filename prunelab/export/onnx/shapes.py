"""Operators that only move numbers, and constants, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from prunelab.export.onnx.builder import INT_MAX, Builder, Entry, Value
from prunelab.export.sizes import Size
from prunelab.export.translate import CannotSay


def _reshape(g: Builder, x: Value, shape: Sequence[Any]) -> Value:
    return g.reshape(x, list(shape))


def _squeeze(g: Builder, x: Value, axis: Any) -> Value:
    given: Sequence[int] = [axis] if isinstance(axis, int) else axis
    axes = [a for a in given or range(x.rank) if x.sizes[a] == 1]
    return g.Squeeze(x, axes) if axes else x


def _unsqueeze(g: Builder, x: Value, axis: Any) -> Value:
    axes: Sequence[int] = [axis] if isinstance(axis, int) else axis
    rank = x.rank
    for a in axes:  # one after the other, as Paddle counts them
        x = g.Unsqueeze(x, [a % (rank + 1) if a < 0 else a])
        rank += 1
    return x


def _flatten(g: Builder, x: Value, start_axis: int, stop_axis: int) -> Value:
    if not x.rank:
        return g.Reshape(x, [1])
    start, stop = start_axis % x.rank, stop_axis % x.rank
    inside = x.sizes[start: stop + 1]
    middle: Any = 1
    for n in inside:
        middle = n * middle
    return g.reshape(x, [*x.sizes[:start], middle, *x.sizes[stop + 1:]])


def _concat(g: Builder, x: list[Value], axis: Any) -> Value:
    kind = g.out[0].dtype if g.out[0] is not None else x[0].dtype
    return g.Concat(*[g.cast(v, kind) for v in x], axis=int(axis))


def _stack(g: Builder, x: list[Value], axis: int) -> Value:
    axis = axis % (x[0].rank + 1)
    return g.Concat(*[g.Unsqueeze(v, [axis]) for v in x], axis=axis)


def pieces(g: Builder, x: Value, sizes: Sequence[Any], axis: int) -> list[Value]:
    """``x`` cut along an axis."""
    out: Any = g.Split(x, g.ints(sizes), axis=axis, n_outputs=len(sizes)) if len(sizes) > 1 else x
    return [*out] if isinstance(out, tuple) else [out]


def _split(g: Builder, x: Value, sections: Sequence[Any], axis: int) -> list[Value]:
    sizes = list(sections)
    if -1 in sizes:
        rest: Any = x.sizes[axis]
        for n in sizes:
            rest = rest + -1 * n if n != -1 else rest
        sizes[sizes.index(-1)] = rest
    return _labelled(x, pieces(g, x, sizes, axis), sizes, axis)


def _labelled(x: Value, parts: list[Value], sizes: Sequence[Any], axis: int) -> list[Value]:
    axis %= x.rank
    return [Value(p.name, p.dtype, (*x.sizes[:axis], n, *x.sizes[axis + 1:]))
            for p, n in zip(parts, sizes, strict=True)]


def _split_with_num(g: Builder, x: Value, num: int, axis: int) -> list[Value]:
    n = g.static(x, axis, "a split")
    return _labelled(x, pieces(g, x, [n // num] * num, axis), [n // num] * num, axis)


def _unbind(g: Builder, x: Value, axis: int) -> list[Value]:
    axis %= x.rank
    n = g.static(x, axis, "a split")
    return [Value(g.Squeeze(p, [axis]).name, x.dtype, (*x.sizes[:axis], *x.sizes[axis + 1:]))
            for p in pieces(g, x, [1] * n, axis)]


def _slice(g: Builder, input: Value, axes: Sequence[int], starts: Any, ends: Any,
           decrease_axis: Sequence[int]) -> Value:
    out = g.Slice(input, _positions(g, starts), _positions(g, ends), list(axes)) if axes else input
    return g.Squeeze(out, list(decrease_axis)) if decrease_axis else out


def _positions(g: Builder, numbers: Any) -> Any:
    """Where slices start or end: numbers, or a tensor of them, in int64."""
    return g.cast(g.Reshape(numbers, [-1]), "int64") if isinstance(numbers, Value) else list(numbers)


def _strided_slice(g: Builder, x: Value, axes: Sequence[int], starts: Any, ends: Any, strides: Any) -> Value:
    # Paddle clamps an end below the start as NumPy does; -1 there means the last position
    return g.Slice(x, _positions(g, starts), _positions(g, ends), list(axes), _positions(g, strides))


def _crop(g: Builder, x: Value, shape: Sequence[Any], offsets: Sequence[Any]) -> Value:
    ends = [INT_MAX if n == -1 else o + n for n, o in zip(shape, offsets, strict=True)]
    return g.Slice(x, list(offsets), ends, list(range(x.rank)))


def _expand(g: Builder, x: Value, shape: Any) -> Value:
    target = g.cast(shape, "int64") if isinstance(shape, Value) else [1 if n == -1 else n for n in shape]
    return _expanded(g, x, target)


def _expanded(g: Builder, x: Value, target: Any) -> Value:
    if x.dtype == "bool":
        return g.cast(g.Expand(g.cast(x, "int32"), target), "bool")
    return g.Expand(x, target)


def _expand_as(g: Builder, x: Value, y: Value | None, target_shape: Sequence[int]) -> Value:
    return _expanded(g, x, g.Shape(y) if y is not None else list(target_shape))


def _broadcast(g: Builder, input: list[Value]) -> list[Value]:
    shape = g.Shape(g.Sum(*input)) if len(input) > 1 else g.Shape(input[0])
    return [g.Expand(x, shape) for x in input]


def _meshgrid(g: Builder, inputs: list[Value]) -> list[Value]:
    n = len(inputs)
    sizes = tuple(g.Size(x) if x.rank and x.sizes[0] == -1 else x.sizes[0] if x.rank else 1 for x in inputs)
    out = [g.Expand(g.Reshape(x, [-1 if a == k else 1 for a in range(n)]), g.ints(sizes)) for k, x in enumerate(inputs)]
    return [Value(v.name, v.dtype, None if -1 in (n for x in inputs for n in x.sizes) else sizes) for v in out]


def _tile(g: Builder, x: Value, repeat_times: Sequence[Any]) -> Value:
    times = list(repeat_times)
    if len(times) > x.rank:
        x = g.reshape(x, [*[1] * (len(times) - x.rank), *x.sizes])
    else:
        times = [1] * (x.rank - len(times)) + times
    return g.Tile(x, g.ints(times))


def _repeat(g: Builder, x: Value, repeats: int, axis: int, output_size: int = -1) -> Value:
    axis %= x.rank
    times = [1] * (x.rank + 1)
    times[axis + 1] = repeats
    tiled = g.Tile(g.Unsqueeze(x, [axis + 1]), times)
    return g.reshape(tiled, [*x.sizes[:axis], x.sizes[axis] * repeats, *x.sizes[axis + 1:]])


def _flip(g: Builder, x: Value, axis: Sequence[int]) -> Value:
    n = len(axis)
    return g.Slice(x, [-1] * n, [-INT_MAX - 1] * n, list(axis), [-1] * n)


def _roll(g: Builder, x: Value, shifts: Any, axis: Sequence[int]) -> Value:
    shifts = [shifts] if isinstance(shifts, int) else list(shifts)
    if not axis:
        return g.reshape(_roll_one(g, g.Reshape(x, [-1]), shifts[0], 0), list(x.sizes))
    for s, a in zip(shifts, axis, strict=True):
        x = Value(_roll_one(g, x, s % g.static(x, a, "a roll"), a).name, x.dtype, x.shape)
    return x


def _roll_one(g: Builder, x: Value, shift: int, axis: int) -> Value:
    return x if not shift else g.Concat(g.slice(x, axis, -shift), g.slice(x, axis, 0, -shift), axis=axis)


# padding


def _padded(g: Builder, x: Value, before: Sequence[Any], after: Sequence[Any], mode: str, value: Any) -> Value:
    if any(isinstance(n, Size) for n in (*before, *after)):
        raise CannotSay("a padding that follows a free size")
    if mode == "circular":
        return _wrapped(g, x, before, after)
    mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[mode]
    y = g.cast(x, "int32") if x.dtype == "bool" else x
    fill = g.constant_of(value, y.dtype) if not isinstance(value, Value) else g.Reshape(value, [])
    return g.cast(g.Pad(y, [*before, *after], fill if mode == "constant" else None, mode=mode), x.dtype)


def _wrapped(g: Builder, x: Value, before: Sequence[int], after: Sequence[int]) -> Value:
    for axis, (a, b) in enumerate(zip(before, after, strict=True)):
        parts = [g.slice(x, axis, -a)] if a else []
        parts += [x, *([g.slice(x, axis, 0, b)] if b else [])]
        x = g.Concat(*parts, axis=axis) if len(parts) > 1 else x
    return x


def _pad(g: Builder, x: Value, paddings: Sequence[Any], pad_value: Any) -> Value:
    return _padded(g, x, paddings[::2], paddings[1::2], "constant", pad_value)


def _pad3d(g: Builder, x: Value, paddings: Sequence[Any], mode: str, pad_value: Any, data_format: str) -> Value:
    # from the last axis of space to the first, each before and after
    before, after = list(paddings[::2])[::-1], list(paddings[1::2])[::-1]
    lead, end = ([0, 0], []) if data_format[1] == "C" else ([0], [0])
    return _padded(g, x, [*lead, *before, *end], [*lead, *after, *end], mode, pad_value)


# channels and positions in space


def _channels_first(entry: Entry) -> Entry:
    """An entry for channels first, also for channels last."""
    def either(g: Builder, x: Value, data_format: str, **more: Any) -> Value:
        if data_format[1] == "C":
            return entry(g, x, **more)
        n, h, w, c = x.sizes
        first = Value(g.Transpose(x, perm=[0, 3, 1, 2]).name, x.dtype, (n, c, h, w))
        return g.Transpose(entry(g, first, **more), perm=[0, 2, 3, 1])
    either.__signature__ = _signature(entry)  # type: ignore[attr-defined]
    return either


def _signature(entry: Entry) -> Any:
    import inspect

    own = inspect.signature(entry)
    extra = inspect.Parameter("data_format", inspect.Parameter.KEYWORD_ONLY)
    return own.replace(parameters=[*own.parameters.values(), extra])


def _pixel_shuffle(g: Builder, x: Value, upscale_factor: int) -> Value:
    return g.DepthToSpace(x, blocksize=upscale_factor, mode="CRD")


def _pixel_unshuffle(g: Builder, x: Value, downscale_factor: int) -> Value:
    f = downscale_factor
    n, c, h, w = (x.sizes[0], *(g.static(x, k, "a pixel unshuffle") for k in (1, 2, 3)))
    cut = g.reshape(x, [n, c, h // f, f, w // f, f])
    return g.reshape(g.Transpose(cut, perm=[0, 1, 3, 5, 2, 4]), [n, c * f * f, h // f, w // f])


def _channel_shuffle(g: Builder, x: Value, groups: int) -> Value:
    n, c, h, w = x.sizes
    cut = g.reshape(x, [n, groups, g.static(x, 1, "a channel shuffle") // groups, h, w])
    return g.reshape(g.Transpose(cut, perm=[0, 2, 1, 3, 4]), [n, c, h, w])


def _temporal_shift(g: Builder, x: Value, seg_num: int, shift_ratio: float) -> Value:
    c, h, w = (g.static(x, k, "a temporal shift") for k in (1, 2, 3))
    first, second = int(c * shift_ratio), int(c * 2 * shift_ratio)
    y = g.Reshape(x, [-1, seg_num, c, h, w])
    late = g.slice(g.Pad(g.slice(y, 2, 0, first), [0, 1] + [0] * 8, 0.0), 1, 0, seg_num)
    early = g.slice(g.Pad(g.slice(y, 2, first, second), [0] * 6 + [1, 0, 0, 0], 0.0), 1, 1)
    return g.Reshape(g.Concat(late, early, g.slice(y, 2, second), axis=2), [-1, c, h, w])


# constants whose sizes follow the batch


def _full(g: Builder, shape: Any, value: Any, dtype: str) -> Value:
    kind = "int32" if dtype == "bool" else dtype
    return g.cast(g.Expand(g.constant_of(value, kind), _positions(g, shape)), dtype)


def _full_like(g: Builder, x: Value, value: Any, dtype: Any) -> Value:
    kind = str(dtype) if dtype and "undefined" not in str(dtype) else x.dtype
    number = value if isinstance(value, Value) else g.constant_of(value, "int32" if kind == "bool" else kind)
    return g.cast(g.Expand(g.cast(g.Reshape(number, []), number.dtype), g.Shape(x)), kind)


def _full_with_tensor(g: Builder, value: Value, shape: Any, dtype: str) -> Value:
    return g.Expand(g.cast(g.Reshape(value, []), dtype), shape if isinstance(shape, Value) else g.ints(shape))


def _arange(g: Builder, start: Any, end: Any, step: Any, dtype: str) -> Value:
    ends = [g.cast(g.Reshape(g.value(n, dtype), []), dtype) for n in (start, end, step)]
    return g.Range(*ends)


def _sequence_mask(g: Builder, x: Value, max_len: Any, out_dtype: str) -> Value:
    if not isinstance(max_len, int) or max_len < 0:
        raise CannotSay("a mask as long as its longest sequence; give maxlen")
    positions = g.constant(np.arange(max_len, dtype=x.dtype))
    return g.cast(g.Less(positions, g.Unsqueeze(x, [-1])), out_dtype)


def _eye(g: Builder, num_rows: Any, num_columns: Any, dtype: str) -> Value:
    rows = num_rows
    columns = rows if num_columns in (-1, num_rows) else num_columns
    shape = g.ints([rows, columns])
    return g.EyeLike(g.Expand(g.constant_of(0, dtype), shape))


def _triangle(upper: int) -> Entry:
    def entry(g: Builder, x: Value, diagonal: int) -> Value:
        y = g.cast(x, "int64") if x.dtype == "bool" else x
        return g.cast(g.Trilu(y, g.constant_of(diagonal, "int64"), upper=upper), x.dtype)
    return entry


def _perm_to_end(rank: int, *axes: int) -> list[int]:
    return [a for a in range(rank) if a not in axes] + list(axes)


def _diagonal(g: Builder, x: Value, offset: int, axis1: int, axis2: int) -> Value:
    axis1, axis2 = axis1 % x.rank, axis2 % x.rank
    rows, columns = g.static(x, axis1, "a diagonal"), g.static(x, axis2, "a diagonal")
    n = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    where = np.arange(n) * columns + np.arange(n) + (offset if offset >= 0 else -offset * columns)
    moved = g.Transpose(x, perm=_perm_to_end(x.rank, axis1, axis2))
    flat = g.reshape(moved, [*(n for a, n in enumerate(x.sizes) if a not in (axis1, axis2)), rows * columns])
    return g.Gather(flat, g.constant(where.astype(np.int64)), axis=-1)


def _diag(g: Builder, x: Value, offset: int, padding_value: float) -> Value:
    if x.rank == 2:
        return _diagonal(g, x, offset, 0, 1)
    n = g.static(x, 0, "a diagonal matrix")
    on = np.eye(n + abs(offset), k=offset, dtype=bool)
    spread = _spread(g, x, n, offset)
    return g.Where(g.constant(on), spread, g.constant_of(padding_value, x.dtype))


def _spread(g: Builder, x: Value, n: int, offset: int) -> Value:
    """A vector in the last axis as the diagonal of a matrix in the last two."""
    size = n + abs(offset)
    matrix = np.zeros((n, size, size), x.dtype)
    matrix[np.arange(n), np.arange(n) + max(-offset, 0), np.arange(n) + max(offset, 0)] = 1
    flat = g.MatMul(x, g.constant(matrix.reshape(n, size * size)))
    return g.reshape(flat, [*x.sizes[:-1], size, size])


def _diag_embed(g: Builder, input: Value, offset: int, dim1: int, dim2: int) -> Value:
    rank = input.rank + 1
    order = _perm_to_end(rank, dim1 % rank, dim2 % rank)
    spread = _spread(g, input, g.static(input, -1, "a diagonal matrix"), offset)
    return g.Transpose(spread, perm=[order.index(a) for a in range(rank)])


def _shape(g: Builder, input: Value) -> Value:
    kind = g.out[0].dtype if g.out[0] is not None else "int64"
    return g.cast(g.Shape(input), kind)


TABLE: dict[str, Entry] = {
    "arange": _arange,
    "broadcast_tensors": _broadcast,
    "channel_shuffle": _channels_first(_channel_shuffle),
    "concat": _concat,
    "crop": _crop,
    "diag": _diag,
    "diag_embed": _diag_embed,
    "diagonal": _diagonal,
    "empty": lambda g, shape, dtype: _full(g, shape, 0, dtype),
    "expand": _expand,
    "expand_as": _expand_as,
    "eye": _eye,
    "flatten": _flatten,
    "flip": _flip,
    "full": _full,
    "full_like": _full_like,
    "full_with_tensor": _full_with_tensor,
    "meshgrid": _meshgrid,
    "pad": _pad,
    "pad3d": _pad3d,
    "pixel_shuffle": _channels_first(_pixel_shuffle),
    "pixel_unshuffle": _channels_first(_pixel_unshuffle),
    "repeat_interleave": _repeat,
    "reshape": _reshape,
    "roll": _roll,
    "sequence_mask": _sequence_mask,
    "shape": _shape,
    "shape64": _shape,
    "slice": _slice,
    "split": _split,
    "split_with_num": _split_with_num,
    "squeeze": _squeeze,
    "stack": _stack,
    "strided_slice": _strided_slice,
    "temporal_shift": _channels_first(_temporal_shift),
    "tile": _tile,
    "trace": lambda g, x, offset, axis1, axis2: g.ReduceSum(_diagonal(g, x, offset, axis1, axis2), [-1], keepdims=0),
    "transpose": lambda g, x, perm: g.Transpose(x, perm=list(perm)),
    "tril": _triangle(0),
    "triu": _triangle(1),
    "unbind": lambda g, input, axis: _unbind(g, input, axis),
    "unsqueeze": _unsqueeze,
    "unstack": lambda g, x, axis, num: _unbind(g, x, axis),
}
