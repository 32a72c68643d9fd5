"""What reads and writes positions by their numbers, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.onnx.constants import diag_embed
from prunelab.export.sizes import Size
from prunelab.export.translate import CannotSay


def _gather(g: Builder, x: Value, index: Value, axis: Any) -> Value:
    flat = index if index.rank <= 1 else g.Reshape(index, [-1])
    return g.Gather(x, g.cast(flat, "int64"), axis=int(axis))


def _embedding(g: Builder, x: Value, weight: Value, padding_idx: int) -> Value:
    rows = g.Gather(weight, g.cast(x, "int64"), axis=0)
    if padding_idx == -1:
        return rows
    kept = g.Unsqueeze(g.Not(g.Equal(g.cast(x, "int64"), padding_idx)), [-1])
    return g.Where(kept, rows, 0.0)


def _gather_nd(g: Builder, x: Value, index: Value) -> Value:
    if x.dtype == "bool":
        return g.cast(g.GatherND(g.cast(x, "int32"), g.cast(index, "int64")), "bool")
    return g.GatherND(x, g.cast(index, "int64"))


def _index_sample(g: Builder, x: Value, index: Value) -> Value:
    return g.GatherElements(x, g.cast(index, "int64"), axis=1)


def _along(g: Builder, arr: Value, indices: Value, axis: int) -> Value:
    """Indices as large as the array in every other axis than ``axis``."""
    axis %= arr.rank
    if all(a == axis or n == m for a, (n, m) in enumerate(zip(arr.sizes, indices.sizes, strict=True))):
        return g.cast(indices, "int64")
    shape = [indices.sizes[a] if a == axis else n for a, n in enumerate(arr.sizes)]
    return g.Expand(g.cast(indices, "int64"), g.ints(shape))


def _take_along_axis(g: Builder, arr: Value, indices: Value, axis: int) -> Value:
    return g.GatherElements(arr, _along(g, arr, indices, axis), axis=axis)


def _one_hot(g: Builder, x: Value, num_classes: Any) -> Value:
    return g.OneHot(g.cast(x, "int64"), g.ints([num_classes]), g.constant(np.array([0, 1], np.float32)), axis=-1,
                    dtype="float32")


def _unique(g: Builder, x: Value, return_index: bool, return_inverse: bool, return_counts: bool, axis: Sequence[int],
            dtype: Any, is_sorted: bool) -> tuple[Value | None, ...]:
    if not is_sorted:
        raise CannotSay("values that differ, in the order in which they come; sort them")
    y = g.cast(x, "int64") if x.dtype.startswith("int") else x
    values, *numbers = g.Unique(y, n_outputs=4, sorted=1, **({"axis": axis[0]} if axis else {}))
    asked = (return_index, return_inverse, return_counts)
    return (g.cast(values, x.dtype), *(g.cast(Value(v.name, "int64"), dtype) if wanted else None
                                       for v, wanted in zip(numbers, asked, strict=True)))


def _nonzero(g: Builder, condition: Value) -> Value:
    return g.Transpose(g.NonZero(condition), perm=[1, 0])


def _masked_select(g: Builder, x: Value, mask: Value) -> Value:
    shape = g.Shape(g.Add(g.cast(mask, "int32"), g.cast(x, "int32")))
    mask = g.cast(g.Expand(g.cast(mask, "int32"), shape), "bool")
    return g.Compress(g.Reshape(g.Expand(x, shape), [-1]), g.Reshape(mask, [-1]))


def _scatter(g: Builder, x: Value, index: Value, updates: Value, overwrite: bool) -> Value:
    rows = g.Unsqueeze(g.Reshape(g.cast(index, "int64"), [-1]), [1])
    if overwrite:
        return g.ScatterND(x, rows, updates)
    # Paddle clears the rows that are written before it adds
    cleared = g.ScatterND(x, rows, g.Mul(updates, 0.0))
    return g.ScatterND(cleared, rows, updates, reduction="add")


def _scatter_nd_add(g: Builder, x: Value, index: Value, updates: Value) -> Value:
    return g.ScatterND(x, g.cast(index, "int64"), updates, reduction="add")


_REDUCE = {"add": "add", "mul": "mul", "multiply": "mul", "amax": "max", "amin": "min"}


def _put_along_axis(g: Builder, arr: Value, indices: Value, values: Value, axis: int, reduce: str,
                    include_self: bool) -> Value:
    places = g.cast(indices, "int64")
    if any(n != m for n, m in zip(values.sizes, indices.sizes, strict=True)):
        inside = any(isinstance(n, int) and isinstance(m, int) and n > m
                     for n, m in zip(values.sizes, indices.sizes, strict=True))
        if inside:  # the first of them, as many as there are indices
            shape = g.Shape(places)
            rank = len(indices.sizes)
            values = g.Slice(values, [0] * rank, shape, list(range(rank)))
        values = g.Expand(values, g.Shape(places))
    updates = g.cast(values, arr.dtype)
    if reduce == "assign":
        return g.ScatterElements(arr, places, updates, axis=axis)
    if reduce not in _REDUCE or not include_self:
        raise CannotSay(f"values put along an axis by '{reduce}'{'' if include_self else ' without those there'}")
    return g.ScatterElements(arr, places, updates, axis=axis, reduction=_REDUCE[reduce])


def _index_add(g: Builder, x: Value, index: Value, add_value: Value, axis: int) -> Value:
    axis %= x.rank
    places = g.Reshape(g.cast(index, "int64"), [-1 if a == axis else 1 for a in range(x.rank)])
    return g.ScatterElements(x, g.Expand(places, g.Shape(add_value)), add_value, axis=axis, reduction="add")


def _index_put(g: Builder, x: Value, indices: list[Value], value: Value, accumulate: bool) -> Value:
    if indices[0].dtype == "bool":
        return _put_by_mask(g, x, indices, value, accumulate)
    spread = [g.Unsqueeze(_broadcast_index(g, i, indices), [-1]) for i in indices]
    places = g.Concat(*spread, axis=-1) if len(spread) > 1 else spread[0]
    rest = g.slice(g.Shape(x), 0, len(indices))
    updates = g.Expand(g.cast(value, x.dtype), g.Concat(g.slice(g.Shape(places), 0, 0, -1), rest, axis=0))
    return g.ScatterND(x, places, updates, reduction="add" if accumulate else "none")


def _broadcast_index(g: Builder, index: Value, indices: list[Value]) -> Value:
    total = [g.cast(i, "int64") for i in indices]
    return g.Expand(g.cast(index, "int64"), g.Shape(g.Sum(*[g.cast(i, "float32") for i in total])))


def _put_by_mask(g: Builder, x: Value, indices: list[Value], value: Value, accumulate: bool) -> Value:
    if len(indices) > 1 or any(n != 1 for n in value.sizes):
        raise CannotSay("several numbers put where a mask holds; multiply by the mask, or choose by where")
    mask = g.reshape(indices[0], [*indices[0].sizes, *[1] * (x.rank - indices[0].rank)])
    one = g.Reshape(g.cast(value, x.dtype), [])
    return g.Where(mask, g.Add(x, one) if accumulate else one, x)


# values written over a region


def _set_value(g: Builder, x: Value, value: Any, starts: Any, ends: Any, steps: Any, axes: Sequence[int],
               decrease_axes: Sequence[int], none_axes: Sequence[int]) -> Value:
    """Every position of the region takes from ``value`` by its number there; the others keep what they have."""
    if any(isinstance(n, Size) for numbers in (starts, ends, steps) for n in numbers):
        raise CannotSay("a value written over a region whose bounds follow a free size")
    region: dict[int, Any] = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        n = g.static(x, axis, "a value written over a region")
        region[axis] = np.arange(n)[slice(start, end if step > 0 or end >= 0 else None, step)]
    shape = [len(region[a]) if a in region else n for a, n in enumerate(x.sizes)]
    spread = _over_region(g, x, value, shape, decrease_axes, none_axes)
    out, mask = spread, None
    for axis, places in region.items():
        n = g.static(x, axis, "a value")
        number = np.zeros(n, np.int64)
        number[places] = np.arange(len(places))
        out = g.Gather(out, g.constant(number), axis=axis)
        inside = np.isin(np.arange(n), places).reshape([-1 if a == axis else 1 for a in range(x.rank)])
        mask = inside if mask is None else mask & inside
    return out if mask is None else g.Where(g.constant(np.ascontiguousarray(mask)), out, x)


def _over_region(g: Builder, x: Value, value: Any, shape: list[Any], decrease_axes: Sequence[int],
                 none_axes: Sequence[int]) -> Value:
    if none_axes:
        raise CannotSay("a value written through a new axis")
    if isinstance(value, Value):
        lead = [1 if a in decrease_axes else n for a, n in enumerate(shape)]
        kept = [n for a, n in enumerate(shape) if a not in decrease_axes]
        value = g.Expand(g.cast(value, x.dtype), g.ints(kept)) if kept else g.Reshape(value, [])
        return g.Expand(g.reshape(value, lead), g.ints(shape))
    return g.Expand(g.constant(np.asarray(value, x.dtype)), g.ints(shape))


def _set_tensor(g: Builder, x: Value, values: Value, starts: Any, ends: Any, steps: Any, axes: Any,
                decrease_axes: Any, none_axes: Any) -> Value:
    return _set_value(g, x, values, starts, ends, steps, axes, decrease_axes, none_axes)


def _set_numbers(g: Builder, x: Value, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any,
                 none_axes: Any, shape: Any, values: Any) -> Value:
    numbers = np.asarray(values, x.dtype).reshape(shape)
    return _set_value(g, x, numbers, starts, ends, steps, axes, decrease_axes, none_axes)


def _searchsorted(g: Builder, sorted_sequence: Value, values: Value, out_int32: bool, right: bool) -> Value:
    """How many of the sorted numbers are below each value."""
    row = sorted_sequence
    if row.rank > 1:
        row = g.Unsqueeze(row, [-2])
    column = g.Unsqueeze(values, [-1])
    below = g.LessOrEqual(row, column) if right else g.Less(row, column)
    return g.ReduceSum(g.cast(below, "int32" if out_int32 else "int64"), [-1], keepdims=0)


def _fill_diagonal(g: Builder, x: Value, y: Value, offset: int, dim1: int, dim2: int) -> Value:
    dim1, dim2 = dim1 % x.rank, dim2 % x.rank
    rows, columns = g.static(x, dim1, "a diagonal"), g.static(x, dim2, "a diagonal")
    if rows != columns or offset:
        raise CannotSay("a diagonal written over a matrix that is not square, or beside its middle")
    spread = diag_embed(g, y, 0, dim1, dim2)
    on = np.eye(rows, dtype=bool).reshape([rows if a in (dim1, dim2) else 1 for a in range(x.rank)])
    return g.Where(g.constant(on), spread, x)


def _repeat_uneven(g: Builder, x: Value, repeats: Value, axis: int, output_size: int = -1) -> Value:
    known = g.known(repeats)
    if known is None:
        raise CannotSay("repeats that are computed")
    index = np.repeat(np.arange(len(known)), known)
    return g.Gather(x, g.constant(index.astype(np.int64)), axis=axis)


def _shard_index(g: Builder, input: Value, index_num: int, nshards: int, shard_id: int, ignore_value: int) -> Value:
    size = (index_num + nshards - 1) // nshards
    here = g.Equal(g.Div(input, size), shard_id)
    return g.Where(here, g.Mod(input, size), ignore_value)


TABLE: dict[str, Entry] = {
    "embedding": _embedding,
    "fill_diagonal_tensor": _fill_diagonal,
    "gather": _gather,
    "gather_nd": _gather_nd,
    "index_add": _index_add,
    "index_put": _index_put,
    "index_sample": _index_sample,
    "index_select": _gather,
    "masked_select": _masked_select,
    "nonzero": _nonzero,
    "one_hot": _one_hot,
    "put_along_axis": _put_along_axis,
    "repeat_interleave_with_tensor_index": _repeat_uneven,
    "scatter": _scatter,
    "scatter_nd_add": _scatter_nd_add,
    "searchsorted": _searchsorted,
    "set_value": _set_numbers,
    "set_value_with_tensor": _set_tensor,
    "shard_index": _shard_index,
    "take_along_axis": _take_along_axis,
    "unique": _unique,
}
