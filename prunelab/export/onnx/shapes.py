"""Operators that only move numbers, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prunelab.export.onnx.builder import INT_MAX, Builder, Entry, Value


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
    out = g.Slice(input, positions(g, starts), positions(g, ends), list(axes)) if axes else input
    return g.Squeeze(out, list(decrease_axis)) if decrease_axis else out


def positions(g: Builder, numbers: Any) -> Any:
    """Where slices start or end: numbers, or a tensor of them, in int64."""
    return g.cast(g.Reshape(numbers, [-1]), "int64") if isinstance(numbers, Value) else list(numbers)


def _strided_slice(g: Builder, x: Value, axes: Sequence[int], starts: Any, ends: Any, strides: Any) -> Value:
    # Paddle clamps an end below the start as NumPy does; -1 there means the last position
    return g.Slice(x, positions(g, starts), positions(g, ends), list(axes), positions(g, strides))


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


TABLE: dict[str, Entry] = {
    "broadcast_tensors": _broadcast,
    "concat": _concat,
    "crop": _crop,
    "expand": _expand,
    "expand_as": _expand_as,
    "flatten": _flatten,
    "flip": _flip,
    "meshgrid": _meshgrid,
    "repeat_interleave": _repeat,
    "reshape": _reshape,
    "roll": _roll,
    "slice": _slice,
    "split": _split,
    "split_with_num": _split_with_num,
    "squeeze": _squeeze,
    "stack": _stack,
    "strided_slice": _strided_slice,
    "tile": _tile,
    "transpose": lambda g, x, perm: g.Transpose(x, perm=list(perm)),
    "unbind": lambda g, input, axis: _unbind(g, input, axis),
    "unsqueeze": _unsqueeze,
    "unstack": lambda g, x, axis, num: _unbind(g, x, axis),
}
