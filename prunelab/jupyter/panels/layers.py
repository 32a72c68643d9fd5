"""The layers: one row a group in network order; what is cut of it, what hangs on it, or why it is frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets

from prunelab.evaluate import Sensitivity
from prunelab.graph import Group
from prunelab.graph.removals import is_sparse
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.estimate import sensed
from prunelab.jupyter.panels.part import Part, asset
from prunelab.jupyter.words import LAYERS as WORDS
from prunelab.lab import Progress
from prunelab.lab.state import metric_text
from prunelab.plan.layers import LayerRow, layers
from prunelab.render.numbers import count, percent


class LayersTable(anywidget.AnyWidget):
    """``rows``: dicts, a row each; ``cut`` and ``going``: a bit a unit, each row beginning with a byte of its own;
    ``curves``: what each row bears, where it was measured; ``chosen``: the name of the row that everything is about,
    ``selected``: those that a step cuts, ``turn``: the choice of which view they answer, so that a view that has made
    another one since does not fall back."""

    _esm = asset("names.js", "layers.js")
    _css = asset("layers.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    cut = traitlets.Bytes().tag(sync=True)
    going = traitlets.Bytes().tag(sync=True)
    curves: Any = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)
    turn = traitlets.Unicode().tag(sync=True)


class Layers(Part):
    """The table; a click or the arrow keys choose the layer that everything is about, with Shift or Control several."""

    title, place = WORDS["title"], "table"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = LayersTable()
        self._drawn: Sensitivity | None = None
        self.widget.on_msg(self._heard)

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        if "choose" in content:
            with self.widget.hold_sync():  # the answer and what it answers in one message
                self.desk.choose(str(content["choose"]), [str(name) for name in content.get("selected", ())])
                self.widget.turn = str(content.get("turn", ""))

    def changed(self) -> None:
        plan = self.lab.plan
        removed = {group.name: group.removed for group in plan.groups if not is_sparse(group)}
        with self.widget.hold_sync():
            self.widget.rows = [_row(row) for row in layers(self.lab.graph, plan)]
            self.widget.cut = bits(self.lab.graph.groups, removed)
        self.chosen()
        self.worked()

    def progressed(self, progress: Progress) -> None:
        if self.lab.working.startswith("sensitivity"):
            self.worked()

    def worked(self) -> None:
        known = sensed(self.lab, self.desk.criterion)
        if known is None:
            self.widget.curves = {}
        elif self._drawn is not known.found:
            self._drawn, self.widget.curves = known.found, curves(known.found)

    def chosen(self) -> None:
        with self.widget.hold_sync():
            self.widget.chosen, self.widget.selected = self.desk.layer, list(self.desk.layers)
            self.previewed()

    def previewed(self) -> None:
        previews = None if self.desk.unseen else self.desk.previews
        going = {} if previews is None else {one.layer: one.new for one in previews.layers if one.new}
        self.widget.going = bits(self.lab.graph.groups, going) if going else b""

    def still(self) -> Any:
        return layers(self.lab.graph, self.lab.plan)


def curves(found: Sensitivity) -> dict[str, dict[str, Any]]:
    """For each layer its curve, ratios and metric from 0 (the worst of all layers) to 1 (nothing lost), what half of
    the layer costs, and in words."""
    losses = found.losses
    worst = max((loss for row in losses.values() for loss in row.values()), default=0.0) or 1.0
    made = {}
    for name, row in losses.items():
        if not row:  # its turn comes yet
            continue
        half = min(row, key=lambda ratio: abs(ratio - 0.5))
        told = WORDS["lost"].format(layer=name, metric=found.metric, ratio=percent(half, 0),
                                    value=metric_text(found.metric, found[name][half]))
        points = [[0.0, 1.0], *([ratio, 1 - max(loss, 0.0) / worst] for ratio, loss in sorted(row.items()))]
        made[name] = {"points": points, "lost": row[half], "told": told}
    return made


def _row(row: LayerRow) -> dict[str, Any]:
    others = [layer for layer in row.tied if layer != row.name]
    tied = WORDS["tied"].format(layers=", ".join(others)) if others else ""
    told = WORDS["told"].format(name=row.name, units=row.units, unit=row.granularity) + tied
    told += "\n" + WORDS["frozen"].format(reason=row.frozen) if row.frozen else ""
    return {
        "name": row.name, "frozen": row.frozen, "kept": row.kept, "units": row.units, "tied": others,
        "told": told, "n_params": row.params, "n_macs": row.macs,
        "params": "" if row.params is None else count(row.params), "macs": "" if row.macs is None else count(row.macs),
    }


def bits(groups: Iterable[Group], units: Mapping[str, Collection[int]]) -> bytes:
    """For each group its units, a bit each, those of ``units`` set; each group begins with a byte of its own."""
    made = []
    for group in groups:
        flags = np.zeros(group.units, np.uint8)
        flags[list(units.get(group.name, ()))] = 1
        made.append(np.packbits(flags).tobytes())
    return b"".join(made)
