"""Sums and their kin over axes, running ones, and what sorts, as ONNX nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.translate import CannotSay


def _axes(x: Value, axis: Any, everything: bool = False) -> list[int]:
    """The axes that an operator reduces; none given means all."""
    given = [axis] if isinstance(axis, int) else list(axis or [])
    return list(range(x.rank)) if everything or not given else [a % max(x.rank, 1) for a in given]


def reduce(g: Builder, kind: str, x: Value, axes: list[int], keep: bool) -> Value:
    """``kind`` over axes; a scalar stays."""
    return getattr(g, kind)(x, axes, keepdims=int(keep)) if axes else x


def _reduction(kind: str) -> Entry:
    def entry(g: Builder, x: Value, axis: Any, keepdim: bool) -> Value:
        return reduce(g, kind, x, _axes(x, axis), keepdim)
    return entry


def _sum(g: Builder, x: Value, axis: Any, dtype: Any, keepdim: bool) -> Value:
    kind = g.out[0].dtype if g.out[0] is not None else x.dtype
    return reduce(g, "ReduceSum", g.cast(x, kind), _axes(x, axis), keepdim)


def _prod(g: Builder, x: Value, axis: Any, keepdim: bool, reduce_all: bool) -> Value:
    return reduce(g, "ReduceProd", x, _axes(x, axis, reduce_all), keepdim)


def _logsumexp(g: Builder, x: Value, axis: Any, keepdim: bool, reduce_all: bool) -> Value:
    axes = _axes(x, axis, reduce_all)
    top = g.ReduceMax(x, axes, keepdims=1)
    out = g.Add(g.Log(g.ReduceSum(g.Exp(g.Sub(x, top)), axes, keepdims=1)), top)
    return out if keepdim else g.Squeeze(out, axes)


def _truth(kind: str) -> Entry:
    def entry(g: Builder, x: Value, axis: Any, keepdim: bool) -> Value:
        numbers = g.cast(g.cast(x, "bool"), "int32")
        return g.cast(reduce(g, kind, numbers, _axes(x, axis), keepdim), "bool")
    return entry


def _frobenius(g: Builder, x: Value, axis: Any, keep_dim: bool, reduce_all: bool) -> Value:
    return reduce(g, "ReduceL2", x, _axes(x, axis, reduce_all), keep_dim)


def _norm(g: Builder, x: Value, porder: float, axes: list[int], keep: bool) -> Value:
    size = g.Abs(x)
    if porder == 0:
        return reduce(g, "ReduceSum", g.cast(g.Greater(size, 0.0), x.dtype), axes, keep)
    if math.isinf(porder):
        return reduce(g, "ReduceMax" if porder > 0 else "ReduceMin", size, axes, keep)
    return g.Pow(reduce(g, "ReduceSum", g.Pow(size, float(porder)), axes, keep), 1 / porder)


def _p_norm(g: Builder, x: Value, porder: float, axis: int, epsilon: float, keepdim: bool, asvector: bool) -> Value:
    return _norm(g, x, porder, _axes(x, axis, asvector), keepdim)


def _dist(g: Builder, x: Value, y: Value, p: float) -> Value:
    difference = g.Sub(x, y)
    if p == 0 or math.isinf(p):
        return _norm(g, Value(difference.name, difference.dtype, ()), p, [], keep=False) if not x.rank else getattr(
            g, "ReduceSum" if p == 0 else "ReduceMax" if p > 0 else "ReduceMin")(
            g.Abs(g.Sign(difference)) if p == 0 else g.Abs(difference), keepdims=0)
    return g.Pow(g.ReduceSum(g.Pow(g.Abs(difference), float(p)), keepdims=0), 1 / p)


def _arg(kind: str) -> Entry:
    def entry(g: Builder, x: Value, axis: Any, keepdims: bool, dtype: str, flatten: bool = False) -> Value:
        if axis is None:
            found = getattr(g, kind)(g.Reshape(x, [-1]), axis=0, keepdims=0)
            return g.cast(g.Reshape(found, [1] * x.rank) if keepdims else found, dtype)
        return g.cast(getattr(g, kind)(x, axis=axis, keepdims=int(keepdims)), dtype)
    return entry


# sorting


def top(g: Builder, x: Value, k: Any, axis: int, largest: bool = True) -> tuple[Value, Value]:
    """The ``k`` largest or smallest numbers along an axis, sorted, and where they were."""
    values, indices = g.TopK(x, g.ints([k]), axis=axis, largest=int(largest), sorted=1, n_outputs=2)
    return values, Value(indices.name, "int64")


def _topk(g: Builder, x: Value, k: Any, axis: int, largest: bool, sorted: bool) -> tuple[Value, Value]:
    return top(g, x, k, axis, largest)


def _argsort(g: Builder, x: Value, axis: int, descending: bool, stable: bool) -> tuple[Value, Value]:
    return top(g, x, x.sizes[axis], axis, descending)


def _pick(g: Builder, x: Value, axis: int, keepdim: bool) -> Value:
    return x if keepdim else g.Squeeze(x, [axis])


def _kthvalue(g: Builder, x: Value, k: int, axis: int, keepdim: bool) -> tuple[Value, Value]:
    values, indices = top(g, x, k, axis, largest=False)
    last = [g.slice(v, axis, k - 1, k) for v in (values, Value(indices.name, "int64"))]
    return _pick(g, last[0], axis, keepdim), _pick(g, last[1], axis, keepdim)


def _median(g: Builder, x: Value, axis: Any, keepdim: bool, mode: str) -> tuple[Value, ...]:
    axes = _axes(x, axis)
    if len(axes) > 1:
        if len(axes) != x.rank or keepdim:
            raise CannotSay("a median over some of several axes")
        x = Value(g.Reshape(x, [-1]).name, x.dtype, (math.prod(g.static(x, a, "a median") for a in axes),))
        axes = [0]
    n = g.static(x, axes[0], "a median")
    values, indices = top(g, x, n // 2 + 1, axes[0], largest=False)
    low = (n - 1) // 2
    middle = g.slice(values, axes[0], low, low + 1)
    if mode == "avg" and n % 2 == 0:
        middle = g.Mul(g.Add(middle, g.slice(values, axes[0], low + 1, low + 2)), 0.5)
    where = g.slice(indices, axes[0], low, low + 1)
    # a median of numbers among which is a NaN is NaN
    middle = g.Add(middle, g.Mul(g.ReduceSum(x, [axes[0]], keepdims=1), 0.0))
    return _pick(g, middle, axes[0], keepdim), _pick(g, where, axes[0], keepdim)


# running ones


def _scan(g: Builder, x: Value, axis: int, combine: Callable[[Value, Value], Value], neutral: float) -> Value:
    """Each position with all before it, in log2(n) steps: what stands 1, 2, 4, ... places before is combined in."""
    n, rank = g.static(x, axis, "a running operator"), x.rank
    y, step = x, 1
    while step < n:
        before = [0] * (2 * rank)
        before[axis % rank] = step
        shifted = g.Pad(g.slice(y, axis, 0, n - step), before, g.constant_of(neutral, x.dtype))
        y, step = combine(y, shifted), 2 * step
    return y


def _cumprod(g: Builder, x: Value, dim: int, exclusive: bool, reverse: bool) -> Value:
    if exclusive or reverse:
        raise CannotSay("a running product that is exclusive or backwards")
    return _scan(g, x, dim, lambda a, b: g.Mul(a, b), 1.0)


def _cumsum(g: Builder, x: Value, axis: Any, flatten: bool, exclusive: bool, reverse: bool) -> Value:
    if flatten:
        x, axis = g.Reshape(x, [-1]), 0
    axis = axis if isinstance(axis, Value) else g.constant_of(axis, "int64")
    return g.CumSum(x, axis, exclusive=int(exclusive), reverse=int(reverse))


def _logcumsumexp(g: Builder, x: Value, axis: int, flatten: bool, exclusive: bool, reverse: bool) -> Value:
    if flatten or exclusive or reverse:
        raise CannotSay("a running sum of exponentials that is flat, exclusive or backwards")

    def add(a: Value, b: Value) -> Value:
        high, low = g.Max(a, b), g.Min(a, b)
        return g.Add(high, g.Log(g.Add(g.Exp(g.Sub(low, high)), 1.0)))
    return _scan(g, x, axis, add, -1e30)


def _running_extreme(kind: str, neutral: float) -> Entry:
    def entry(g: Builder, x: Value, axis: int, dtype: str) -> tuple[Value, Value]:
        if g.used[1]:
            raise CannotSay("where a running extreme stands; its values can be said")
        out = _scan(g, x, axis, lambda a, b: getattr(g, kind)(a, b), neutral)
        return out, out
    return entry


TABLE: dict[str, Entry] = {
    **{name: _reduction(kind) for name, kind in {
        "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "amax": "ReduceMax", "amin": "ReduceMin",
    }.items()},
    "all": _truth("ReduceMin"),
    "any": _truth("ReduceMax"),
    "argmax": _arg("ArgMax"),
    "argmin": _arg("ArgMin"),
    "argsort": _argsort,
    "cummax": _running_extreme("Max", -math.inf),
    "cummin": _running_extreme("Min", math.inf),
    "cumprod": _cumprod,
    "cumsum": _cumsum,
    "dist": _dist,
    "frobenius_norm": _frobenius,
    "is_empty": lambda g, x: g.Equal(g.Size(x), 0),
    "kthvalue": _kthvalue,
    "logcumsumexp": _logcumsumexp,
    "logsumexp": _logsumexp,
    "mean_all": lambda g, x: g.ReduceMean(x, keepdims=0),
    "median": _median,
    "numel": lambda g, x: g.Size(x),
    "p_norm": _p_norm,
    "prod": _prod,
    "size": lambda g, x: g.Size(x),
    "sum": _sum,
    "topk": _topk,
}
