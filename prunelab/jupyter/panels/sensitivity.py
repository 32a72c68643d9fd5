"""The sensitivity: what a cut of each layer alone would cost, as curves and as a heat map; and ratios taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from prunelab.evaluate import Sensitivity
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.jupyter.panels.sensitivity_curves import BearingCurves
from prunelab.jupyter.panels.sensitivity_map import HeatMap, table
from prunelab.jupyter.panels.shy import Shy
from prunelab.jupyter.panels.wishes import Wishes
from prunelab.jupyter.words import SENSITIVITY as WORDS
from prunelab.lab import Progress
from prunelab.render.numbers import counted, percent

_EVERY = (0.05, 0.1, 0.2)
_WITHIN = (2.0, 1.0, 0.5)  # points


class Sensitivities(Part):
    """What each layer bears: curves and a heat map, measured from here; a click takes a ratio, Suggest takes all."""

    title, place, asks_for_work = WORDS["title"], "view", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        metrics = list(self.lab.state.metrics)
        self._metric = widgets.Dropdown(options=metrics, description=WORDS["metric"], tooltip=WORDS["metric hint"])
        self._every = widgets.Dropdown(options=[(percent(step, 0), step) for step in _EVERY], value=0.1,
                                       description=WORDS["every"], tooltip=WORDS["every hint"])
        self._within = widgets.Dropdown(options=[(WORDS["all samples"], 0.0), *((_points(p), p) for p in _WITHIN)],
                                        description=WORDS["within"], tooltip=WORDS["within hint"])
        self._measure = widgets.Button(description=WORDS["measure"], tooltip=WORDS["measure hint"])
        self._empty = html("sense-empty")
        self.heat, self.curves = HeatMap(), BearingCurves(self._pick, desk.choose)
        self.wishes = Wishes(desk, self._suggested, self._mark)
        self._results = box("sense-results", Shy(self.curves.figure), self.heat, self.wishes.widget, vertical=True)
        self._seen: tuple[str, str | None, str | None] = ("", None, "")
        self._hear()
        self.widget = box("sense", box("row", self._metric, self._every, self._within, self._measure), self._empty,
                          self._results, vertical=True)

    def _hear(self) -> None:
        for control in (self._metric, self._every):
            control.observe(lambda _: self._look(), "value")
        self._measure.on_click(lambda _: self.desk.do(actions.measure(
            self._metric.value, self.desk.criterion, self._every.value, self._within.value or None)))
        self.heat.on_msg(lambda _, content, buffers: self._pick(*content["pick"]))

    # news

    def changed(self) -> None:
        self._look()
        self.wishes.wish(self.wishes.going())

    def chosen(self) -> None:
        self._point()

    def previewed(self) -> None:
        self._point()
        if self._seen != self._asked:
            self._look()

    def progressed(self, progress: Progress) -> None:
        if self._measuring:
            self._look()

    def worked(self) -> None:
        self._look()

    def still(self) -> Any:
        found = self._known()
        return None if found is None else found[1]

    # looking

    @property
    def _asked(self) -> tuple[str, str | None, str | None]:
        """What the pictures depend on: the state, the metric, the criterion."""
        return self.lab.state.id, self._metric.value, self.desk.criterion

    @property
    def _measuring(self) -> bool:
        return self.lab.working.startswith("sensitivity")

    def _known(self) -> tuple[str, Sensitivity] | None:
        """What was measured in the nearest state on the way here, and in which."""
        for state in reversed(self.lab.path()):
            found = self.lab.sensed(self._metric.value, self.desk.criterion, state)
            if found is not None:
                return state.id, found
        return None

    def _look(self) -> None:
        self._seen = self._asked
        found = self._known()
        self._measure.disabled = self._measuring or not self.lab.state.metrics or not self.lab.graph.prunable
        self._measure.button_style = "" if found is not None and found[0] == self.lab.state.id else "primary"
        self._empty.value = self._nothing() if found is None else ""
        self._empty.layout.display = None if found is None else "none"
        self._results.layout.display = "none" if found is None else None
        if found is not None:
            self._show(*found)

    def _nothing(self) -> str:
        layers = self.lab.graph.prunable
        if not layers or not self.lab.state.metrics:
            return span("quiet", WORDS["no data" if layers else "no layers"])
        ratios = actions.spread(self._every.value)
        cuts = WORDS["cuts"].format(layers=counted(len(layers), "layer"), ratios=counted(len(ratios), "ratio"))
        return span("quiet", WORDS["empty"].format(cuts=cuts))

    def _show(self, state: str, found: Sensitivity) -> None:
        values, errors = table(found)
        known = int(np.isfinite(values).sum())
        said = [WORDS["elsewhere"].format(state=state)] if state != self.lab.state.id else []
        said += [WORDS["so far"].format(known=known, all=values.size)] if known < values.size else []
        said.append(WORDS["caption"].format(metric=found.metric, criterion=self.desk.criterion_name))
        self.heat.show(found, values, errors, " · ".join(said))
        self.curves.show(found, values)
        self._point()

    def _point(self) -> None:
        self.heat.point(self.desk.layer, self.desk.ratio)
        self.curves.point(self.desk.layer, self.desk.ratio)

    # taking ratios

    def _pick(self, layer: str, ratio: float) -> None:
        """A cell or a point: the layer, and its ratio."""
        self.wishes.add(layer, ratio)
        self.desk.choose(layer)
        self.desk.think(ratio)

    def _suggested(self, allowed: float) -> Mapping[str, float]:
        found = self._known()
        return {} if found is None else found[1].suggest(allowed)

    def _mark(self, ratios: dict[str, float]) -> None:
        self.heat.wished = ratios


def _points(points: float) -> str:
    return WORDS["one point"] if points == 1 else WORDS["points"].format(points=points)
