"""A metric against what a model costs: a dot a state, a line along the way to the current one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from prunelab.render.numbers import count, number, percent

_WIDTH, _HEIGHT = 520, 260  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 20, 14, 42
_ON_WAY, _OFF_WAY = "#2d7f83", "#9e9e9e"
_GRID = "var(--jp-border-color2,#e0e0e0)"
_QUIET = "var(--jp-ui-font-color2,#757575)"


@dataclass(frozen=True)
class Dot:
    """A state: what it ``cost`` and the ``metric``; ``on_way`` to the current state or beside it."""

    state: str
    label: str
    cost: float
    metric: float
    on_way: bool


@dataclass(frozen=True)
class Tradeoff:
    """``dots`` in the order in which they were made; ``current`` is the marked state."""

    metric: str
    cost: str
    dots: tuple[Dot, ...]
    current: str = ""

    def to_svg(self) -> str:
        """The picture as inline SVG."""
        dots = [dot for dot in self.dots if math.isfinite(dot.metric)]
        low, high = _span([dot.metric for dot in dots])
        most = max((dot.cost for dot in dots), default=1.0) or 1.0
        at = {dot.state: (round(_LEFT + dot.cost / most * (_WIDTH - _LEFT - _RIGHT), 1),
                          round(_HEIGHT - _BOTTOM - (dot.metric - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1))
              for dot in dots}
        way = " ".join(f"{x},{y}" for x, y in (at[dot.state] for dot in dots if dot.on_way))
        # those on the way come last: they lie above
        drawn = "".join(self._dot(dot, *at[dot.state]) for dot in sorted(dots, key=lambda dot: dot.on_way))
        told = f"{self.metric} against {self.cost}, {len(dots)} states"
        return (f'<svg role="img" aria-label="{escape(told)}" width="{_WIDTH}" height="{_HEIGHT}" '
                f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11">{self._axes(low, high, most)}'
                f'<polyline points="{way}" fill="none" stroke="{_ON_WAY}" stroke-width="1.5"/>{drawn}</svg>')

    def _dot(self, dot: Dot, x: float, y: float) -> str:
        value = f"{self.metric} {_metric(self.metric, dot.metric)}"
        told = f"{dot.state} {dot.label}\n{value}, {count(dot.cost)} {self.cost}"
        radius = 6 if dot.state == self.current else 4
        return (f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{_ON_WAY if dot.on_way else _OFF_WAY}" '
                f'data-state="{escape(dot.state)}"><title>{escape(told)}</title></circle>')

    def _axes(self, low: float, high: float, most: float) -> str:
        lines = []
        for value in (low, (low + high) / 2, high):
            y = round(_HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)
            lines.append(f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" style="stroke:{_GRID}"/><text x="{_LEFT - 6}" '
                         f'y="{y + 4}" text-anchor="end" style="fill:{_QUIET}">{_metric(self.metric, value)}</text>')
        for part in (0, 0.25, 0.5, 0.75, 1):
            x = round(_LEFT + part * (_WIDTH - _LEFT - _RIGHT), 1)
            lines.append(f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle" style="fill:{_QUIET}">'
                         f"{count(part * most)}</text>")
        lines.append(f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 6}" text-anchor="middle" '
                     f'style="fill:{_QUIET}">{escape(self.cost)}</text>')
        return "".join(lines)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The least and the most, apart in any case."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0))


def _metric(name: str, value: float) -> str:
    return percent(value) if name == "accuracy" else number(value)
