"""Schedules as pictures: how much is gone after each step, of the whole network or of each layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from prunelab.render.numbers import percent

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 320, 140, 44, 12, 22  # pixels
_CELL, _LETTER = 16, 7
_COLOUR = "#2d7f83"
_GRID = "var(--jp-border-color2,#e0e0e0)"
_QUIET = "var(--jp-ui-font-color2,#757575)"
_STYLE = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit)"


@dataclass(frozen=True)
class SchedulePicture:
    """``amounts``: what is gone at the start, then after each step; fractions in [0, 1)."""

    name: str
    amounts: tuple[float, ...]

    def __str__(self) -> str:
        most = max(self.amounts) or 1.0
        line = "".join(_BLOCKS[min(int(a / most * len(_BLOCKS)), len(_BLOCKS) - 1)] for a in self.amounts[1:])
        told = ", ".join(percent(a, 0).removesuffix(" %") for a in self.amounts[1:])
        return f"{self.name} {line} {told} %"

    __repr__ = __str__

    def to_svg(self) -> str:
        """The steps as inline SVG: a stair, since between two steps nothing goes."""
        top = max(self.amounts) or 1.0
        right = (_WIDTH - _LEFT - 8) / max(len(self.amounts) - 1, 1)
        points = [(round(_LEFT + k * right, 1), round(_HEIGHT - _BOTTOM - a / top * (_HEIGHT - _TOP - _BOTTOM), 1))
                  for k, a in enumerate(self.amounts)]
        stair = f"M{points[0][0]} {points[0][1]}" + "".join(f"H{x}V{y}" for x, y in points[1:])
        dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{_COLOUR}"><title>step {k}: {percent(a)}</title>'
                       "</circle>" for k, ((x, y), a) in enumerate(zip(points, self.amounts, strict=True)) if k)
        ends = "".join(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" style="fill:{_QUIET}">{percent(a, 0)}'
                       f'</text><path d="M{_LEFT} {y}H{_WIDTH - 8}" style="stroke:{_GRID}"/>'
                       for a, y in ((top, _TOP), (0.0, _HEIGHT - _BOTTOM)))
        steps = (f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end" style="fill:{_QUIET}">'
                 f"step {len(self.amounts) - 1}</text>")
        return (f'<svg role="img" aria-label="{escape(str(self))}" width="{_WIDTH}" height="{_HEIGHT}" '
                f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11">{ends}{steps}'
                f'<path d="{stair}" fill="none" stroke="{_COLOUR}" stroke-width="1.5"/>{dots}</svg>')

    def _repr_html_(self) -> str:
        return f'<figure style="margin:0;{_STYLE}"><figcaption>{escape(self.name)}</figcaption>{self.to_svg()}</figure>'


@dataclass(frozen=True)
class LayerSchedulePicture:
    """``steps``: a layer and its ratio afterwards, each; layers are drawn in the order in which they are first taken.
    """

    steps: tuple[tuple[str, float], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers, by their first step."""
        return tuple(dict.fromkeys(layer for layer, _ in self.steps))

    def amounts(self, layer: str) -> tuple[float, ...]:
        """What is gone of a layer after each step."""
        now, out = 0.0, []
        for name, ratio in self.steps:
            now = ratio if name == layer else now
            out.append(now)
        return tuple(out)

    def __str__(self) -> str:
        width = max(map(len, self.layers), default=0)
        rows = []
        for layer in self.layers:
            amounts = self.amounts(layer)
            cells = "".join(_BLOCKS[min(math.ceil(a * len(_BLOCKS)), len(_BLOCKS)) - 1] if a else "·" for a in amounts)
            rows.append(f"{layer:<{width}} {cells} {percent(amounts[-1], 0)}")
        return "\n".join(rows)

    __repr__ = __str__

    def to_svg(self) -> str:
        """Layers downwards, steps to the right, as inline SVG; a frame marks the layer that a step takes."""
        left = _LETTER * max(map(len, self.layers), default=0) + 10
        width, height = left + _CELL * len(self.steps), _CELL * len(self.layers)
        rows = "".join(self._row(layer, y * _CELL, left) for y, layer in enumerate(self.layers))
        return (f'<svg role="img" aria-label="{len(self.steps)} steps over {len(self.layers)} layers" '
                f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-size="11">{rows}</svg>')

    def _row(self, layer: str, y: int, left: int) -> str:
        cells = "".join(
            f'<rect x="{left + k * _CELL}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" fill="{_COLOUR}" '
            f'fill-opacity="{0.05 + 0.95 * a:.2f}"{self._frame(k, layer)}><title>step {k + 1}: {escape(layer)} '
            f"{percent(a, 0)}</title></rect>" for k, a in enumerate(self.amounts(layer)))
        return (f'<text x="{left - 6}" y="{y + 12}" text-anchor="end" style="fill:{_QUIET}">{escape(layer)}</text>'
                + cells)

    def _frame(self, step: int, layer: str) -> str:
        return f' style="stroke:{_QUIET}"' if self.steps[step][0] == layer else ""

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto;{_STYLE}">{self.to_svg()}</div>'
