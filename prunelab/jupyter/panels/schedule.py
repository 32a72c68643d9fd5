"""The schedule: all layers in several steps."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.plan.schedules import LAYER_SCHEDULES, SCHEDULES
from prunelab.render.numbers import percent

_MEASURES = [("units", "sparsity"), ("params", "params"), ("MACs", "macs")]
_SCOPES = [("each alike", "local"), ("one ranking", "global"), ("a ranking a kind", "isomorphic"),
           ("even MACs", "uniform_macs")]
_PIECES = [("whole units", "auto"), ("single weights", "element"), ("2 of 4 weights", "2:4"), ("kernels", "kernel"),
           ("blocks of 4 × 4", "block:4x4")]
_ONE_BY_ONE = [("layers in order", "in_order"), ("least loss first", "by_sensitivity"), ("most MACs first", "by_cost")]
_N_TOLD = 4  # targets that are written out; between the first ones and the last the others are left out


class Schedule(Part):
    """All layers: how far, counted in what, in how many steps; and the first targets, before anything is done."""

    title, place, asks_for_work = "All layers", "doing", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._to = widgets.FloatSlider(0.5, min=0.01, max=0.99, step=0.01, description="to", readout_format=".2f",
                                       tooltip="the fraction of the dense model that is gone in the end")
        self._by = widgets.Dropdown(options=_MEASURES, description="of", tooltip="what the fraction is of")
        self._steps = widgets.BoundedIntText(10, min=1, max=1000, description="steps")
        self._schedule = widgets.Dropdown(options=[*((name, name) for name in SCHEDULES), *_ONE_BY_ONE], value="cubic",
                                          description="schedule", tooltip="all layers at each step, or one by one")
        self._scope = widgets.Dropdown(options=_SCOPES, description="scope",
                                       tooltip="how the cut is spread over the layers")
        self._pieces = widgets.Dropdown(options=_PIECES, description="cut",
                                        tooltip="units are removed; all else is masked in its place, in one step")
        self._targets = html("note")
        self._go = widgets.Button(description="Run", button_style="primary", tooltip="take all the steps")
        for control in (self._to, self._by, self._steps, self._schedule, self._pieces):
            control.observe(self._tell, "value")
        self._go.on_click(lambda _: desk.do(self._action()))
        self._tell()
        self.widget = box("card", self._to, box("row", self._by, self._pieces), box("row", self._schedule, self._steps),
                          self._scope, *desk.choices.controls(), box("row", self._go, self._targets), vertical=True)

    def _course(self) -> actions.Course:
        return actions.Course(round(self._to.value, 4), self._by.value, self._steps.value, self._schedule.value,
                              self._scope.value)

    def _action(self) -> actions.Action:
        cure = self.desk.choices.cure
        if self._pieces.value == "auto":
            return actions.run(self._course(), cure)
        whole = next(state.id for state in reversed(self.lab.path()) if not state.sparsity)
        start = None if whole == self.lab.state.id else whole
        return actions.in_place(self._pieces.value, round(self._to.value, 4), cure, start)

    def _tell(self, change: Any = None) -> None:
        pieces = self._pieces.value
        one_by_one = self._schedule.value in LAYER_SCHEDULES
        for control in (self._by, self._steps, self._scope):
            control.disabled = pieces != "auto" or one_by_one
        self._schedule.disabled = pieces != "auto"
        self._to.disabled = pieces == "2:4"
        told = targets_text(self._course()) if pieces == "auto" else "masked in place, before any unit is cut"
        self._targets.value = span("quiet", told)


def targets_text(course: actions.Course) -> str:
    """What is gone after each step: ``14, 24, 32, … 50 % of MACs``."""
    if course.schedule in LAYER_SCHEDULES:
        return f"{percent(course.to, 0)} of each layer, one by one"
    schedule, n = SCHEDULES[course.schedule], course.steps
    targets = [percent(schedule(k, n, course.to, 0.0), 0) for k in range(1, n + 1)]
    targets = list(dict.fromkeys(targets))
    told = [target.removesuffix(" %") for target in targets[:-1]]
    if len(told) > _N_TOLD:
        told = [*told[:_N_TOLD - 1], "…"]
    measure = next(name for name, value in _MEASURES if value == course.by)
    return f"{', '.join([*told, targets[-1]])} of {measure}"
