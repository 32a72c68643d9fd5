"""A layer's units over a run: which stay, and in which state each of the others went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from prunelab.render.numbers import percent

Array = np.ndarray[Any, Any]

_COLUMNS, _MOST = 64, 1024  # cells in a row, and in all: more units than that share cells
_SIDE = 10  # pixels a cell, one of which is the gap
_KEPT, _CUT = "#2d7f83", "#c77b3c"  # teal and orange: safe for the colour-blind, on light and on dark


@dataclass(frozen=True)
class Strip:
    """``gone`` (units,) int: the place in ``states`` of the state in which a unit went, -1 for one that stays."""

    name: str
    granularity: str
    gone: Array
    states: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it shows."""
        stay, units = int((self.gone < 0).sum()), len(self.gone)
        gone = percent(1 - stay / units, 0)
        return f"{self.name}: {stay:,} of {units:,} units left, {gone} gone ({self.granularity})"

    def cells(self) -> tuple[Array, int]:
        """The same for at most 1024 cells, and how many units a cell stands for: it is what most of its units are."""
        each = -(-len(self.gone) // _MOST)
        parts = [self.gone[k: k + each] for k in range(0, len(self.gone), each)]
        return np.array([_most_common(part) for part in parts]), each

    def to_svg(self) -> str:
        """The picture as inline SVG: a path a state, so that a thousand units stay a few kilobytes."""
        cells, each = self.cells()
        width, height = _SIDE * min(len(cells), _COLUMNS), _SIDE * -(-len(cells) // _COLUMNS)
        drawn = "".join(self._path(cells, place) for place in (-1, *range(len(self.states))))
        return (f'<svg role="img" aria-label="{escape(self.title)}" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" data-side="{_SIDE}" data-columns="{_COLUMNS}" data-each="{each}">'
                f"{drawn}</svg>")

    def _path(self, cells: Array, place: int) -> str:
        found = np.flatnonzero(cells == place)
        if not len(found):
            return ""
        line = "".join(f"M{x} {y}{''.join(_squares(n))}" for x, y, n in _runs(found))
        if place < 0:
            return f'<path d="{line}" fill="{_KEPT}"><title>stays</title></path>'
        # what went early is pale, what went late is strong
        strength = 0.35 + 0.65 * (place + 1) / len(self.states)
        state = self.states[place]
        return (f'<path d="{line}" fill="{_CUT}" fill-opacity="{strength:.2f}" data-state="{escape(state)}">'
                f"<title>went in {escape(state)}</title></path>")


def _most_common(part: Array) -> int:
    values, counts = np.unique(part, return_counts=True)
    return int(values[counts.argmax()])


def _runs(found: Sequence[int] | Array) -> Iterator[tuple[int, int, int]]:
    """Neighbours in a row: where they begin, in pixels, and how many they are."""
    start = before = int(found[0])
    for cell in [*map(int, found[1:]), -2]:
        if cell == before + 1 and cell % _COLUMNS:
            before = cell
            continue
        yield _SIDE * (start % _COLUMNS), _SIDE * (start // _COLUMNS), before - start + 1
        start = before = cell


def _squares(n: int) -> Iterator[str]:
    side = _SIDE - 1
    for k in range(n):
        yield f"{'m' + str(_SIDE) + ' 0' if k else ''}h{side}v{side}h-{side}z"
