"""The schedule: all layers in several steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.masking import WHOLE, has_ratio, of_all
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.jupyter.words import SCHEDULE as WORDS
from prunelab.plan.schedules import LAYER_SCHEDULES, SCHEDULES
from prunelab.render.numbers import percent

_MEASURES = ("sparsity", "params", "macs")
_SCOPES = ("local", "global", "isomorphic", "uniform_macs")
_ONE_BY_ONE = ("in_order", "by_sensitivity", "by_cost")
_N_TOLD = 4  # targets that are written out; between the first ones and the last the others are left out


class Schedule(Part):
    """All layers: how far, counted in what, in how many steps; and the first targets, before anything is done."""

    title, place, asks_for_work = WORDS["title"], "doing", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._to = widgets.FloatSlider(0.5, min=0.01, max=0.99, step=0.01, description=WORDS["to"],
                                       readout_format=".2f", tooltip=WORDS["to hint"])
        self._by = widgets.Dropdown(options=_named(_MEASURES), description=WORDS["by"], tooltip=WORDS["by hint"])
        self._steps = widgets.BoundedIntText(10, min=1, max=1000, description=WORDS["steps"])
        self._schedule = widgets.Dropdown(options=[*((name, name) for name in SCHEDULES), *_named(_ONE_BY_ONE)],
                                          value="cubic", description=WORDS["schedule"], tooltip=WORDS["schedule hint"])
        self._scope = widgets.Dropdown(options=_named(_SCOPES), description=WORDS["scope"], tooltip=WORDS["scope hint"])
        self._pieces = desk.choices.pieces_control()
        self._targets = html("note")
        self._go = widgets.Button(description=WORDS["run"], button_style="primary", tooltip=WORDS["run hint"])
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
        if self._pieces.value == WHOLE:
            return actions.run(self._course(), cure)
        return actions.in_place(of_all(self.lab, self._pieces.value, round(self._to.value, 4)), cure)

    def _tell(self, change: Any = None) -> None:
        pieces = self._pieces.value
        one_by_one = self._schedule.value in LAYER_SCHEDULES
        for control in (self._by, self._steps, self._scope):
            control.disabled = pieces != WHOLE or one_by_one
        self._schedule.disabled = pieces != WHOLE
        self._to.disabled = not has_ratio(pieces)
        told = targets_text(self._course()) if pieces == WHOLE else WORDS["in place"]
        self._targets.value = span("quiet", told)


def targets_text(course: actions.Course) -> str:
    """What is gone after each step: ``14, 24, 32, … 50 % of MACs``."""
    if course.schedule in LAYER_SCHEDULES:
        return WORDS["one by one"].format(ratio=percent(course.to, 0))
    schedule, n = SCHEDULES[course.schedule], course.steps
    targets = [percent(schedule(k, n, course.to, 0.0), 0) for k in range(1, n + 1)]
    targets = list(dict.fromkeys(targets))
    told = [target.removesuffix(" %") for target in targets[:-1]]
    if len(told) > _N_TOLD:
        told = [*told[:_N_TOLD - 1], "…"]
    return WORDS["targets"].format(targets=", ".join([*told, targets[-1]]), measure=WORDS[course.by])


def _named(values: Sequence[str]) -> list[tuple[str, str]]:
    """Options by what they are called."""
    return [(WORDS[value], value) for value in values]
