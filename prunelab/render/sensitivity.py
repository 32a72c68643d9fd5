"""A metric by layer and ratio: curves, a line a layer, and a heat map, layers downwards and ratios to the right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from prunelab.render.numbers import metric, percent

_SHADES = " ░▒▓█"
_LEFT, _TOP, _BOTTOM = 56, 14, 26  # pixels
_WIDTH, _HEIGHT = 440, 220
_CELL_WIDTH, _CELL_HEIGHT, _NAME = 34, 16, 7  # the last: of a letter
_FIRST, _LAST = (45, 127, 131), (199, 123, 60)  # teal at the input, orange at the output: safe for the colour-blind
_GRID = "var(--jp-border-color2,#e0e0e0)"
_QUIET = "var(--jp-ui-font-color2,#757575)"
_STYLE = ("display:flex;flex-wrap:wrap;gap:16px;font-family:var(--jp-ui-font-family,system-ui,sans-serif);"
          "font-size:var(--jp-ui-font-size1,13px);color:var(--jp-ui-font-color1,inherit)")


@dataclass(frozen=True)
class SensitivityPicture:
    """``values``: by layer, in network order, the metric at each ratio in [0, 1); ``dense``: what it is uncut."""

    metric: str
    higher_is_better: bool
    dense: float
    values: Mapping[str, Mapping[float, float]]

    @property
    def ratios(self) -> tuple[float, ...]:
        """All ratios, rising."""
        return tuple(sorted({r for row in self.values.values() for r in row}))

    def shade(self, value: float) -> float:
        """How much is lost there, as a part of the most that is lost anywhere: 0 for nothing, 1 for the most."""
        sign = 1.0 if self.higher_is_better else -1.0
        lost = [sign * (self.dense - v) for row in self.values.values() for v in row.values() if math.isfinite(v)]
        most = max(lost, default=0.0)
        if not math.isfinite(value):
            return 1.0
        return min(max(sign * (self.dense - value) / most, 0.0), 1.0) if most > 0 else 0.0

    def __str__(self) -> str:
        width = max(map(len, self.values), default=0)
        lines = [f"{self.metric}, dense {metric(self.metric, self.dense, 4)}; darker loses more",
                 " " * (width + 2) + "".join(f"{percent(r, 0):>6}" for r in self.ratios)]
        for name, row in self.values.items():
            cells = "".join(f"{self._block(row.get(r)):>6}" for r in self.ratios)
            lines.append(f"{name:<{width + 2}}{cells}".rstrip())
        return "\n".join(lines)

    __repr__ = __str__

    def _block(self, value: float | None) -> str:
        return "–" if value is None else _SHADES[math.ceil(self.shade(value) * (len(_SHADES) - 1))] * 3

    # curves

    def to_svg(self) -> str:
        """The curves as inline SVG."""
        there = [v for row in self.values.values() for v in row.values() if math.isfinite(v)] + [self.dense]
        low, high = min(there), max(there)
        lines = "".join(self._line(k, name, low, high) for k, name in enumerate(self.values))
        at = [0.0, *self.ratios]
        ticks = "".join(f'<text x="{_x(r)}" y="{_HEIGHT - 8}" text-anchor="middle" style="fill:{_QUIET}">'
                        f"{percent(r, 0)}</text>" for r in at[:: max(1, len(at) // 6)])
        axes = "".join(f'<path d="M{_LEFT} {y}H{_WIDTH - 8}" style="stroke:{_GRID}"/><text x="{_LEFT - 6}" y="{y + 4}" '
                       f'text-anchor="end" style="fill:{_QUIET}">{metric(self.metric, v)}</text>'
                       for v, y in ((high, _y(high, low, high)), *([(low, _y(low, low, high))] if low < high else [])))
        told = f"{self.metric} by ratio, {len(self.values)} layers, dense {metric(self.metric, self.dense, 4)}"
        return (f'<svg role="img" aria-label="{escape(told)}" width="{_WIDTH}" height="{_HEIGHT}" '
                f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11">{axes}{ticks}{lines}</svg>')

    def _line(self, place: int, name: str, low: float, high: float) -> str:
        row = {0.0: self.dense, **self.values[name]}
        points = " ".join(f"{_x(r)},{_y(v, low, high)}" for r, v in sorted(row.items()) if math.isfinite(v))
        return (f'<polyline points="{points}" fill="none" stroke="{_colour(place, len(self.values))}" '
                f'stroke-width="1.5"><title>{escape(name)}</title></polyline>')

    # heat map

    def heat_map_svg(self) -> str:
        """The heat map as inline SVG; each cell has its value as a title, its layer and ratio as data."""
        left = _NAME * max(map(len, self.values), default=0) + 12
        width, height = left + _CELL_WIDTH * len(self.ratios), _CELL_HEIGHT * (len(self.values) + 1)
        heads = "".join(f'<text x="{left + _CELL_WIDTH * (k + 0.5)}" y="11" text-anchor="middle" '
                        f'style="fill:{_QUIET}">{percent(r, 0)}</text>' for k, r in enumerate(self.ratios))
        rows = "".join(self._cells(k + 1, name, left) for k, name in enumerate(self.values))
        return (f'<svg role="img" aria-label="{escape(self.metric)} lost, by layer and ratio" width="{width}" '
                f'height="{height}" viewBox="0 0 {width} {height}" font-size="11">{heads}{rows}</svg>')

    def _cells(self, place: int, name: str, left: int) -> str:
        y = place * _CELL_HEIGHT
        label = (f'<text x="{left - 6}" y="{y + 12}" text-anchor="end" style="fill:{_QUIET}">{escape(name)}</text>')
        return label + "".join(
            f'<rect x="{left + k * _CELL_WIDTH}" y="{y}" width="{_CELL_WIDTH - 1}" height="{_CELL_HEIGHT - 1}" '
            f'fill="rgb{_LAST}" fill-opacity="{0.04 + 0.96 * self.shade(row[r]):.3f}" data-layer="{escape(name)}" '
            f'data-ratio="{r:g}"><title>{escape(name)} {percent(r, 0)}: {metric(self.metric, row[r], 4)}</title></rect>'
            for row in [self.values[name]] for k, r in enumerate(self.ratios) if r in row)

    def _repr_html_(self) -> str:
        def figure(caption: str, svg: str) -> str:
            return f'<figure style="margin:0"><figcaption>{escape(caption)}</figcaption>{svg}</figure>'

        return (f'<div style="{_STYLE}">'
                + figure(f"{self.metric} by ratio; teal near the input, orange near the output", self.to_svg())
                + figure(f"{self.metric} lost; darker loses more", self.heat_map_svg()) + "</div>")


def _x(ratio: float) -> float:
    return round(_LEFT + ratio * (_WIDTH - _LEFT - 16), 1)


def _y(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 1.0
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def _colour(place: int, n: int) -> str:
    share = place / max(n - 1, 1)
    return "rgb({},{},{})".format(*(round(a + (b - a) * share) for a, b in zip(_FIRST, _LAST, strict=True)))
