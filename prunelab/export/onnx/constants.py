"""Constants whose sizes follow the batch, shapes, diagonals and triangles, as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.onnx.shapes import positions
from prunelab.export.translate import CannotSay


def _full(g: Builder, shape: Any, value: Any, dtype: str) -> Value:
    kind = "int32" if dtype == "bool" else dtype
    return g.cast(g.Expand(g.constant_of(value, kind), positions(g, shape)), dtype)


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


def diag_embed(g: Builder, input: Value, offset: int, dim1: int, dim2: int) -> Value:
    """The last axis as diagonals of matrices in two axes."""
    rank = input.rank + 1
    order = _perm_to_end(rank, dim1 % rank, dim2 % rank)
    spread = _spread(g, input, g.static(input, -1, "a diagonal matrix"), offset)
    return g.Transpose(spread, perm=[order.index(a) for a in range(rank)])


def _shape(g: Builder, input: Value) -> Value:
    kind = g.out[0].dtype if g.out[0] is not None else "int64"
    return g.cast(g.Shape(input), kind)


TABLE: dict[str, Entry] = {
    "arange": _arange,
    "diag": _diag,
    "diag_embed": diag_embed,
    "diagonal": _diagonal,
    "empty": lambda g, shape, dtype: _full(g, shape, 0, dtype),
    "eye": _eye,
    "full": _full,
    "full_like": _full_like,
    "full_with_tensor": _full_with_tensor,
    "sequence_mask": _sequence_mask,
    "shape": _shape,
    "shape64": _shape,
    "trace": lambda g, x, offset, axis1, axis2: g.ReduceSum(_diagonal(g, x, offset, axis1, axis2), [-1], keepdims=0),
    "tril": _triangle(0),
    "triu": _triangle(1),
}
