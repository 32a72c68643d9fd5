"""A confusion matrix: a row a label, a column a prediction; what is right on the diagonal, what is wrong beside it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from prunelab.render.table import text_table

_CELL = 26  # pixels
_LETTER = 7
_MOST = 60  # classes that are drawn; of more the most confused
_RIGHT, _WRONG = "#2d7f83", "#c77b3c"  # teal and orange: safe for the colour-blind, on light and on dark
_QUIET = "var(--jp-ui-font-color2,#757575)"
_TEXT = "var(--jp-ui-font-color1,inherit)"


@dataclass(frozen=True)
class ConfusionPicture:
    """``counts``: rows by label, columns by prediction; ``names`` of the classes."""

    counts: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    @property
    def drawn(self) -> tuple[int, ...]:
        """The classes that are drawn: all, or those that are confused most often."""
        wrong = [sum(row) - row[k] + sum(other[k] for other in self.counts) - row[k]
                 for k, row in enumerate(self.counts)]
        chosen = sorted(range(len(wrong)), key=lambda k: -wrong[k])[:_MOST]
        return tuple(sorted(chosen))

    def __str__(self) -> str:
        rows = [[self.names[a], *(f"{self.counts[a][b]:,}" if self.counts[a][b] else "·" for b in self.drawn)]
                for a in self.drawn]
        return text_table(["label", *(self.names[b] for b in self.drawn)], rows, notes=self._notes())

    __repr__ = __str__

    def _notes(self) -> list[str]:
        more = len(self.names) - len(self.drawn)
        return [f"{more} classes that are confused less are left out"] if more else []

    def to_svg(self) -> str:
        """The matrix as inline SVG; a cell's strength is its part of its label's samples."""
        left = _LETTER * max(map(len, self.names), default=0) + 10
        size = len(self.drawn) * _CELL
        cells = "".join(self._cell(a, b, left + j * _CELL, _CELL + i * _CELL)
                        for i, a in enumerate(self.drawn) for j, b in enumerate(self.drawn))
        labels = "".join(f'<text x="{left - 6}" y="{_CELL * (i + 1.65)}" text-anchor="end" style="fill:{_QUIET}">'
                         f"{escape(self.names[a])}</text>" for i, a in enumerate(self.drawn))
        heads = "".join(f'<text x="{left + _CELL * (j + 0.5)}" y="{_CELL - 8}" text-anchor="middle" '
                        f'style="fill:{_QUIET}">{escape(self.names[b][:4])}</text>' for j, b in enumerate(self.drawn))
        return (f'<svg role="img" aria-label="confusion of {len(self.names)} classes" width="{left + size}" '
                f'height="{size + _CELL}" viewBox="0 0 {left + size} {size + _CELL}" font-size="10">'
                f"{heads}{labels}{cells}</svg>")

    def _cell(self, a: int, b: int, x: int, y: int) -> str:
        n, total = self.counts[a][b], sum(self.counts[a])
        share = n / total if total else 0.0
        number = (f'<text x="{x + _CELL / 2}" y="{y + 16}" text-anchor="middle" style="fill:{_TEXT}">{n}</text>'
                  if n else "")
        return (f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" fill="{_RIGHT if a == b else _WRONG}" '
                f'fill-opacity="{0.04 + 0.7 * share:.2f}"><title>{escape(self.names[a])} taken for '
                f"{escape(self.names[b])}: {n}</title></rect>{number}")

    def _repr_html_(self) -> str:
        notes = "".join(f'<div style="color:{_QUIET}">{escape(note)}</div>' for note in self._notes())
        return ('<div style="overflow-x:auto;font-family:var(--jp-ui-font-family,system-ui,sans-serif)">'
                f'<div style="color:{_QUIET}">a row a label, a column what it was taken for</div>'
                f"{self.to_svg()}{notes}</div>")
