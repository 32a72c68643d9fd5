"""What reads and writes positions by their numbers, as torch's functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from prunelab.export.translate import CannotSay

Entry = Any


def _gather(x: Any, index: Any, axis: Any) -> Any:
    return torch.index_select(x, int(axis), index.reshape([-1]).long())


def _embedding(x: Any, weight: Any, padding_idx: int) -> Any:
    rows = weight[x.long()]
    return rows if padding_idx == -1 else torch.where((x != padding_idx).unsqueeze(-1), rows, torch.zeros_like(rows))


def _gather_nd(x: Any, index: Any) -> Any:
    return x[tuple(index.long().unbind(-1))]


def _take(arr: Any, indices: Any, axis: int) -> Any:
    shape = list(arr.shape)
    shape[axis] = indices.shape[axis]
    return torch.gather(arr, axis, indices.long().expand(shape))


def _unique(x: Any, return_index: bool, return_inverse: bool, return_counts: bool, axis: Sequence[int], dtype: Any,
            is_sorted: bool) -> Any:
    if not is_sorted:
        raise CannotSay("values that differ, in the order in which they come; sort them")
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=axis[0] if axis else None)
    places, numbers = inverse.reshape([-1]), getattr(torch, str(dtype))
    first = torch.full_like(counts, 2**31 - 1).scatter_reduce(0, places, torch.arange(places.shape[0]), "amin")
    return values, first.to(numbers), places.to(numbers), counts.to(numbers)


def _masked_select(x: Any, mask: Any) -> Any:
    return torch.masked_select(x, mask)


def _scatter(x: Any, index: Any, updates: Any, overwrite: bool) -> Any:
    places = index.reshape([-1]).long()
    if overwrite:
        return x.index_copy(0, places, updates)
    return x.index_fill(0, places, 0).index_add(0, places, updates)


def _scatter_nd_add(x: Any, index: Any, updates: Any) -> Any:
    return x.index_put(tuple(index.long().unbind(-1)), updates, accumulate=True)


_REDUCE = {"add": "sum", "mul": "prod", "multiply": "prod", "amax": "amax", "amin": "amin", "mean": "mean"}


def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int, reduce: str, include_self: bool) -> Any:
    places = indices.long()
    # more values than places: the first of them
    for a in range(places.dim()):
        values = values.narrow(a, 0, places.shape[a]) if int(values.shape[a]) > int(places.shape[a]) else values
    updates = values.to(arr.dtype).expand(places.shape)
    if reduce == "assign":
        return arr.scatter(axis, places, updates)
    return arr.scatter_reduce(axis, places, updates, _REDUCE[reduce], include_self=include_self)


def _index_add(x: Any, index: Any, add_value: Any, axis: int) -> Any:
    return x.index_add(axis, index.long(), add_value)


def _index_put(x: Any, indices: list[Any], value: Any, accumulate: bool) -> Any:
    if indices[0].dtype == torch.bool:
        if len(indices) > 1 or value.numel() != 1:
            raise CannotSay("several numbers put where a mask holds; multiply by the mask, or choose by where")
        mask = indices[0].reshape([*indices[0].shape, *[1] * (x.dim() - indices[0].dim())])
        one = value.reshape([]).to(x.dtype)
        return torch.where(mask, x + one if accumulate else one, x)
    return x.index_put(tuple(i.long() for i in indices), value.to(x.dtype), accumulate)


def _set_value(x: Any, value: Any, starts: Any, ends: Any, steps: Any, axes: Sequence[int],
               decrease_axes: Sequence[int], none_axes: Sequence[int]) -> Any:
    if none_axes:
        raise CannotSay("a value written through a new axis")
    out = x.clone()
    region: list[Any] = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        n = int(x.shape[axis])
        places = list(range(n))[slice(start, end if step > 0 or end >= 0 else None, step)]
        region[axis] = places[0] if axis in decrease_axes else slice(places[0], places[-1] + 1, step) if step > 0 else (
            torch.tensor(places))
    if any(isinstance(r, torch.Tensor) for r in region) and len(axes) > 1:
        raise CannotSay("a value written backwards over several axes")
    value = value.to(x.dtype) if isinstance(value, torch.Tensor) else torch.as_tensor(value, dtype=x.dtype)
    backwards = [a for a, r in enumerate(region) if isinstance(r, torch.Tensor)]
    if backwards:
        written = torch.zeros_like(x.index_select(backwards[0], region[backwards[0]])) + value
        return x.index_copy(backwards[0], region[backwards[0]], written)
    out[tuple(region)].copy_(value)  # as an item it would be traced with the size that the batch has now
    return out


def _set_numbers(x: Any, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any, none_axes: Any, shape: Any,
                 values: Any) -> Any:
    numbers = torch.tensor(values, dtype=x.dtype).reshape(list(shape))
    return _set_value(x, numbers, starts, ends, steps, axes, decrease_axes, none_axes)


def _set_tensor(x: Any, values: Any, starts: Any, ends: Any, steps: Any, axes: Any, decrease_axes: Any,
                none_axes: Any) -> Any:
    return _set_value(x, values, starts, ends, steps, axes, decrease_axes, none_axes)


def _searchsorted(sorted_sequence: Any, values: Any, out_int32: bool, right: bool) -> Any:
    return torch.searchsorted(sorted_sequence, values.contiguous(), out_int32=out_int32, right=right)


def _fill_diagonal(x: Any, y: Any, offset: int, dim1: int, dim2: int) -> Any:
    return torch.diagonal_scatter(x, y, offset, dim1, dim2)


def _shard_index(input: Any, index_num: int, nshards: int, shard_id: int, ignore_value: int) -> Any:
    size = (index_num + nshards - 1) // nshards
    return torch.where(torch.div(input, size, rounding_mode="floor") == shard_id, input % size,
                       torch.full_like(input, ignore_value))


TABLE: dict[str, Entry] = {
    "embedding": _embedding,
    "fill_diagonal_tensor": _fill_diagonal,
    "gather": _gather,
    "gather_nd": _gather_nd,
    "index_add": _index_add,
    "index_put": _index_put,
    "index_sample": lambda x, index: torch.gather(x, 1, index.long()),
    "index_select": _gather,
    "masked_select": _masked_select,
    "nonzero": lambda condition: torch.nonzero(condition),
    "one_hot": lambda x, num_classes: (x.unsqueeze(-1) == torch.arange(num_classes)).float(),
    "put_along_axis": _put_along_axis,
    "scatter": _scatter,
    "scatter_nd_add": _scatter_nd_add,
    "searchsorted": _searchsorted,
    "set_value": _set_numbers,
    "set_value_with_tensor": _set_tensor,
    "shard_index": _shard_index,
    "take_along_axis": _take,
    "unique": _unique,
}
