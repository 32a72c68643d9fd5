"""Ratios that are wished for several layers: suggested or picked, told what they would take, and taken in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets as widgets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import box, html, span
from prunelab.jupyter.words import SENSITIVITY as WORDS
from prunelab.plan import Plan
from prunelab.plan.allocation import n_removed
from prunelab.render.numbers import change, counted


class Wishes:
    """``ratios`` by layer, and a row of controls: how much may be lost, Suggest, what it would take, and the step."""

    def __init__(self, desk: Desk, suggest: Callable[[float], Mapping[str, float]],
                 changed: Callable[[dict[str, float]], object]) -> None:
        self.desk, self.lab, self.ratios = desk, desk.lab, dict[str, float]()
        self._changed = changed
        self.allowed = widgets.BoundedFloatText(1.0, min=0.01, max=100, step=0.5, description=WORDS["loss"],
                                                tooltip=WORDS["loss hint"])
        self.suggest = widgets.Button(description=WORDS["suggest"], tooltip=WORDS["suggest hint"])
        self.clear = widgets.Button(description=WORDS["clear"], tooltip=WORDS["clear hint"])
        self.take = widgets.Button(button_style="primary", tooltip=WORDS["take hint"])
        self._told = html("note")
        self.suggest.on_click(lambda _: self.wish(suggest(self.allowed.value)))
        self.clear.on_click(lambda _: self.wish({}))
        self.take.on_click(lambda _: desk.do(actions.cut_several(self.going(), desk.choices.cure)))
        unit = widgets.Label(WORDS["loss unit"])
        self.widget = box("row", self.allowed, unit, self.suggest, self._told, self.clear, self.take)
        self.widget.add_class("pl-wishes")
        self.tell()

    def wish(self, ratios: Mapping[str, float]) -> None:
        """These, and no others."""
        self.ratios = {name: ratio for name, ratio in ratios.items() if ratio > 0}
        self._changed(self.ratios)
        self.tell()

    def add(self, layer: str, ratio: float) -> None:
        """One more."""
        self.wish({**self.ratios, layer: ratio})

    def going(self) -> dict[str, float]:
        """Those that take something: of other layers so much is gone already, or less than a unit would go."""
        units = {group.name: group.units for group in self.lab.graph.prunable}
        return {name: ratio for name, ratio in self.ratios.items()
                if n_removed(ratio, units[name]) > self.desk.gone(name)}

    def tell(self) -> None:
        """What they would take."""
        going = self.going()
        take = WORDS["take"].format(layers=counted(len(going), "layer")) if going else WORDS["take none"]
        self.take.description = take
        self.take.disabled, self.clear.disabled = not going, not self.ratios
        lines = [] if not self.ratios else self._forecast(going) if going else [WORDS["nothing to take"]]
        self._told.value = "".join(f"<div>{span('quiet', line, line)}</div>" for line in lines)

    def _forecast(self, going: Mapping[str, float]) -> list[str]:
        now, then = self.lab.plan.cost, self._planned(going).cost
        return [WORDS["params"].format(change=change(then.params, now.params)),
                WORDS["macs"].format(change=change(then.macs, now.macs))]

    def _planned(self, going: Mapping[str, float]) -> Plan:
        removed = {name: self.lab.preview(name, ratio, self.desk.counting).removed for name, ratio in going.items()}
        return self.lab.plan.with_removed(self.lab.graph, removed)

