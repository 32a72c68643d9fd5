"""Values over the states of a history, a small chart each: a line from every state's parent to it, so that branches
show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from prunelab.render.numbers import count, counted, metric
from prunelab.render.table import text_table

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT = 320, 120  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 10, 22
_COLOURS = ("#2d7f83", "#c77b3c")  # teal and orange in turn: safe for the colour-blind, on light and on dark
_GRID = "var(--jp-border-color2,#e0e0e0)"
_QUIET = "var(--jp-ui-font-color2,#757575)"
_STYLE = ("display:flex;flex-wrap:wrap;gap:12px;font-family:var(--jp-ui-font-family,system-ui,sans-serif);"
          "font-size:var(--jp-ui-font-size1,13px);color:var(--jp-ui-font-color1,inherit)")

Values = Sequence[float | None]


@dataclass(frozen=True)
class Curves:
    """``series``: a name's value at each of ``states`` (None where it was not measured); ``parents``: a state or None.

    ``current`` is the state that is marked, if any.
    """

    states: tuple[str, ...]
    parents: tuple[str | None, ...]
    series: Mapping[str, tuple[float | None, ...]]
    current: str = ""

    def __str__(self) -> str:
        rows = [[name, _sparkline(values), *(_told(name, end) for end in _ends(values))]
                for name, values in self.series.items()]
        over = f"over {counted(len(self.states), 'state')}"
        return text_table(["metric", over, "first", "last", "least", "most"], rows)

    __repr__ = __str__

    def to_svg(self, name: str) -> str:
        """The chart of one name as inline SVG."""
        values = self.series[name]
        colour = _COLOURS[list(self.series).index(name) % len(_COLOURS)]
        at = self._positions(values)
        edges = "".join(f"M{at[p][0]} {at[p][1]}L{at[s][0]} {at[s][1]}"
                        for s, p in zip(self.states, self.parents, strict=True)
                        if p is not None and p in at and s in at)
        dots = "".join(self._dot(state, _told(name, value), colour, *at[state])
                       for state, value in zip(self.states, values, strict=True) if state in at)
        first, last, least, most = (_told(name, end) for end in _ends(values))
        return (f'<svg role="img" aria-label="{escape(name)}: {first} to {last}, least {least}, most {most}" '
                f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11">'
                f"{_axis(most, _TOP)}{_axis(least, _HEIGHT - _BOTTOM) if most != least else ''}"
                f'<path d="{edges}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'
                f'{_label(self.states[0], _LEFT, "start")}{_label(self.states[-1], _WIDTH - _RIGHT, "end")}</svg>')

    def _dot(self, state: str, told: str, colour: str, x: float, y: float) -> str:
        return (f'<circle cx="{x}" cy="{y}" r="{5 if state == self.current else 3}" fill="{colour}" '
                f'data-state="{escape(state)}">'
                f"<title>{escape(state)}: {told}</title></circle>")

    def _positions(self, values: Values) -> dict[str, tuple[float, float]]:
        """Where each measured state stands: by its place to the right, by its value upwards."""
        _, _, least, most = _ends(values)
        if least is None or most is None:
            return {}
        right = (_WIDTH - _LEFT - _RIGHT) / max(len(self.states) - 1, 1)
        up = (_HEIGHT - _TOP - _BOTTOM) / (most - least) if most > least else 0.0
        bottom = _HEIGHT - _BOTTOM if up else _TOP
        return {state: (round(_LEFT + place * right, 1), round(bottom - (value - least) * up, 1))
                for place, (state, value) in enumerate(zip(self.states, values, strict=True))
                if value is not None and math.isfinite(value)}

    def _repr_html_(self) -> str:
        charts = "".join(f'<figure style="margin:0"><figcaption>{escape(name)} <span style="color:{_QUIET}">'
                         f"{_told(name, _ends(values)[1])}</span></figcaption>{self.to_svg(name)}</figure>"
                         for name, values in self.series.items())
        return f'<div style="{_STYLE}">{charts}</div>'


def _axis(told: str, y: int) -> str:
    return (f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" style="stroke:{_GRID}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end" style="fill:{_QUIET}">{told}</text>')


def _label(text: str, x: int, anchor: str) -> str:
    return f'<text x="{x}" y="{_HEIGHT - 6}" text-anchor="{anchor}" style="fill:{_QUIET}">{escape(text)}</text>'


def _ends(values: Values) -> tuple[float | None, float | None, float | None, float | None]:
    """The first, the last, the least and the most of what was measured."""
    there = [value for value in values if value is not None and math.isfinite(value)]
    return (there[0], there[-1], min(there), max(there)) if there else (None, None, None, None)


def _sparkline(values: Values) -> str:
    _, _, least, most = _ends(values)
    if least is None or most is None:
        return ""
    span = (most - least) or 1.0
    return "".join(_BLOCKS[min(int((v - least) / span * len(_BLOCKS)), len(_BLOCKS) - 1)]
                   if v is not None and math.isfinite(v) else " " for v in values)


def _told(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return count(value) if isinstance(value, int) else metric(name, value)
