"""Arithmetic on one value and on two, comparisons and choices, as ONNX nodes."""

from __future__ import annotations

import math
from typing import Any

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.translate import CannotSay


def _one(kind: str) -> Entry:
    return lambda g, x: getattr(g, kind)(x)


def _together(g: Builder, *values: Any) -> list[Any]:
    """Values of one type, that of the operator's result where they differ: what Paddle's promotion does."""
    kinds = {v.dtype for v in values if isinstance(v, Value)}
    if len(kinds) < 2:
        return list(values)
    kind = g.out[0].dtype if g.out[0] is not None and g.out[0].dtype != "bool" else max(kinds)
    return [g.cast(v, kind) if isinstance(v, Value) else v for v in values]


def _two(kind: str) -> Entry:
    return lambda g, x, y: getattr(g, kind)(*_together(g, x, y))


def _product(g: Builder, x: Any, y: Any) -> Value:
    x, y = _together(g, x, y)
    return g.And(x, y) if isinstance(x, Value) and x.dtype == "bool" else g.Mul(x, y)


def _whole(dtype: str) -> bool:
    return "int" in dtype


def _pow(g: Builder, x: Value, y: Any) -> Value:
    if isinstance(y, (int, float)) and _whole(x.dtype):
        return g.cast(g.Pow(g.cast(x, "float64"), float(y)), x.dtype)
    return g.Pow(*_together(g, x, y))


def _scale(g: Builder, x: Value, scale: Any, bias: float, bias_after_scale: bool) -> Value:
    kind, exact = x.dtype, not _whole(x.dtype) or all(float(n).is_integer() for n in (bias, scale)
                                                      if isinstance(n, (int, float)))
    y = x if exact else g.cast(x, "float64")
    scale = g.cast(scale, y.dtype) if isinstance(scale, Value) else scale
    if bias and not bias_after_scale:
        y = g.Add(y, bias)
    if isinstance(scale, Value) or scale != 1:
        y = g.Mul(y, scale)
    if bias and bias_after_scale:
        y = g.Add(y, bias)
    return g.cast(y, kind)


def _clip(g: Builder, x: Value, min: Any, max: Any) -> Value:
    return g.Min(g.Max(x, _scalar(g, min, x)), _scalar(g, max, x))


def _scalar(g: Builder, n: Any, x: Value) -> Any:
    if not isinstance(n, Value):
        return int(n) if _whole(x.dtype) and math.isfinite(n) else n
    return g.Reshape(g.cast(n, x.dtype), [])


def _floor_divide(g: Builder, x: Any, y: Any) -> Value:
    x, y = _together(g, x, y)
    if not _whole(x.dtype):
        return g.Floor(g.Div(x, y))
    return g.Div(g.Sub(x, g.Mod(x, y)), y)


def _remainder(g: Builder, x: Any, y: Any) -> Value:
    x, y = _together(g, x, y)
    if _whole(x.dtype):
        return g.Mod(x, y)
    rest = g.Mod(x, y, fmod=1)
    return g.Where(g.Less(g.Mul(rest, y), 0.0), g.Add(rest, y), rest)


def _without_nan(kind: str) -> Entry:
    def entry(g: Builder, x: Value, y: Value) -> Value:
        x, y = _together(g, x, y)
        if _whole(x.dtype):
            return getattr(g, kind)(x, y)
        return g.Where(g.IsNaN(x), y, g.Where(g.IsNaN(y), x, getattr(g, kind)(x, y)))
    return entry


def _atan2(g: Builder, x: Value, y: Value) -> Value:
    angle = g.Atan(g.Div(x, y))
    half_turn = g.Where(g.Less(x, 0.0), g.constant_of(-math.pi, x.dtype), math.pi)
    turned = g.Where(g.Less(y, 0.0), g.Add(angle, half_turn), angle)
    upright = g.Mul(g.Sign(x), math.pi / 2)
    return g.Where(g.Equal(y, 0.0), upright, turned)


def _copysign(g: Builder, x: Value, y: Value) -> Value:
    negative = g.Or(g.Less(y, 0.0), g.And(g.Equal(y, 0.0), g.Less(g.Reciprocal(y), 0.0)))
    size = g.Abs(x)
    return g.Where(negative, g.Neg(size), size)


def _logical(kind: str, bits: str) -> Entry:
    """On truth values the logical node, on whole numbers the one for bits."""
    def entry(g: Builder, x: Value, y: Value) -> Value:
        x, y = _together(g, x, y)
        return getattr(g, kind if x.dtype == "bool" else bits)(x, y)
    return entry


def _truth(kind: str) -> Entry:
    return lambda g, x, y: getattr(g, kind)(g.cast(x, "bool"), g.cast(y, "bool"))


def _shift(left: bool) -> Entry:
    def entry(g: Builder, x: Value, y: Value) -> Value:
        x, y = _together(g, x, y)
        power = g.cast(g.Pow(g.constant_of(2, x.dtype), y), x.dtype)
        return g.Mul(x, power) if left else _floor_divide(g, x, power)
    return entry


def _round(g: Builder, x: Value, decimals: int) -> Value:
    """Half away from zero, as Paddle's kernel; ONNX's own goes to the even one."""
    y = g.Mul(x, 10.0**decimals) if decimals else x
    y = g.Mul(g.Sign(y), g.Floor(g.Add(g.Abs(y), 0.5)))
    return g.Div(y, 10.0**decimals) if decimals else y


