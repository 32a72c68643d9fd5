"""Convolutions, pools and what resizes, as torch's functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from prunelab.export.translate import CannotSay
from prunelab.export.windows import Pads, paddings, places_of_windows, same

Entry = Any


def _first(x: Any, data_format: str) -> Any:
    return x if data_format[1] == "C" else x.movedim(-1, 1)


def _back(x: Any, data_format: str) -> Any:
    return x if data_format[1] == "C" else x.movedim(1, -1)


def _pads(x: Any, kernel: Sequence[int], strides: Sequence[int], given: Sequence[int], algorithm: str) -> Pads:
    if algorithm == "SAME":
        return same([int(n) for n in x.shape[2:]], kernel, strides)
    return [(0, 0)] * len(kernel) if algorithm == "VALID" else paddings(given, len(kernel))


def _around(x: Any, pads: Pads, value: float = 0.0) -> Any:
    return F.pad(x, [n for pair in pads[::-1] for n in pair], value=value) if any(map(any, pads)) else x


def _even(pads: Pads) -> bool:
    return all(a == b for a, b in pads)


def _conv(input: Any, filter: Any, strides: Sequence[int], paddings: Sequence[int], padding_algorithm: str,
          dilations: Sequence[int], groups: int, data_format: str) -> Any:
    x, n = _first(input, data_format), filter.dim() - 2
    pads = _pads(x, [int(k) for k in filter.shape[2:]], strides, paddings, padding_algorithm)
    dilations = [1] * n if padding_algorithm == "SAME" else list(dilations)
    inside = [a for a, _ in pads] if _even(pads) else [0] * n
    x = x if _even(pads) else _around(x, pads)
    function = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    return _back(function(x, filter, None, list(strides), inside, dilations, groups), data_format)


def _transposed(x: Any, filter: Any, strides: Sequence[int], paddings: Sequence[int], output_padding: Sequence[int],
                output_size: Any, padding_algorithm: str, groups: int, dilations: Sequence[int],
                data_format: str) -> Any:
    y, n = _first(x, data_format), filter.dim() - 2
    kernel = [int(k) for k in filter.shape[2:]]
    pads = _pads(y, kernel, strides, paddings, padding_algorithm)
    more = list(output_padding) or [0] * n
    if output_size:
        more = [int(want) - ((int(size) - 1) * s - sum(p) + d * (k - 1) + 1) for want, size, s, p, d, k in
                zip(output_size, y.shape[2:], strides, pads, dilations, kernel, strict=True)]
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
    if _even(pads):
        out = function(y, filter, None, list(strides), [a for a, _ in pads], more, groups, list(dilations))
    else:
        out = function(y, filter, None, list(strides), [0] * n, more, groups, list(dilations))
        out = _around(out, [(-a, -b) for a, b in pads])
    return _back(out, data_format)


def _pool(x: Any, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool, exclusive: bool,
          data_format: str, pooling_type: str, global_pooling: bool, adaptive: bool, padding_algorithm: str) -> Any:
    y, n = _first(x, data_format), x.dim() - 2
    largest = pooling_type == "max"
    if global_pooling or adaptive:
        to = [1] * n if global_pooling else [None if k == -1 else k for k in kernel_size]
        functions = (F.adaptive_max_pool2d, F.adaptive_max_pool3d) if largest else (
            F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
        return _back(functions[n - 2](y, to), data_format)
    kernel, strides = list(kernel_size), list(strides)
    pads = _pads(y, kernel, strides, paddings, padding_algorithm)
    return _back((_largest if largest else _mean)(y, kernel, strides, pads, ceil_mode, exclusive), data_format)


def _largest(x: Any, kernel: list[int], strides: list[int], pads: Pads, ceil_mode: bool, exclusive: bool) -> Any:
    function = (F.max_pool2d, F.max_pool3d)[len(kernel) - 2]
    if _even(pads):
        return function(x, kernel, strides, [a for a, _ in pads], 1, ceil_mode)
    return function(_around(x, pads, -math.inf), kernel, strides, 0, 1, ceil_mode)


def _mean(x: Any, kernel: list[int], strides: list[int], pads: Pads, ceil_mode: bool, exclusive: bool) -> Any:
    function = (F.avg_pool2d, F.avg_pool3d)[len(kernel) - 2]
    if _even(pads):
        return function(x, kernel, strides, [a for a, _ in pads], ceil_mode, not exclusive)
    total = function(_around(x, pads), kernel, strides, 0, ceil_mode)
    there = function(_around(torch.ones_like(x), pads), kernel, strides, 0, ceil_mode) if exclusive else None
    return total if there is None else total / there


def _max_with_index(x: Any, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int], global_pooling: bool,
                    adaptive: bool, ceil_mode: bool) -> Any:
    n = x.dim() - 2
    if adaptive or global_pooling:
        function: Any = (F.adaptive_max_pool2d, F.adaptive_max_pool3d)[n - 2]
        out, where = function(x, [1] * n if global_pooling else list(kernel_size), return_indices=True)
    else:
        function = (F.max_pool2d, F.max_pool3d)[n - 2]
        out, where = function(x, list(kernel_size), list(strides), list(paddings)[:n], 1, ceil_mode,
                              return_indices=True)
    return out, where.int()


def _unpool(x: Any, indices: Any, output_size: Sequence[Any]) -> Any:
    n = x.dim() - 2
    space = [int(s) for s in output_size[-n:]]
    zeros = torch.zeros([1], dtype=x.dtype).expand([*x.shape[:2], math.prod(space)])
    return zeros.scatter(2, indices.long().flatten(2), x.flatten(2)).unflatten(2, space)


def _lp_pool(x: Any, kernel_size: Any, strides: Sequence[int], paddings: Sequence[int], ceil_mode: bool,
             exclusive: bool, data_format: str, pooling_type: str, global_pooling: bool, adaptive: bool,
             padding_algorithm: str, norm_type: float) -> Any:
    if math.isinf(norm_type):
        raise CannotSay("a pool of infinite norm, of which Paddle's own kernel makes ones; use a maximum pool")
    mean = _pool(torch.pow(x, norm_type), kernel_size, strides, paddings, ceil_mode, False, data_format, "avg",
                 global_pooling, adaptive, padding_algorithm)
    return torch.pow(mean * math.prod(kernel_size), 1 / norm_type)


_MODES = {"nearest": "nearest", "bilinear": "bilinear", "linear": "linear", "bicubic": "bicubic",
          "trilinear": "trilinear"}


def _interpolate(x: Any, out_size: Any, size_tensor: Any, scale_tensor: Any, data_format: str, out_d: int, out_h: int,
                 out_w: int, scale: Sequence[float], interp_method: str, align_corners: bool, align_mode: int) -> Any:
    y = _first(x, data_format)
    n = y.dim() - 2
    nearest = interp_method == "nearest"
    if (nearest and align_corners) or scale_tensor is not None:
        raise CannotSay("the nearest of aligned corners, or a scale that is computed")
    if not nearest and not align_corners and align_mode == 1 and interp_method != "bicubic":
        raise CannotSay("the old alignment of linear interpolation (align_mode 1)")
    wanted: Any = size_tensor or out_size
    if wanted is None and not scale:
        wanted = [out_d, out_h, out_w][-n:]
    if isinstance(wanted, torch.Tensor):
        wanted = [wanted[k] for k in range(n)]
    given = {"scale_factor": list(scale) if len(scale) == n else list(scale) * n} if wanted is None else {
        "size": [w.reshape([]) if isinstance(w, torch.Tensor) else w for w in wanted]}
    more: dict[str, Any] = {} if nearest else {"align_corners": align_corners}
    return _back(F.interpolate(y, mode=_MODES[interp_method], **given, **more), data_format)


def _grid_sample(x: Any, grid: Any, mode: str, padding_mode: str, align_corners: bool) -> Any:
    return F.grid_sample(x, grid, mode, padding_mode, align_corners)


def _deformable(x: Any, offset: Any, filter: Any, mask: Any, strides: Sequence[int], paddings: Sequence[int],
                dilations: Sequence[int], deformable_groups: int, groups: int, im2col_step: int) -> Any:
    """A grid sample of all windows' positions, then a convolution over the positions of a window."""
    c, h, w = (int(n) for n in x.shape[1:])
    rows, columns = (int(n) for n in offset.shape[2:])
    kernel = [int(k) for k in filter.shape[2:]]
    n = math.prod(kernel)
    places = torch.from_numpy(places_of_windows(kernel, (rows, columns), strides, paddings, dilations)).to(x.dtype)
    sizes = torch.tensor([h, w], dtype=x.dtype).reshape(1, 1, 2, 1, 1)
    # from pixels to what a grid counts in: -1 and 1 are the outer edges
    at = (2 * (offset.reshape([-1, n, 2, rows, columns]) + places) + 1) / sizes - 1
    grid = at.permute(0, 1, 3, 4, 2).flip(-1).reshape([-1, n * rows, columns, 2])  # a grid is of x and y
    picked = F.grid_sample(x.reshape([-1, c // deformable_groups, h, w]), grid, "bilinear", "zeros", False)
    picked = picked if mask is None else picked * mask.reshape([-1, 1, n * rows, columns])
    windows = picked.reshape([-1, c, n, rows, columns])
    return F.conv3d(windows, filter.flatten(2)[..., None, None], None, groups=groups).squeeze(2)


def _affine_grid(input: Any, output_shape: Any, align_corners: bool) -> Any:
    return F.affine_grid(input, [input.shape[0], *list(output_shape)[1:]], align_corners)


def _fold_sizes(paddings: Sequence[int]) -> list[int]:
    pads = list(paddings)
    if len(pads) == 4 and (pads[0] != pads[2] or pads[1] != pads[3]):
        raise CannotSay("an unfold with other paddings before than after")
    return pads[:2] if len(pads) > 1 else pads * 2


def _unfold(x: Any, kernel_sizes: Sequence[int], strides: Sequence[int], paddings: Sequence[int],
            dilations: Sequence[int]) -> Any:
    return F.unfold(x, list(kernel_sizes), list(dilations), _fold_sizes(paddings), list(strides))


def _fold(x: Any, output_sizes: Sequence[int], kernel_sizes: Sequence[int], strides: Sequence[int],
          paddings: Sequence[int], dilations: Sequence[int]) -> Any:
    return F.fold(x, list(output_sizes), list(kernel_sizes), list(dilations), _fold_sizes(paddings), list(strides))


TABLE: dict[str, Entry] = {
    "affine_grid": _affine_grid,
    "deformable_conv": _deformable,
    **dict.fromkeys(("conv2d", "conv3d", "depthwise_conv2d"), _conv),
    **dict.fromkeys(("conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_transpose"), _transposed),
    **{f"{kind}_interp": _interpolate for kind in _MODES},
    "fold": _fold,
    "grid_sample": _grid_sample,
    "lp_pool2d": _lp_pool,
    "max_pool2d_with_index": _max_with_index,
    "max_pool3d_with_index": _max_with_index,
    "pool2d": _pool,
    "pool3d": _pool,
    "unfold": _unfold,
    "unpool": lambda x, indices, ksize, strides, padding, output_size, data_format: _unpool(x, indices, output_size),
    "unpool3d": lambda x, indices, ksize, strides, paddings, output_size, data_format: _unpool(
        x, indices, output_size),
}
