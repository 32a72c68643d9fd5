"""A group's units as a picture: which stay, which go; of many, how many stay in each stretch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from prunelab.render.numbers import percent

Array = np.ndarray[Any, Any]

_COLUMNS, _MOST = 64, 1024  # cells in a row, and in all: more units than that share cells
_TEXT_COLUMNS = 64
_SHADES = "·░▒▓█"
_SIDE = 9  # pixels a cell


@dataclass(frozen=True)
class UnitsPicture:
    """``kept`` (units,) bool; ``labels`` name the units that have names."""

    name: str
    granularity: str
    kept: Array
    labels: Sequence[str] = ()

    @property
    def title(self) -> str:
        """What it shows."""
        stay, units = int(self.kept.sum()), len(self.kept)
        gone = percent(1 - stay / units, 0)
        return f"{self.name}: {stay:,} of {units:,} units left, {gone} gone ({self.granularity})"

    def cells(self, most: int = _MOST) -> tuple[Array, int]:
        """The fraction of units that stay in each of at most ``most`` cells, and how many units a cell stands for."""
        each = -(-len(self.kept) // most)
        starts = np.arange(0, len(self.kept), each)
        sizes = np.diff([*starts, len(self.kept)])
        return np.add.reduceat(self.kept.astype(np.float64), starts) / sizes, each

    def __str__(self) -> str:
        cells, each = self.cells(_TEXT_COLUMNS * 8)
        shades = [_SHADES[math.ceil(v * (len(_SHADES) - 1))] for v in cells]
        rows = ["".join(shades[k: k + _TEXT_COLUMNS]) for k in range(0, len(shades), _TEXT_COLUMNS)]
        return "\n".join([self.title + self._told(each), *rows])

    __repr__ = __str__

    def _told(self, each: int) -> str:
        return f"; a cell is {each} units" if each > 1 else ""

    def to_svg(self) -> str:
        """The picture as inline SVG: a cell is as strong as the fraction of its units that stays."""
        cells, each = self.cells()
        width, height = _SIDE * min(len(cells), _COLUMNS), _SIDE * -(-len(cells) // _COLUMNS)
        drawn = "".join(self._cell(k, float(v), each) for k, v in enumerate(cells))
        return (f'<svg role="img" aria-label="{escape(self.title)}" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}">'
                f'<g fill="#2d7f83" stroke="#9e9e9e" stroke-width="0.5">{drawn}</g></svg>')

    def _cell(self, k: int, stays: float, each: int) -> str:
        x, y = _SIDE * (k % _COLUMNS), _SIDE * (k // _COLUMNS)
        name = self.labels[k] if self.labels and each == 1 else f"unit {k}" if each == 1 else f"units {k * each} on"
        return (f'<rect x="{x}" y="{y}" width="{_SIDE - 1}" height="{_SIDE - 1}" fill-opacity="{stays:.2f}">'
                f"<title>{escape(name)}</title></rect>")

    def _repr_html_(self) -> str:
        _, each = self.cells()
        return ('<div style="font-family:var(--jp-ui-font-family,system-ui,sans-serif);'
                'font-size:var(--jp-ui-font-size1,13px);color:var(--jp-ui-font-color1,inherit)">'
                f'<div style="padding:3px 0">{escape(self.title + self._told(each))}</div>{self.to_svg()}</div>')
