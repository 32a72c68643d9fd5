"""Arithmetic on one value and on two, comparisons and choices, as torch's functions."""

from __future__ import annotations

from typing import Any

import torch

Entry = Any


def _one(name: str) -> Entry:
    return lambda x: getattr(torch, name)(x)


def _two(name: str) -> Entry:
    return lambda x, y: getattr(torch, name)(x, y)


def kind(dtype: str) -> Any:
    """Torch's dtype for ``"float32"``."""
    return getattr(torch, str(dtype))


def _divide(x: Any, y: Any) -> Any:
    whole = not (x.is_floating_point() or y.is_floating_point())
    return torch.div(x, y, rounding_mode="trunc" if whole else None)


def _scale(x: Any, scale: Any, bias: float, bias_after_scale: bool) -> Any:
    out = x * scale + bias if bias_after_scale else (x + bias) * scale
    return out.to(x.dtype)


def _pow(x: Any, y: Any) -> Any:
    return torch.pow(x, y).to(x.dtype)


def _round(x: Any, decimals: int) -> Any:
    """Half away from zero, as Paddle's kernel; torch's own goes to the even one."""
    y = x * 10.0**decimals
    return torch.sign(y) * torch.floor(y.abs() + 0.5) / 10.0**decimals


def _clip(x: Any, min: Any, max: Any) -> Any:
    low, high = (n.reshape([]).to(x.dtype) if isinstance(n, torch.Tensor) else n for n in (min, max))
    return torch.clamp(torch.clamp(x, min=low), max=high)


def _logical(name: str) -> Entry:
    return lambda x, y: getattr(torch, f"logical_{name}")(x, y)


def _isclose(x: Any, y: Any, rtol: Any, atol: Any, equal_nan: bool) -> Any:
    near = ((x - y).abs() <= atol + rtol * y.abs()) | (x == y)
    return near | (x.isnan() & y.isnan()) if equal_nan else near


def _where(condition: Any, x: Any, y: Any) -> Any:
    return torch.where(condition, x, y)


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    value = value.reshape([]).to(x.dtype) if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=x.dtype)
    return torch.where(mask, value, x)


def _multiplex(inputs: list[Any], index: Any) -> Any:
    rows = torch.stack(inputs, 1)
    places = index.long().reshape([-1, 1] + [1] * (rows.dim() - 2)).expand([-1, 1, *rows.shape[2:]])
    return torch.gather(rows, 1, places).squeeze(1)


def _add_n(inputs: list[Any]) -> Any:
    return sum(inputs[1:], inputs[0])


ONE: dict[str, Entry] = {
    **{name: _one(name) for name in (
        "abs acos acosh asin asinh atan atanh ceil cos cosh erf erfinv exp expm1 floor isfinite isinf isnan lgamma "
        "digamma log log10 log1p log2 reciprocal rsqrt sign sin sinh sqrt square tan logical_not bitwise_not trunc "
        "angle i0").split() if name != "trunc"},
    "assign": lambda x: x.clone(),
    "cast": lambda x, dtype: x.to(kind(dtype)),
    "clip": _clip,
    "conj": lambda x: x.conj(),
    "gammaln": lambda x: torch.lgamma(x),
    "i0e": lambda x: torch.special.i0e(x),
    "i1": lambda x: torch.special.i1(x),
    "i1e": lambda x: torch.special.i1e(x),
    "polygamma": lambda x, n: torch.polygamma(n, x),
    "pow": _pow,
    "as_complex": lambda x: torch.view_as_complex(x.contiguous()),
    "as_real": lambda x: torch.view_as_real(x),
    "imag": lambda x: x.imag,
    "real": lambda x: x.real,
    "round": _round,
    "scale": _scale,
    "share_data_": lambda x: x,
    "trunc": lambda input: torch.trunc(input),
}
TWO: dict[str, Entry] = {
    **{name: _two(name) for name in (
        "add subtract multiply maximum minimum fmax fmin atan2 copysign nextafter remainder floor_divide bitwise_and "
        "bitwise_or bitwise_xor").split()},
    **{name: _two(short) for name, short in {
        "equal": "eq", "not_equal": "ne", "less_than": "lt", "less_equal": "le", "greater_than": "gt",
        "greater_equal": "ge", "elementwise_pow": "pow"}.items()},
    **{f"logical_{name}": _logical(name) for name in ("and", "or", "xor")},
    "add_n": _add_n,
    "allclose": lambda x, y, rtol, atol, equal_nan: _isclose(x, y, rtol, atol, equal_nan).all(),
    "complex": lambda real, imag: torch.complex(real, imag),
    "bitwise_left_shift": lambda x, y: torch.bitwise_left_shift(x, y),
    "bitwise_right_shift": lambda x, y: torch.bitwise_right_shift(x, y),
    "divide": _divide,
    "equal_all": lambda x, y: (x == y).all(),
    "gammaincc": lambda x, y: torch.special.gammaincc(x, y),
    "heaviside": lambda x, y: torch.heaviside(x, y.expand_as(x) if y.dim() <= x.dim() else y),
    "isclose": _isclose,
    "lerp": lambda x, y, weight: x + weight * (y - x),
    "masked_fill": _masked_fill,
    "multiplex": _multiplex,
    "where": _where,
}
TABLE: dict[str, Entry] = {**ONE, **TWO}
