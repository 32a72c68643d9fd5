"""A weight's mask as a picture: where it is dense, where it is thin."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from prunelab.render.numbers import percent

Array = np.ndarray[Any, Any]

_CELLS = 64  # larger matrices are averaged to this many rows and columns, so that a picture stays under 200 kB
_TEXT_CELLS = 32
_SHADES = " ░▒▓█"
_SIDE = 7  # pixels a cell


@dataclass(frozen=True)
class PatternPicture:
    """``kept`` (outputs, inputs x kernel) bool: which weights are left."""

    name: str
    granularity: str
    kept: Array

    @property
    def title(self) -> str:
        """What it shows."""
        rows, columns = self.kept.shape
        left = percent(float(self.kept.mean()))
        return f"{self.name}: {left} of {rows} × {columns} weights left ({self.granularity})"

    def cells(self, most: int = _CELLS) -> Array:
        """The fraction of weights left in each of at most ``most`` x ``most`` cells."""
        kept: Array = self.kept.astype(np.float32)
        for axis in (0, 1):
            n = kept.shape[axis]
            if n > most:
                starts = np.linspace(0, n, most, endpoint=False).astype(int)
                sizes = np.diff([*starts, n])
                kept = np.add.reduceat(kept, starts, axis=axis) / (sizes[:, None] if axis == 0 else sizes)
        return kept

    def __str__(self) -> str:
        cells = self.cells(_TEXT_CELLS)
        lines = ("".join(_SHADES[round(float(v) * (len(_SHADES) - 1))] for v in row) for row in cells)
        return "\n".join([self.title, *(f"│{line}│" for line in lines)])

    __repr__ = __str__

    def to_svg(self) -> str:
        """The picture as inline SVG: a cell is as strong as the fraction of its weights that is left."""
        cells = self.cells()
        rows, columns = cells.shape
        drawn = [f'<rect x="{x * _SIDE}" y="{y * _SIDE}" width="{_SIDE}" height="{_SIDE}" fill-opacity="{v:.2f}"/>'
                 for y, row in enumerate(cells) for x, v in enumerate(row) if v > 0.005]
        width, height = columns * _SIDE, rows * _SIDE
        return (f'<svg role="img" aria-label="{escape(self.title)}" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" style="border:1px solid var(--jp-border-color2,#bdbdbd)">'
                f'<g fill="#2d7f83">{"".join(drawn)}</g></svg>')

    def _repr_html_(self) -> str:
        return ('<div style="font-family:var(--jp-ui-font-family,system-ui,sans-serif);'
                'font-size:var(--jp-ui-font-size1,13px);color:var(--jp-ui-font-color1,inherit)">'
                f'<div style="padding:3px 0">{escape(self.title)}</div>{self.to_svg()}</div>')
