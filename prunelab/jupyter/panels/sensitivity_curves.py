"""The curves of the sensitivity: a faint line a layer, and the chosen one's with its points."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bqplot
import numpy as np

from prunelab.evaluate import Sensitivity
from prunelab.jupyter.panels.axes import figure, fit, put, tick_text, ticks
from prunelab.render.numbers import percent

Array = np.ndarray[Any, Any]

_FAINT, _CHOSEN = "var(--pl-quiet)", "var(--jp-brand-color1)"
_MARGIN = {"top": 6, "bottom": 22, "left": 46, "right": 10}
_RATIOS = (0.0, 0.2, 0.4, 0.6, 0.8)


class BearingCurves:
    """A metric over the ratio; a click on a point takes its ratio, one on a line chooses its layer."""

    def __init__(self, pick: Callable[[str, float], object], choose: Callable[[str], object]) -> None:
        x, y = bqplot.LinearScale(min=-0.02, max=1.0), bqplot.LinearScale()
        common: dict[str, Any] = {"x": [0.0], "y": [0.0], "scales": {"x": x, "y": y}}
        self.lines = bqplot.Lines(colors=[_FAINT], opacities=[0.4], stroke_width=1.2, **common)
        self.dense = bqplot.Lines(colors=[_FAINT], line_style="dotted", stroke_width=1, **common)
        self.line = bqplot.Lines(colors=[_CHOSEN], stroke_width=2, **common)
        self.dots = bqplot.Scatter(colors=[_CHOSEN], default_size=48, **common)
        self.here = bqplot.Scatter(colors=[_CHOSEN], default_size=150, opacities=[0.45], **common)
        self._x, self._y = bqplot.Axis(scale=x, grid_lines="none"), bqplot.Axis(scale=y, side="left")
        self.figure = figure([self.dense, self.lines, self.line, self.here, self.dots], [self._x, self._y], _MARGIN)
        self._found: Sensitivity | None = None
        self._layer = ""
        ticks(self._x, _RATIOS, lambda ratio: percent(ratio, 0))
        self.dots.on_element_click(lambda _, event: pick(self._layer, self._ratio(int(event["data"]["index"]))))
        self.lines.on_element_click(lambda _, event: choose(self._name(event)))

    def show(self, found: Sensitivity, values: Array) -> None:
        """``values``: the metric, ``(groups, ratios)``, not a number where it is not known."""
        self._found = found
        at = np.tile([0.0, *found.ratios], (len(values), 1))
        rows = np.column_stack([np.full(len(values), found.dense), values])
        # what is not known yet stands where the last known point is: bqplot cannot end a line early
        last = np.maximum.accumulate(np.where(np.isfinite(rows), np.arange(rows.shape[1]), 0), axis=1)
        fit(self.dense.scales["y"], self._y, rows, partial(tick_text, found.metric), 4)
        put(self.dense, np.asarray([0.0, 1.0]), np.asarray([found.dense, found.dense]))
        put(self.lines, np.take_along_axis(at, last, 1), np.take_along_axis(rows, last, 1))

    def point(self, layer: str, ratio: float) -> None:
        """The chosen layer, and where the slider is on its curve."""
        self._layer = layer
        found = self._found
        there = found is not None and bool(found.points.get(layer))
        for mark in (self.line, self.dots, self.here):
            mark.visible = there
        if found is not None and there:
            x, y = self._curve(found, layer)
            put(self.line, x, y)
            put(self.dots, x[1:], y[1:])
            put(self.here, np.asarray([ratio]), np.interp([ratio], x, y))
            self.here.visible = bool(ratio <= x[-1])  # beyond the last point nothing is known

    @staticmethod
    def _curve(found: Sensitivity, layer: str) -> tuple[Array, Array]:
        row = found[layer]
        return np.asarray([0.0, *row]), np.asarray([found.dense, *row.values()])

    def _ratio(self, index: int) -> float:
        return list(self._found.points[self._layer])[index] if self._found is not None else 0.0

    def _name(self, event: Any) -> str:
        place = event["data"].get("index", event["data"].get("name"))
        return self._found.groups[int(place)] if self._found is not None and place is not None else ""
