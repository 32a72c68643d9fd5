"""One layer's units with their weights: a row a unit, cut rows under a veil, so that one can judge the choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_COLUMNS, _ROWS = 48, 256  # more weights or units than this are averaged, or left out and told
_TEXT_WIDTH = 24
_SHADES = " ░▒▓█"
_POSITIVE, _NEGATIVE = "#2d7f83", "#c77b3c"  # teal and orange: safe for the colour-blind, on light and on dark
_STYLE = ("font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
          "color:var(--jp-ui-font-color1,inherit)")
_QUIET = "var(--jp-ui-font-color2,#757575)"


@dataclass(frozen=True)
class MaskPicture:
    """``kept`` (units,) bool; ``weights`` (units, n) float, one row a unit: teal positive, orange negative; ``masked``
    (units, n) bool: weights of kept units that are zero in their place, None where none is."""

    layer: str
    granularity: str
    kept: Array
    weights: Array
    masked: Array | None = None

    @property
    def n_cut(self) -> int:
        """How many units are cut."""
        return int((~self.kept).sum())

    @property
    def title(self) -> str:
        """What it shows."""
        units, n = self.weights.shape
        return f"{self.layer}: {units - self.n_cut} of {units} {self.granularity}s kept, {n} weights each"

    def cells(self, columns: int = _COLUMNS) -> Array:
        """The weights averaged to at most ``columns`` a unit, in [-1, 1]: (units, columns)."""
        units, n = self.weights.shape
        parts = np.array_split(np.nan_to_num(self.weights.astype(np.float64)), min(columns, n), axis=1)
        means = np.stack([part.mean(axis=1) for part in parts], axis=1) if n else np.zeros((units, 1))
        largest = float(np.abs(means).max(initial=0.0))
        return means / largest if largest else means

    def __str__(self) -> str:
        width = len(str(max(len(self.kept) - 1, 0)))
        lines = [self.title]
        for unit, row in enumerate(self.cells(_TEXT_WIDTH)[:_ROWS]):
            shades = "".join(_SHADES[math.ceil(abs(value) * (len(_SHADES) - 1))] for value in row)
            lines.append(f"{unit:>{width}} {'│' if self.kept[unit] else '✂'} {shades}".rstrip())
        return "\n".join(lines + self._left_out())

    __repr__ = __str__

    def _left_out(self) -> list[str]:
        more = len(self.kept) - _ROWS
        return [f"and {more} more"] if more > 0 else []

    def to_svg(self) -> str:
        """The picture as inline SVG."""
        cells = self.cells()[:_ROWS]
        rows, columns = cells.shape
        high = 14 if rows <= 32 else 8
        wide = max(6, min(24, 480 // columns))
        left = 40
        drawn = []
        for unit, row in enumerate(cells):
            y = unit * high
            drawn.append(f'<g opacity="{1 if self.kept[unit] else 0.18}">{_row(row, left, y, wide, high)}</g>')
            if rows <= 32:
                drawn.append(_number(unit, bool(self.kept[unit]), left, y + high))
        width, height = left + columns * wide, max(rows * high, 1)
        return (f'<svg role="img" aria-label="{escape(self.title)}" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>')

    def _repr_html_(self) -> str:
        notes = "".join(f'<div style="color:{_QUIET}">{escape(note)}</div>' for note in self._left_out())
        return (f'<div style="{_STYLE}"><div style="padding:3px 0">{escape(self.title)} '
                f'<span style="color:{_QUIET}">cut units veiled, with the weights of the dense model</span></div>'
                f'{self.to_svg()}{notes}</div>')


def _row(row: Sequence[float], left: int, y: int, wide: int, high: int) -> str:
    return "".join(f'<rect x="{left + k * wide}" y="{y}" width="{wide - 1}" height="{high - 1}" '
                   f'fill="{_POSITIVE if value >= 0 else _NEGATIVE}" fill-opacity="{abs(value):.2f}"/>'
                   for k, value in enumerate(row) if abs(value) >= 0.005)


def _number(unit: int, kept: bool, left: int, bottom: int) -> str:
    line = "" if kept else ' text-decoration="line-through"'
    return (f'<text x="{left - 6}" y="{bottom - 4}" text-anchor="end" font-size="10" style="fill:{_QUIET}"{line}>'
            f"{unit}</text>")
