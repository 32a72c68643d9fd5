"""Several ratios in one word: with commas between them, or from:to:step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import OptionError, check_ratio
from prunelab.jupyter.magics.session import Session

_WANTED = "give fractions removed, such as 0.3,0.5 or 0.1:0.9:0.1, or a variable that holds them"
_MOST = 100  # ratios in a word: more is a step that was meant to be larger


@dataclass(frozen=True)
class Ratios:
    """``0.1:0.9:0.2`` is 0.1, 0.3, 0.5, 0.7, 0.9; ``0.3,0.5`` these two."""

    metavar: str = "RATIOS"

    def read(self, text: str, session: Session, place: str) -> Any:
        """A tuple of ratios in ``[0, 1)``; a variable that holds some is taken whole."""
        named = session.lookup(text)
        if named is not None:
            values = named.value if isinstance(named.value, (list, tuple, np.ndarray)) else [named.value]
            for value in values:
                check_ratio(value, place=place)
            return named
        found = _spread(text) if ":" in text else _numbers(text)
        if not found:
            raise OptionError(f"{place} is '{text}', which is neither ratios nor a variable; {_WANTED}")
        return tuple(check_ratio(ratio, place=place) for ratio in found)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that hold ratios."""
        return session.data_names(_are_ratios)

    def example(self, session: Session) -> str:
        """Some ratios."""
        return "0.1:0.9:0.1"


def _numbers(text: str) -> list[float]:
    """The numbers between commas; none where one is no number."""
    try:
        return [float(part) for part in text.split(",") if part]
    except ValueError:
        return []


def _spread(text: str) -> list[float]:
    """From, to, step: the numbers; none where these are not three, or too many come of them."""
    ends = _numbers(text.replace(":", ","))
    if len(ends) != 3 or ends[2] <= 0 or (ends[1] - ends[0]) / ends[2] > _MOST:
        return []
    first, last, step = ends
    # half a step more, so that the last one is in, whatever binary fractions make of it
    return [round(float(r), 6) for r in np.arange(first, last + step / 2, step)]


def _are_ratios(value: Any) -> bool:
    many = value if isinstance(value, (list, tuple)) else [value]
    try:
        return bool(many) and all(check_ratio(v, place="") is not None for v in many)
    except OptionError:
        return False