def _isclose(g: Builder, x: Value, y: Value, rtol: Any, atol: Any, equal_nan: bool) -> Value:
    rtol, atol = (g.cast(n, x.dtype) if isinstance(n, Value) else float(n) for n in (rtol, atol))
    near = g.LessOrEqual(g.Abs(g.Sub(x, y)), g.Add(g.Mul(g.Abs(y), rtol), atol))
    near = g.Or(near, g.Equal(x, y))
    return g.Or(near, g.And(g.IsNaN(x), g.IsNaN(y))) if equal_nan else near


def _all_of(g: Builder, x: Value) -> Value:
    return g.cast(g.ReduceMin(g.cast(x, "int32"), keepdims=0), "bool")


def _where(g: Builder, condition: Value, x: Value, y: Value) -> Value:
    x, y = _together(g, x, y)
    if x.dtype == "bool":
        return g.Or(g.And(condition, x), g.And(g.Not(condition), y))
    return g.Where(condition, x, y)


def _masked_fill(g: Builder, x: Value, mask: Value, value: Any) -> Value:
    return _where(g, mask, g.cast(value, x.dtype) if isinstance(value, Value) else value, x)


def _multiplex(g: Builder, inputs: list[Value], index: Value) -> Value:
    rows = g.Concat(*[g.Unsqueeze(x, [1]) for x in inputs], axis=1)
    return g.GatherND(rows, g.cast(index, "int64"), batch_dims=1)


def _lerp(g: Builder, x: Value, y: Value, weight: Any) -> Value:
    return g.Add(x, g.Mul(g.Sub(y, x), weight))


def _log_of(base: float) -> Entry:
    return lambda g, x: g.Div(g.Log(x), math.log(base))


def _sum_of(g: Builder, inputs: list[Value]) -> Value:
    return g.Sum(*inputs)


def _bitwise_not(g: Builder, x: Value) -> Value:
    return g.Not(x) if x.dtype == "bool" else g.BitwiseNot(x)


def _cast(g: Builder, x: Value, dtype: str) -> Value:
    if "complex" in dtype or "complex" in x.dtype:
        raise CannotSay("ONNX Runtime has no complex numbers")
    return g.cast(x, dtype)


ONE: dict[str, Entry] = {
    **{name: _one(kind) for name, kind in {
        "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan",
        "atanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor",
        "isinf": "IsInf", "isnan": "IsNaN", "log": "Log", "reciprocal": "Reciprocal", "sign": "Sign", "sin": "Sin",
        "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan", "det": "Det",
    }.items()},
    "angle": lambda g, x: g.Where(g.Less(x, 0.0), math.pi, g.Mul(x, 0.0)),
    "assign": lambda g, x: x,
    "bitwise_not": _bitwise_not,
    "cast": _cast,
    "conj": lambda g, x: x,
    "expm1": lambda g, x: g.Sub(g.Exp(x), 1.0),
    "isfinite": lambda g, x: g.Not(g.Or(g.IsNaN(x), g.IsInf(x))),
    "log10": _log_of(10),
    "log1p": lambda g, x: g.Log(g.Add(x, 1.0)),
    "log2": _log_of(2),
    "logical_not": lambda g, x: g.Not(g.cast(x, "bool")),
    "real": lambda g, x: x,
    "round": _round,
    "rsqrt": lambda g, x: g.Reciprocal(g.Sqrt(x)),
    "scale": _scale,
    "share_data_": lambda g, x: x,
    "square": lambda g, x: g.Mul(x, x),
    "trunc": lambda g, input: g.Mul(g.Sign(input), g.Floor(g.Abs(input))),
    "clip": _clip,
    "pow": _pow,
}

TWO: dict[str, Entry] = {
    **{name: _two(kind) for name, kind in {
        "add": "Add", "divide": "Div", "elementwise_pow": "Pow", "equal": "Equal", "greater_equal": "GreaterOrEqual",
        "greater_than": "Greater", "less_equal": "LessOrEqual", "less_than": "Less", "maximum": "Max",
        "minimum": "Min", "subtract": "Sub",
    }.items()},
    "add_n": _sum_of,
    "allclose": lambda g, x, y, rtol, atol, equal_nan: _all_of(g, _isclose(g, x, y, rtol, atol, equal_nan)),
    "atan2": _atan2,
    "bitwise_and": _logical("And", "BitwiseAnd"),
    "bitwise_left_shift": _shift(left=True),
    "bitwise_or": _logical("Or", "BitwiseOr"),
    "bitwise_right_shift": _shift(left=False),
    "bitwise_xor": _logical("Xor", "BitwiseXor"),
    "copysign": _copysign,
    "equal_all": lambda g, x, y: _all_of(g, g.Equal(x, y)),
    "floor_divide": _floor_divide,
    "fmax": _without_nan("Max"),
    "fmin": _without_nan("Min"),
    "heaviside": lambda g, x, y: g.Where(g.Equal(x, 0.0), y, g.cast(g.Greater(x, 0.0), x.dtype)),
    "isclose": _isclose,
    "lerp": _lerp,
    "logical_and": _truth("And"),
    "logical_or": _truth("Or"),
    "logical_xor": _truth("Xor"),
    "masked_fill": _masked_fill,
    "multiplex": _multiplex,
    "multiply": _product,
    "not_equal": lambda g, x, y: g.Not(g.Equal(*_together(g, x, y))),
    "remainder": _remainder,
    "where": _where,
}

TABLE: dict[str, Entry] = {**ONE, **TWO}
