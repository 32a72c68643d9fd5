"""Sums and their kin over axes, running ones, and what sorts, as torch's functions."""

from __future__ import annotations

from typing import Any

import torch

from prunelab.export.torchscript.arithmetic import kind
from prunelab.export.translate import CannotSay

Entry = Any


def axes_of(x: Any, axis: Any, everything: bool = False) -> list[int]:
    """The axes that an operator reduces; none given means all."""
    given = [axis] if isinstance(axis, int) else list(axis or [])
    return list(range(x.dim())) if everything or not given else given


def _over(name: str) -> Entry:
    return lambda x, axis, keepdim: getattr(torch, name)(x, axes_of(x, axis), keepdim) if x.dim() else x


def _sum(x: Any, axis: Any, dtype: Any, keepdim: bool) -> Any:
    more = {} if dtype is None or "undefined" in str(dtype) else {"dtype": kind(dtype)}
    return torch.sum(x, axes_of(x, axis), keepdim, **more) if x.dim() else x


def _one_by_one(function: Any, x: Any, axes: list[int], keep: bool) -> Any:
    for a in sorted((a % max(x.dim(), 1) for a in axes), reverse=True):
        x = function(x, a, keep)
    return x


def _prod(x: Any, axis: Any, keepdim: bool, reduce_all: bool) -> Any:
    return _one_by_one(torch.prod, x, axes_of(x, axis, reduce_all), keepdim)


def _truth(name: str) -> Entry:
    return lambda x, axis, keepdim: _one_by_one(getattr(torch, name), x.bool(), axes_of(x, axis), keepdim)


def _norm(x: Any, p: float, axes: list[int], keep: bool) -> Any:
    return torch.linalg.vector_norm(x, p, axes, keep)


def _p_norm(x: Any, porder: float, axis: int, epsilon: float, keepdim: bool, asvector: bool) -> Any:
    return _norm(x, porder, axes_of(x, axis, asvector), keepdim)


def _arg(name: str) -> Entry:
    def entry(x: Any, axis: Any, keepdims: bool, dtype: str, flatten: bool = False) -> Any:
        if axis is None:
            found = getattr(torch, name)(x)
            return (found.reshape([1] * x.dim()) if keepdims else found).to(kind(dtype))
        return getattr(torch, name)(x, axis, keepdims).to(kind(dtype))
    return entry


def _topk(x: Any, k: int, axis: int, largest: bool, sorted: bool) -> Any:
    return tuple(torch.topk(x, k, axis, largest, True))


def _argsort(x: Any, axis: int, descending: bool, stable: bool) -> Any:
    return tuple(torch.sort(x, dim=axis, descending=descending, stable=True))


def _kthvalue(x: Any, k: int, axis: int, keepdim: bool) -> Any:
    return tuple(torch.kthvalue(x, k, axis, keepdim))


def _median(x: Any, axis: Any, keepdim: bool, mode: str) -> Any:
    axes = axes_of(x, axis)
    if len(axes) > 1 and (len(axes) != x.dim() or keepdim):
        raise CannotSay("a median over some of several axes")
    if len(axes) > 1:
        x, axes = x.reshape([-1]), [0]
    # NaN where one is among them: sorting puts it last
    values, indices = torch.sort(x, dim=axes[0])
    n = values.size(axes[0])
    low = values.narrow(axes[0], (n - 1) // 2, 1) if not isinstance(n, torch.Tensor) else values.index_select(
        axes[0], torch.div(n - 1, 2, rounding_mode="floor").reshape([1]))
    high = low
    if mode == "avg":
        middle = torch.div(n, 2, rounding_mode="floor").reshape([1]) if isinstance(n, torch.Tensor) else None
        high = values.index_select(axes[0], middle) if middle is not None else values.narrow(axes[0], n // 2, 1)
    out = (low + high) / 2 + x.sum(axes[0], keepdim=True) * 0 if mode == "avg" else low
    where = indices.narrow(axes[0], 0, 1)
    return (out, where) if keepdim else (out.squeeze(axes[0]), where.squeeze(axes[0]))


def _cumsum(x: Any, axis: Any, flatten: bool, exclusive: bool, reverse: bool) -> Any:
    if flatten:
        x, axis = x.reshape([-1]), 0
    axis = int(axis)
    y = x.flip(axis) if reverse else x
    out = torch.cumsum(y, axis, dtype=x.dtype)
    out = out - y if exclusive else out
    return out.flip(axis) if reverse else out


def _plain(exclusive: bool, reverse: bool) -> None:
    if exclusive or reverse:
        raise CannotSay("a running operator that is exclusive or backwards")


def _cumprod(x: Any, dim: int, exclusive: bool, reverse: bool) -> Any:
    _plain(exclusive, reverse)
    return torch.cumprod(x, dim)


def _logcumsumexp(x: Any, axis: int, flatten: bool, exclusive: bool, reverse: bool) -> Any:
    _plain(exclusive or flatten, reverse)
    return torch.logcumsumexp(x, axis)


def _dist(x: Any, y: Any, p: float) -> Any:
    difference = x - y
    return _norm(difference, p, list(range(difference.dim())), False)


def _logsumexp(x: Any, axis: Any, keepdim: bool, reduce_all: bool) -> Any:
    return torch.logsumexp(x, axes_of(x, axis, reduce_all), keepdim)


def _numel(x: Any) -> Any:
    total: Any = torch.ones([], dtype=torch.int64)
    for n in x.shape:
        total = total * n
    return total


TABLE: dict[str, Entry] = {
    "all": _truth("all"),
    "amax": _over("amax"),
    "amin": _over("amin"),
    "any": _truth("any"),
    "argmax": _arg("argmax"),
    "argmin": _arg("argmin"),
    "argsort": _argsort,
    "cummax": lambda x, axis, dtype: tuple(torch.cummax(x, axis)),
    "cummin": lambda x, axis, dtype: tuple(torch.cummin(x, axis)),
    "cumprod": _cumprod,
    "cumsum": _cumsum,
    "dist": _dist,
    "frobenius_norm": lambda x, axis, keep_dim, reduce_all: _norm(x, 2, axes_of(x, axis, reduce_all), keep_dim),
    "is_empty": lambda x: _numel(x) == 0,
    "kthvalue": _kthvalue,
    "logcumsumexp": _logcumsumexp,
    "logsumexp": _logsumexp,
    "max": _over("amax"),
    "mean": _over("mean"),
    "mean_all": lambda x: x.mean(),
    "median": _median,
    "min": _over("amin"),
    "numel": _numel,
    "p_norm": _p_norm,
    "prod": _prod,
    "size": _numel,
    "sum": _sum,
    "topk": _topk,
}
