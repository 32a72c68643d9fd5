"""The header: which model, in which state, what it has cost and brought."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import ipywidgets as widgets

from prunelab.evaluate import LatencyTable
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, ends, html, span
from prunelab.jupyter.words import HEADER as WORDS
from prunelab.lab import Lab
from prunelab.lab.state import State, metric_text
from prunelab.lab.views import dense_of
from prunelab.render.numbers import change, count, milliseconds, number, percent, signed

_BETTER = {"accuracy": 1, "loss": -1}  # which way is good; of other metrics nobody knows


class Header(Part):
    """Model, state and chips; and the way back."""

    title, place, asks_for_work = WORDS["title"], "top", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._told = html("told")
        self._back = widgets.Button(description=WORDS["back"], tooltip=WORDS["back hint"])
        self._back.on_click(lambda _: desk.do(actions.back()))
        self._time = widgets.Button(description=WORDS["time"], tooltip=WORDS["time hint"])
        self._time.on_click(lambda _: desk.do(actions.latency()))
        self.widget = box("header", self._told, self._time, self._back)

    def changed(self) -> None:
        self._told.value = header_html(self.lab)
        self._back.disabled = self.lab.state.parent is None

    def worked(self) -> None:
        if self.lab.timed() is not None and self._time.layout.display != "none":
            self._time.layout.display = "none"
            self.changed()
        self._time.disabled = self.desk.worker.current is not None

    def still(self) -> Any:
        return self.lab


def header_html(lab: Lab) -> str:
    """Model and state, then a chip for each metric, for params and for MACs, with the difference to the dense model."""
    state, dense = lab.state, dense_of(lab.path())
    where = f"{state.id} · {state.label}"
    name = type(lab.model).__name__
    chips = [_metric(metric, value, dense) for metric, value in state.metrics.items()]
    chips += [_cost(WORDS["params"], state.cost.params, dense.cost.params),
              _cost(WORDS["macs"], state.cost.macs, dense.cost.macs)]
    chips += [] if (table := lab.timed()) is None else [_latency(table, lab)]
    return (f'<div class="pl-heading"><div class="pl-title"><b title="{escape(name)}">{escape(name)}</b>'
            f'{ends(where, where, "quiet")}</div><div class="pl-chips">{"".join(chips)}</div></div>')


def _metric(name: str, value: float, dense: State) -> str:
    before = dense.metrics.get(name)
    if before is None or value == before or not math.isfinite(value - before):
        return _chip(name, metric_text(name, value), "", "")
    told = signed(f"{100 * (value - before):+.1f}") if name == "accuracy" else number(value - before)
    told = told if told[0] in "+−" else f"+{told}"
    sign = (1 if value > before else -1) * _BETTER.get(name, 0)
    return _chip(name, metric_text(name, value), told, {1: "good", -1: "bad"}.get(sign, "quiet"))


def _cost(name: str, now: int, dense: int) -> str:
    told = change(now, dense) if now != dense else ""
    return _chip(name, count(now), told, "good" if now < dense and told != change(1, 1) else "quiet")


def _latency(table: LatencyTable, lab: Lab) -> str:
    now, dense = table.ms(lab.plan), table.ms()
    name = WORDS["latency"]
    if table.error is not None:
        name = WORDS["off"].format(name=name, percent=percent(abs(table.error.relative), 0))
    return _chip(name, milliseconds(now), change(now, dense) if now != dense else "",
                 "good" if now < dense else "quiet", table.trust)


def _chip(name: str, value: str, difference: str, kind: str, title: str = "") -> str:
    beside = f" {span(f'diff pl-{kind}', difference, WORDS['dense'])}" if difference else ""
    return f'<div class="pl-chip">{span("quiet", name, title)}<span><b>{escape(value)}</b>{beside}</span></div>'
