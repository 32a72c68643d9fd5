"""Numbers as a person reads them: 25.6 M, 4.1 G, 12.3 ms, 1.2 MB, −43.1 %. Minus signs are real ones (U+2212)."""

from __future__ import annotations

import math

# Counts and bytes step by 1000, as Paddle's, PyTorch's and ONNX's own model tables and file sizes on their sites do.
_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float, digits: int = 3) -> str:
    """``value`` to ``digits`` significant digits, as a power of ten below 1e-3 and from 1e6: 12.3, 0.0123, 2.4e−7."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else signed("∞" if value > 0 else "-∞")
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
        return signed(f"{mantissa}e{int(exponent)}")
    return signed(_significant(value, digits))


def count(value: float, digits: int = 3) -> str:
    """A count to three digits, or so many: 25557032 -> ``25.6 M``, 4.1e9 -> ``4.1 G``, 640 -> ``640``."""
    scaled, letter = _scale(value, digits)
    return f"{signed(scaled)} {letter}".rstrip()


def counted(n: int, noun: str) -> str:
    """How many of something: ``1 state``, ``2 states``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def size(value: float, digits: int = 3) -> str:
    """Bytes to three digits, or so many, in steps of 1000: 25_600_000 -> ``25.6 MB``, 640 -> ``640 B``."""
    scaled, letter = _scale(value, digits)
    return f"{signed(scaled)} {letter}B"


def milliseconds(value: float, digits: int = 3) -> str:
    """A time given in ms, to three digits, or so many: ``0.0123 ms``, ``12.3 ms``, ``1240 ms``."""
    return f"{signed(_significant(value, digits))} ms"


def seconds(value: float) -> str:
    """A time given in seconds: ``0.8 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if value < 10:
        return f"{signed(f'{value:.1f}')} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction as percent: 0.4312 -> ``43.1 %``."""
    return f"{signed(f'{100 * fraction:.{digits}f}')} %"


def metric(name: str, value: float, digits: int = 3) -> str:
    """A metric as a person reads it: an accuracy in percent, others to so many digits."""
    return percent(value) if name == "accuracy" and math.isfinite(value) else number(value, digits)


def change(new: float, old: float, digits: int = 0) -> str:
    """How much ``new`` is above or below ``old``: ``−43 %``, ``+12 %``, ``±0 %``; empty where ``old`` is 0."""
    if not old:
        return ""
    text = f"{100 * (new / old - 1):+.{digits}f}"
    return "±0 %" if float(text) == 0 else f"{signed(text)} %"


def signed(text: str) -> str:
    """The text of a number with a real minus sign."""
    return text.replace("-", "−")


def _scale(value: float, digits: int) -> tuple[str, str]:
    for step, letter in _STEPS:
        # 999 600 is 1 M, not 1000 k: what rounds up to the next step belongs to it
        if abs(value) >= step * (1 - 0.5 * 10.0**-digits):
            return _significant(value / step, digits), letter
    return _significant(value, digits), ""


def _significant(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(digits - 1 - math.floor(math.log10(abs(rounded))), 0)
    text = f"{rounded if decimals else value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
