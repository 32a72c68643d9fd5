"""The curves: a metric to the left and a cost to the right, over the states; a click on a point goes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bqplot
import ipywidgets as widgets
import numpy as np

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.axes import fit, put, tick_text, ticks
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.lab.state import State, metric_text
from prunelab.render.numbers import count

_COSTS: dict[str, Callable[[State], float]] = {
    "params": lambda state: state.cost.params,
    "MACs": lambda state: state.cost.macs,
}
_METRIC, _COST = "var(--jp-brand-color1)", "var(--pl-negative)"
_N_TICKS = 8
_MARGIN = {"top": 12, "bottom": 26, "left": 46, "right": 50}


class Track:
    """One curve on its own scale: the way to the current state as a line, everything else faint."""

    def __init__(self, x: Any, colour: str, side: str, style: str) -> None:
        self.scale = bqplot.LinearScale()
        scales = {"x": x, "y": self.scale}
        self.axis = bqplot.Axis(scale=self.scale, side=side,
                                grid_lines="solid" if side == "left" else "none")  # one grid is enough
        common: dict[str, Any] = {"x": [0.0], "y": [0.0], "scales": scales}
        self.aside = bqplot.Lines(colors=[colour], opacities=[0.35], stroke_width=1.5, line_style=style, **common)
        self.way = bqplot.Lines(colors=[colour], stroke_width=2, line_style=style, **common)
        self.dots = bqplot.Scatter(colors=[colour], default_size=36, **common)
        self.here = bqplot.Scatter(colors=[colour], default_size=120, **common)
        self.marks = [self.aside, self.way, self.here, self.dots]

    def show(self, values: Sequence[float], told: Callable[[float], str], edges: Sequence[tuple[int, int]],
             way: Sequence[int]) -> None:
        """``values`` of all states, ``edges`` from parent to child aside of the way, the states on the way."""
        y = np.asarray(values, float)
        fit(self.scale, self.axis, y, told)
        put(self.way, np.asarray(way, float), y[list(way)])
        put(self.here, np.asarray(way[-1:], float), y[list(way[-1:])])
        put(self.dots, np.arange(len(y), dtype=float), y)
        self.aside.visible = bool(edges)
        if edges:
            put(self.aside, np.asarray(edges, float), y[np.asarray(edges)])


class Curves(Part):
    """A metric and a cost over the states, in the order in which they were made."""

    title, place, asks_for_work = "Curves", "charts", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        metrics = list(self.lab.state.metrics)
        self._metric = widgets.Dropdown(options=metrics, tooltip="the metric to the left")
        self._cost = widgets.Dropdown(options=list(_COSTS), tooltip="the cost to the right")
        self._told_metric, self._told_cost = html("told-metric"), html("told-cost")
        x = bqplot.LinearScale(min=-0.3, max=1.3)
        self._x = bqplot.Axis(scale=x, grid_lines="none", tick_values=[0.0])
        self._left = Track(x, _METRIC, "left", "solid")
        self._right = Track(x, _COST, "right", "dashed")
        tracks = [self._left, self._right] if metrics else [self._right]
        self.figure = bqplot.Figure(marks=[mark for track in tracks for mark in track.marks],
                                    axes=[self._x, *(track.axis for track in tracks)], fig_margin=_MARGIN,
                                    min_aspect_ratio=0.5, max_aspect_ratio=20)
        self.figure.add_class("pl-figure")
        for track in tracks:
            track.dots.on_element_click(self._clicked)
        self._metric.observe(lambda _: self.changed(), "value")
        self._cost.observe(lambda _: self.changed(), "value")
        if not metrics:
            self._metric.layout.display = "none"
            self._right.axis.grid_lines = "solid"
        legend = box("legend", self._metric, self._told_metric, self._told_cost, self._cost)
        self.widget = box("curves", legend, self.figure, vertical=True)

    def _clicked(self, mark: Any, event: Any) -> None:
        state = self.lab.states[int(event["data"]["index"])].id
        if state != self.lab.state.id:
            self.desk.do(actions.goto(state))

    def changed(self) -> None:
        states = self.lab.states
        places = {state.id: place for place, state in enumerate(states)}
        way = [places[state.id] for state in self.lab.path()]
        edges = [(places[s.parent], places[s.id]) for s in states if s.parent is not None and places[s.id] not in way]
        scale = self._x.scale
        scale.min, scale.max = -0.3, max(len(states) - 0.7, 1.3)
        every = -(-len(states) // _N_TICKS)
        ticks(self._x, range(0, len(states), every), lambda place: states[int(place)].id)
        if self._metric.value:
            self._show_metric(states, edges, way)
        cost = _COSTS[self._cost.value]
        self._right.show([cost(state) for state in states], count, edges, way)
        self._told_cost.value = span("cost", count(cost(self.lab.state)))

    def picture(self) -> str:
        return self.lab.curves()._repr_html_() if len(self.lab.states) > 1 else ""

    def _show_metric(self, states: Sequence[State], edges: Sequence[tuple[int, int]], way: Sequence[int]) -> None:
        name = self._metric.value
        values = [state.metrics.get(name, float("nan")) for state in states]
        self._left.show(values, lambda value: tick_text(name, value), edges, way)
        now = self.lab.state.metrics.get(name)
        self._told_metric.value = span("metric", "–" if now is None else metric_text(name, now))
