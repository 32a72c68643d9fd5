"""Trials of a search as a picture: two objectives against each other with the front, or one over the trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from prunelab.render.numbers import counted, number

_WIDTH, _HEIGHT = 480, 300  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 40
# teal for what counts, grey for the rest: safe for the colour-blind, on light and on dark
_FRONT, _OTHER = "#2d7f83", "#9a9a9a"
_QUIET, _GRID = "var(--jp-ui-font-color2,#757575)", "var(--jp-border-color2,#e0e0e0)"
_STYLE = ("font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
          "color:var(--jp-ui-font-color1,inherit)")

# number, a value for each objective, how it ended, whether it is on the front
Told = tuple[int, tuple[float, ...], str, bool]


@dataclass(frozen=True)
class TrialsPicture:
    """``names`` of the objectives and whether ``higher`` is better; ``trials``; the ``dense`` model's values.

    With two objectives or more the second is to the right and the first upwards; with one, trials are.
    """

    names: tuple[str, ...]
    higher: tuple[bool, ...]
    trials: tuple[Told, ...]
    dense: tuple[float | None, ...]

    def __str__(self) -> str:
        front = ", ".join(str(n) for n, _, _, is_on in self.trials if is_on)
        return f"{counted(len(self.trials), 'trial')} by {' and '.join(self.names)}; on the front: {front or 'none'}"

    __repr__ = __str__

    def _points(self) -> list[tuple[float, float, Told]]:
        return [(values[1] if len(self.names) > 1 else n, values[0], (n, values, how, is_on))
                for n, values, how, is_on in self.trials if all(map(math.isfinite, values))]

    def to_svg(self) -> str:
        """The picture as inline SVG."""
        points = self._points()
        if not points:
            return f'<svg width="{_WIDTH}" height="40"><text x="8" y="24">no trials yet</text></svg>'
        dense = self.dense[:2][::-1] if len(self.names) > 1 else (0.0, self.dense[0])
        spots = [(x, y) for x, y, _ in points]
        spots += [(dense[0], dense[1])] if dense[0] is not None and dense[1] is not None else []
        to_x, to_y = _scale([x for x, _ in spots], _LEFT, _WIDTH - _RIGHT), _scale([y for _, y in spots],
                                                                                   _HEIGHT - _BOTTOM, _TOP)
        dots = "".join(self._dot(to_x(x), to_y(y), told) for x, y, told in sorted(points, key=lambda p: p[2][3]))
        label = f"{counted(len(points), 'trial')}, {sum(t[3] for _, _, t in points)} on the front"
        return (f'<svg role="img" aria-label="{escape(label)}" width="{_WIDTH}" height="{_HEIGHT}" '
                f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11">{self._axes(spots)}{self._line(points, to_x, to_y)}'
                f"{self._dense(dense, to_x, to_y)}{dots}</svg>")

    def _dot(self, x: float, y: float, told: Told) -> str:
        n, values, how, is_on = told
        what = ", ".join(f"{name} {number(v, 4)}" for name, v in zip(self.names, values, strict=True))
        fill = f'fill="{_FRONT}"' if is_on else f'fill="none" stroke="{_OTHER}"' if how != "complete" else (
            f'fill="{_OTHER}"')
        return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if is_on else 3}" {fill}>'
                f"<title>trial {n}, {escape(how)}: {escape(what)}</title></circle>")

    def _line(self, points: list[tuple[float, float, Told]], to_x: _Scale, to_y: _Scale) -> str:
        front = sorted((x, y) for x, y, told in points if told[3])
        if len(front) < 2 or len(self.names) != 2:
            return ""
        path = "L".join(f"{to_x(x):.1f} {to_y(y):.1f}" for x, y in front)
        return f'<path d="M{path}" fill="none" stroke="{_FRONT}" stroke-width="1.5"/>'

    def _dense(self, at: tuple[float | None, ...], to_x: _Scale, to_y: _Scale) -> str:
        if at[0] is None or at[1] is None:
            return ""
        x, y = to_x(at[0]), to_y(at[1])
        return (f'<path d="M{x - 5:.1f} {y:.1f}h10M{x:.1f} {y - 5:.1f}v10" style="stroke:{_QUIET}">'
                f"<title>dense</title></path>")

    def _axes(self, spots: list[tuple[float, float]]) -> str:
        (x0, x1), (y0, y1) = _ends([x for x, _ in spots]), _ends([y for _, y in spots])
        right = self.names[1] if len(self.names) > 1 else "trial"
        bottom = _HEIGHT - _BOTTOM
        return (f'<path d="M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}" fill="none" style="stroke:{_GRID}"/>'
                f"{_text(number(y1), _LEFT - 6, _TOP + 4, 'end')}{_text(number(y0), _LEFT - 6, bottom, 'end')}"
                f"{_text(number(x0), _LEFT, bottom + 14, 'start')}"
                f"{_text(number(x1), _WIDTH - _RIGHT, bottom + 14, 'end')}"
                f"{_text(right, (_LEFT + _WIDTH - _RIGHT) / 2, bottom + 30, 'middle')}"
                f"{_text(self.names[0], _LEFT + 6, _TOP + 4, 'start')}")

    def _repr_html_(self) -> str:
        return f'<div style="{_STYLE}">{self.to_svg()}</div>'


class _Scale:
    """From values to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._by = (end - start) / (high - low) if high > low else 0.0

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) * self._by


def _ends(values: list[float]) -> tuple[float, float]:
    return min(values), max(values)


def _scale(values: list[float], start: float, end: float) -> _Scale:
    return _Scale(*_ends(values), start, end)


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" style="fill:{_QUIET}">{escape(text)}</text>'
