"""The curves: two of the metrics and costs over the states, or the loss within fine-tuning; a click on a point goes
there, a brush zooms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bqplot
import ipywidgets as widgets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.axes import Telling, figure, tick_text, ticks
from prunelab.jupyter.panels.brush import LEFT, RIGHT, Brushed
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.jupyter.panels.track import Track, Tree
from prunelab.jupyter.panels.training_curve import Training, TrainingCurve
from prunelab.jupyter.words import CURVES as WORDS
from prunelab.lab import Progress
from prunelab.lab.state import State, metric_text
from prunelab.render.numbers import count, number, percent, seconds, size


def _sparsity(value: float, digits: int = 3) -> str:
    return percent(value, digits - 3)


def _time(value: float, digits: int = 3) -> str:
    return seconds(value)


# name -> its value in a state, and how that is told
_COSTS: dict[str, tuple[Callable[[State], float], Callable[..., str]]] = {
    WORDS["params"]: (lambda state: state.cost.params, count),
    WORDS["macs"]: (lambda state: state.cost.macs, count),
    WORDS["size"]: (lambda state: state.cost.bytes, size),
    WORDS["sparsity"]: (lambda state: state.sparsity, _sparsity),
    WORDS["time"]: (lambda state: state.duration_s, _time),
}
_LEFT, _RIGHT = "var(--jp-brand-color1)", "var(--pl-negative)"
_N_TICKS = 8
_MARGIN = {"top": 12, "bottom": 26, "left": 46, "right": 50}
_STATES, _TRAINING = WORDS["states"], WORDS["training"]


class Curves(Part):
    """Two metrics or costs over the states, in the order in which they were made; or the loss within fine-tuning."""

    title, place, asks_for_work = WORDS["title"], "charts", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        metrics = list(self.lab.state.metrics)
        first = metrics[0] if metrics else WORDS["macs"]
        self._metric = widgets.Dropdown(options=[*metrics, *_COSTS], value=first, tooltip=WORDS["left hint"])
        self._cost = widgets.Dropdown(options=[*metrics, *_COSTS], value=WORDS["params"], tooltip=WORDS["right hint"])
        self._what = widgets.ToggleButtons(options=[_STATES, _TRAINING], tooltips=[WORDS["states hint"],
                                                                                  WORDS["training hint"]])
        self._told_metric, self._told_cost = html("told-metric"), html("told-cost")
        x = bqplot.LinearScale(min=-0.3, max=1.3)
        self._x = bqplot.Axis(scale=x, grid_lines="none", tick_values=[0.0])
        self._left, self._right = Track(x, _LEFT, "left", "solid"), Track(x, _RIGHT, "right", "dashed")
        tracks = (self._left, self._right)
        self.figure = figure([mark for track in tracks for mark in track.marks],
                             [self._x, *(track.axis for track in tracks)], _MARGIN)
        self.training = TrainingCurve()
        self.states = Brushed(self.figure, self.changed)
        self.trained, self._nothing = Brushed(self.training.figure, self.changed), html("empty-curves")
        for track in tracks:
            track.dots.on_element_click(lambda mark, event, track=track: self._clicked(track, event))
        for control, side in ((self._metric, LEFT), (self._cost, RIGHT)):
            control.observe(lambda _, side=side: self.states.forget(side), "value")  # another number, another scale
        for control in (self._metric, self._cost, self._what):
            control.observe(lambda _: self.changed(), "value")
        legend = box("legend", self._metric, self._told_metric, self._what, self._told_cost, self._cost)
        self.widget = box("curves", legend, self.states, self.trained, self._nothing, vertical=True)

    def _clicked(self, track: Track, event: Any) -> None:
        state = self.lab.states[track.places[int(event["data"]["index"])]].id
        if state != self.lab.state.id:
            self.desk.do(actions.goto(state))

    # news

    def changed(self) -> None:
        trains = self._what.value == _TRAINING
        trainings = self._trainings() if trains else []
        for shown, wanted in ((self.states, not trains), (self.trained, bool(trainings)),
                              (self._nothing, trains and not trainings)):
            shown.layout.display = None if wanted else "none"
        for control in (self._metric, self._cost):
            control.layout.display = "none" if trains else None
        if trains:
            self._show_trainings(trainings)
        else:
            self._show_states()

    def progressed(self, progress: Progress) -> None:
        if self._what.value == _TRAINING and self.lab.training:
            self.changed()

    def worked(self) -> None:
        if self._what.value == _TRAINING:
            self.changed()

    def still(self) -> Any:
        return self.lab.curves() if len(self.lab.states) > 1 else None

    # drawing

    def _show_states(self) -> None:
        states = self.lab.states
        places = {state.id: place for place, state in enumerate(states)}
        way = [places[state.id] for state in self.lab.path()]
        on_way = set(way)
        edges = [(places[state.parent], places[state.id]) for state in states
                 if state.parent is not None and places[state.id] not in on_way]
        view = self.states.within(-0.3, max(len(states) - 0.7, 1.3))
        tree = Tree(len(states), way, edges, view)
        self._x.scale.min, self._x.scale.max = view
        every = -(-len(tree.seen) // _N_TICKS) or 1
        ticks(self._x, tree.seen[::every].tolist(), lambda place: states[int(place)].id)
        for track, side, chosen, told, kind in ((self._left, LEFT, self._metric, self._told_metric, "metric"),
                                                (self._right, RIGHT, self._cost, self._told_cost, "cost")):
            value, told_tick, told_value = _reading(chosen.value)
            track.show([value(state) for state in states], told_tick, tree, self.states.on(side))
            now = value(self.lab.state)
            told.value = span(kind, "–" if now != now else told_value(now))

    def _trainings(self) -> list[Training]:
        """Those of the states on the way here, and the one under way."""
        found: list[Training] = [state.training for state in self.lab.path() if state.training]
        return [*found, self.lab.training] if self.lab.training else found

    def _show_trainings(self, trainings: list[Training]) -> None:
        self._nothing.value = span("quiet", WORDS["no training"])
        self._told_cost.value = ""
        if not trainings:
            self._told_metric.value = ""
            return
        batches, loss = trainings[-1][-1]
        self._told_metric.value = span("metric", WORDS["trained"].format(loss=number(loss),
                                                                         batches=count(batches)))
        self.training.show(trainings, self.trained.within, self.trained.on(LEFT))


def _reading(name: str) -> tuple[Callable[[State], float], Telling, Callable[..., str]]:
    """The value of a state, how a tick is told, how a value is."""
    if name in _COSTS:
        value, told = _COSTS[name]
        return value, told, told
    return (lambda state: state.metrics.get(name, float("nan")), lambda tick, digits: tick_text(name, tick, digits),
            lambda now: metric_text(name, now))
