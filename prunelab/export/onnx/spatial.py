"""Paddings, and channels that become positions in space, as ONNX nodes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.sizes import Size
from prunelab.export.translate import CannotSay


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


TABLE: dict[str, Entry] = {
    "channel_shuffle": _channels_first(_channel_shuffle),
    "pad": _pad,
    "pad3d": _pad3d,
    "pixel_shuffle": _channels_first(_pixel_shuffle),
    "pixel_unshuffle": _channels_first(_pixel_unshuffle),
    "temporal_shift": _channels_first(_temporal_shift),
}
