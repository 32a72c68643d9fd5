"""The network as a diagram: a box a layer, coloured by what is cut of it, what it bears, or what it costs."""

from __future__ import annotations

import math
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.estimate import sensed
from prunelab.jupyter.panels.part import Part, asset, box, html, span
from prunelab.jupyter.words import NETWORK as WORDS
from prunelab.lab import Progress
from prunelab.lab.state import metric_text
from prunelab.plan.layers import layers
from prunelab.render.numbers import count, percent

# group -> how dark, in [0, 1], and what that says of it
Shades = dict[str, tuple[float, str]]


class NetworkDiagram(anywidget.AnyWidget):
    """``boxes``: dicts of label, kind, group, told and a rectangle; ``paths``: the arrows; ``shades``: by group how
    dark, and why; ``chosen``: the group that everything is about."""

    _esm = asset("network.js")
    _css = asset("network.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    boxes: Any = traitlets.List().tag(sync=True)
    paths: Any = traitlets.List().tag(sync=True)
    size: Any = traitlets.List([1, 1]).tag(sync=True)
    shades: Any = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)


class Network(Part):
    """What feeds what, from the input down; a click on a layer chooses its group for every part."""

    title, place = WORDS["title"], "view"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        drawn = self.lab.graph.diagram()
        self.diagram = NetworkDiagram(boxes=drawn.placed(), paths=drawn.paths(), size=list(drawn.size))
        self._by = widgets.Dropdown(options=[(WORDS[by], by) for by in ("cut", "sensitivity", "cost")],
                                    description=WORDS["by"], tooltip=WORDS["by hint"])
        self._legend = html("note")
        self._by.observe(lambda _: self._shade(), "value")
        self.diagram.on_msg(lambda _, content, buffers: desk.choose(str(content.get("choose", ""))))
        self.widget = box("network", box("row", self._by, self._legend), self.diagram, vertical=True)

    # news

    def changed(self) -> None:
        self._shade()
        self.chosen()

    def chosen(self) -> None:
        self.diagram.chosen = self.desk.layer

    def previewed(self) -> None:
        if self._by.value == "sensitivity":
            self._shade()

    def progressed(self, progress: Progress) -> None:
        if self.lab.working.startswith("sensitivity"):
            self.previewed()

    def worked(self) -> None:
        self.previewed()

    def still(self) -> Any:
        return self.lab.graph.diagram(self.lab.plan)

    # colours

    def _shade(self) -> None:
        shades, told = {"cut": self._cut, "sensitivity": self._lost, "cost": self._cost}[self._by.value]()
        self.diagram.shades = {name: list(shade) for name, shade in shades.items()}
        self._legend.value = span("quiet", told, told)

    def _cut(self) -> tuple[Shades, str]:
        gone = {group.name: (group.units, self.desk.gone(group.name)) for group in self.lab.graph.prunable}
        return {name: (n / units, WORDS["told cut"].format(cut=n, units=units))
                for name, (units, n) in gone.items()}, WORDS["darker cut"]

    def _cost(self) -> tuple[Shades, str]:
        macs = {row.name: row.macs or 0 for row in layers(self.lab.graph, self.lab.plan)}
        most = max(macs.values(), default=0) or 1
        return {name: (n / most, WORDS["told cost"].format(macs=count(n))) for name, n in macs.items()}, WORDS[
            "darker cost"]

    def _lost(self) -> tuple[Shades, str]:
        """What each layer alone would lose at the slider's ratio, as the sensitivity tells it."""
        known, ratio = sensed(self.lab, self.desk.criterion), self.desk.ratio
        if known is None:
            return {}, WORDS["not measured"]
        sign = 1 if known.found.higher_is_better else -1
        change = {name: known.change(name, 0.0, ratio) for name in known.found.groups}
        lost = {name: -sign * values[0] for name, values in change.items() if values is not None}
        most = max(lost.values(), default=0.0)
        shades = {}
        for name, loss in lost.items():
            value = metric_text(known.found.metric, known.found.dense - sign * loss)
            told = WORDS["told lost"].format(metric=known.found.metric, value=value, ratio=percent(ratio, 0))
            shades[name] = (math.sqrt(max(loss, 0.0) / most) if most > 0 else 0.0, told)
        return shades, WORDS["darker lost"].format(metric=known.found.metric, ratio=percent(ratio, 0))
