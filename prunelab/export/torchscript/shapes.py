"""Operators that only move numbers, and constants, as torch's functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from prunelab.export.torchscript.arithmetic import kind
from prunelab.export.translate import CannotSay

Entry = Any
_FAR = 2**31 - 1


def _known(x: Any, shape: Any) -> list[Any]:
    """A shape in which 0 means: as it is."""
    return [x.shape[k] if isinstance(n, int) and n == 0 and k < x.dim() else n for k, n in enumerate(sizes(shape))]


def sizes(numbers: Any) -> list[Any]:
    """Sizes that a tensor or a list of numbers and tensors spells."""
    if isinstance(numbers, torch.Tensor):
        return [numbers[k] for k in range(numbers.shape[0])]
    return [n.reshape([]) if isinstance(n, torch.Tensor) else n for n in numbers]


def _squeeze(x: Any, axis: Any) -> Any:
    axes = [axis] if isinstance(axis, int) else list(axis)
    axes = sorted({a % x.dim() for a in axes} if axes else range(x.dim()), reverse=True)
    for a in axes:
        x = x.squeeze(a) if int(x.shape[a]) == 1 else x
    return x


def _unsqueeze(x: Any, axis: Any) -> Any:
    for a in [axis] if isinstance(axis, int) else axis:
        x = x.unsqueeze(a)
    return x


def _slice(input: Any, axes: Sequence[int], starts: Any, ends: Any, decrease_axis: Sequence[int]) -> Any:
    out = input
    for axis, start, end in zip(axes, sizes(starts), sizes(ends), strict=True):
        out = _stretch(out, axis, start, end, 1)
    for axis in sorted(decrease_axis, reverse=True):
        out = out.squeeze(axis)
    return out


def _stretch(x: Any, axis: int, start: Any, end: Any, step: int) -> Any:
    index: list[Any] = [slice(None)] * x.dim()
    if step > 0:
        index[axis] = slice(start, end, step)
        return x[tuple(index)]
    n = x.shape[axis]

    def turned(place: Any) -> Any:
        """A place counted from the other end, where the first is none that lies before it."""
        return -1 - place if place < 0 else torch.as_tensor(n - 1 - place).clamp(min=0)
    index[axis] = slice(turned(start), turned(end), -step)
    return x.flip(axis)[tuple(index)]


def _strided_slice(x: Any, axes: Sequence[int], starts: Any, ends: Any, strides: Any) -> Any:
    for axis, start, end, step in zip(axes, sizes(starts), sizes(ends), sizes(strides), strict=True):
        x = _stretch(x, axis, start, end, step)
    return x


def _crop(x: Any, shape: Sequence[Any], offsets: Sequence[Any]) -> Any:
    ends = [_FAR if isinstance(n, int) and n == -1 else o + n for n, o in zip(shape, offsets, strict=True)]
    return _strided_slice(x, range(x.dim()), offsets, ends, [1] * x.dim())


def _split(x: Any, sections: Sequence[Any], axis: int) -> list[Any]:
    parts, at = [], 0
    wanted = list(sections)
    if -1 in [n for n in wanted if isinstance(n, int)]:
        rest = x.shape[axis]
        for n in wanted:
            rest = rest - n if not (isinstance(n, int) and n == -1) else rest
        wanted[next(k for k, n in enumerate(wanted) if isinstance(n, int) and n == -1)] = rest
    for n in wanted:
        parts.append(x.narrow(axis, at, n))
        at = at + n
    return parts


def _meshgrid(inputs: list[Any]) -> list[Any]:
    return list(torch.meshgrid(*[x.reshape([-1]) for x in inputs], indexing="ij"))


def _tile(x: Any, repeat_times: Sequence[Any]) -> Any:
    return torch.tile(x, tuple(sizes(repeat_times)))


def _roll(x: Any, shifts: Any, axis: Sequence[int]) -> Any:
    return torch.roll(x, shifts, tuple(axis)) if axis else torch.roll(x, shifts)


def _expand_as(x: Any, y: Any, target_shape: Sequence[int]) -> Any:
    return x.expand(y.shape if y is not None else target_shape)


def _padded(x: Any, before: Sequence[Any], after: Sequence[Any], mode: str, value: Any) -> Any:
    value = value.item() if isinstance(value, torch.Tensor) else value
    pairs = [n for pair in list(zip(before, after, strict=True))[::-1] for n in pair]
    if mode == "constant":
        return F.pad(x, pairs, value=value)
    if mode == "circular":
        for axis, (a, b) in enumerate(zip(before, after, strict=True)):
            n = x.shape[axis]
            parts = [x.narrow(axis, n - a, a), x, x.narrow(axis, 0, b)] if a or b else [x]
            x = torch.cat(parts, axis)
        return x
    # torch reflects and repeats the last axes only
    lead = next((k for k, pair in enumerate(zip(before, after, strict=True)) if any(pair)), len(before))
    inside = x.flatten(0, lead - 2) if lead > 2 else x
    out = F.pad(inside, pairs[: 2 * (len(before) - lead)], mode=mode) if lead < len(before) else inside
    return out.reshape([*x.shape[: lead - 1], *out.shape[1:]]) if lead > 2 else out


def _pad3d(x: Any, paddings: Sequence[Any], mode: str, pad_value: Any, data_format: str) -> Any:
    before, after = list(paddings[::2])[::-1], list(paddings[1::2])[::-1]
    lead, end = ([0, 0], []) if data_format[1] == "C" else ([0], [0])
    if end and mode != "constant":
        y = _padded(x.movedim(-1, 1), [0, 0, *before], [0, 0, *after], mode, pad_value)
        return y.movedim(1, -1)
    return _padded(x, [*lead, *before, *end], [*lead, *after, *end], mode, pad_value)


def _channels_first(function: Any) -> Entry:
    def either(x: Any, data_format: str, number: Any) -> Any:
        return function(x, number) if data_format[1] == "C" else function(x.movedim(-1, 1), number).movedim(1, -1)
    return either


_shuffle = _channels_first(F.pixel_shuffle)
_unshuffle = _channels_first(F.pixel_unshuffle)
_channel_shuffle = _channels_first(lambda x, groups: x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2))


def _temporal_shift(x: Any, seg_num: int, shift_ratio: float, data_format: str) -> Any:
    y = x if data_format[1] == "C" else x.movedim(-1, 1)
    c = int(y.shape[1])
    first, second = int(c * shift_ratio), int(c * 2 * shift_ratio)
    y = y.unflatten(0, (-1, seg_num))
    late = F.pad(y[:, :-1, :first], (0, 0, 0, 0, 0, 0, 1, 0))
    early = F.pad(y[:, 1:, first:second], (0, 0, 0, 0, 0, 0, 0, 1))
    out = torch.cat([late, early, y[:, :, second:]], 2).flatten(0, 1)
    return out if data_format[1] == "C" else out.movedim(1, -1)


def _full(shape: Any, value: Any, dtype: str) -> Any:
    value = value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
    return torch.full(sizes(shape), value, dtype=kind(dtype))


def _full_like(x: Any, value: Any, dtype: Any) -> Any:
    of = x.dtype if dtype is None or "undefined" in str(dtype) else kind(dtype)
    if isinstance(value, torch.Tensor):
        return value.reshape([]).to(of).expand(x.shape)
    return torch.full_like(x, value, dtype=of)


def _arange(start: Any, end: Any, step: Any, dtype: str) -> Any:
    ends = [n.reshape([]) if isinstance(n, torch.Tensor) else n for n in (start, end, step)]
    return torch.arange(*ends, dtype=kind(dtype))


def _sequence_mask(x: Any, max_len: Any, out_dtype: str) -> Any:
    if not isinstance(max_len, int) or max_len < 0:
        raise CannotSay("a mask as long as its longest sequence; give maxlen")
    return (torch.arange(max_len, dtype=x.dtype) < x.unsqueeze(-1)).to(kind(out_dtype))


def _eye(num_rows: Any, num_columns: Any, dtype: str) -> Any:
    columns = num_rows if isinstance(num_columns, int) and num_columns == -1 else num_columns
    rows = torch.arange(num_rows).unsqueeze(1)
    return (rows == torch.arange(columns)).to(kind(dtype))


def _diag(x: Any, offset: int, padding_value: float) -> Any:
    if x.dim() == 2 or not padding_value:
        return torch.diag(x, offset)
    on = torch.diag(torch.ones_like(x), offset) != 0
    return torch.where(on, torch.diag(x, offset), torch.full([], padding_value, dtype=x.dtype))


def _shape(input: Any) -> Any:
    return torch.stack([torch.as_tensor(n, dtype=torch.int64).reshape([]) for n in input.shape])


def _repeat(x: Any, repeats: int, axis: int, output_size: int = -1) -> Any:
    return torch.repeat_interleave(x, repeats, axis)


TABLE: dict[str, Entry] = {
    "arange": _arange,
    "broadcast_tensors": lambda input: list(torch.broadcast_tensors(*input)),
    "channel_shuffle": lambda x, groups, data_format: _channel_shuffle(x, data_format, groups),
    "concat": lambda x, axis: torch.cat(x, int(axis)),
    "crop": _crop,
    "diag": _diag,
    "diag_embed": lambda input, offset, dim1, dim2: torch.diag_embed(input, offset, dim1, dim2),
    "diagonal": lambda x, offset, axis1, axis2: torch.diagonal(x, offset, axis1, axis2),
    "empty": lambda shape, dtype: _full(shape, 0, dtype),
    "expand": lambda x, shape: x.expand(sizes(shape)),
    "expand_as": _expand_as,
    "eye": _eye,
    "flatten": lambda x, start_axis, stop_axis: torch.flatten(x, start_axis, stop_axis),
    "flip": lambda x, axis: torch.flip(x, list(axis)),
    "full": _full,
    "full_like": _full_like,
    "full_with_tensor": lambda value, shape, dtype: value.reshape([]).to(kind(dtype)).expand(sizes(shape)),
    "meshgrid": _meshgrid,
    "pad": lambda x, paddings, pad_value: _padded(x, paddings[::2], paddings[1::2], "constant", pad_value),
    "pad3d": _pad3d,
    "pixel_shuffle": lambda x, upscale_factor, data_format: _shuffle(x, data_format, upscale_factor),
    "pixel_unshuffle": lambda x, downscale_factor, data_format: _unshuffle(x, data_format, downscale_factor),
    "repeat_interleave": _repeat,
    "repeat_interleave_with_tensor_index": lambda x, repeats, axis, output_size=-1: torch.repeat_interleave(
        x, repeats.long(), axis),
    "reshape": lambda x, shape: x.reshape(_known(x, shape)),
    "roll": _roll,
    "sequence_mask": _sequence_mask,
    "shape": lambda input: _shape(input).int(),
    "shape64": _shape,
    "slice": _slice,
    "split": _split,
    "split_with_num": lambda x, num, axis: list(torch.chunk(x, num, axis)),
    "squeeze": _squeeze,
    "stack": lambda x, axis: torch.stack(x, axis),
    "strided_slice": _strided_slice,
    "temporal_shift": _temporal_shift,
    "tile": _tile,
    "trace": lambda x, offset, axis1, axis2: torch.diagonal(x, offset, axis1, axis2).sum(-1),
    "transpose": lambda x, perm: x.permute(list(perm)),
    "tril": lambda x, diagonal: torch.tril(x, diagonal),
    "triu": lambda x, diagonal: torch.triu(x, diagonal),
    "unbind": lambda input, axis: list(torch.unbind(input, axis)),
    "unsqueeze": _unsqueeze,
    "unstack": lambda x, axis, num: list(torch.unbind(x, axis)),
}
