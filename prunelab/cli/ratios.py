"""Several ratios in one word: with commas between them, or from:to:step."""

from __future__ import annotations

import math

_MOST = 100  # ratios in a word: more is a step that was meant to be larger


def ratios_in(text: str) -> list[float]:
    """The numbers of ``0.3,0.5``, or of ``0.1:0.9:0.2``: 0.1, 0.3, 0.5, 0.7, 0.9. None where the text is neither, or
    where more than a hundred come of it."""
    return _spread(text) if ":" in text else _numbers(text)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part]
    except ValueError:
        return []


def _spread(text: str) -> list[float]:
    ends = _numbers(text.replace(":", ","))
    if len(ends) != 3 or not all(map(math.isfinite, ends)) or ends[2] <= 0 or (ends[1] - ends[0]) / ends[2] > _MOST:
        return []
    first, last, step = ends
    # half a step more, so that the last one is in, whatever binary fractions make of it
    return [round(first + k * step, 6) for k in range(max(0, math.ceil((last - first) / step + 0.5)))]
