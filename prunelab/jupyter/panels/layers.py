"""The layers: one row a group in network order; what is cut of it, what hangs on it, or why it is frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets

from prunelab.graph import Group
from prunelab.graph.graph import is_sparse
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.plan.layers import LayerRow, layers
from prunelab.render.numbers import count


class LayersTable(anywidget.AnyWidget):
    """``rows``: dicts, a row each; ``cut`` and ``going``: a bit a unit, each row beginning with a byte of its own;
    ``chosen``: the name of the row that everything is about, ``selected``: those that a step cuts, ``turn``: the choice
    of which view they answer, so that a view that has made another one since does not fall back."""

    _esm = asset("layers.js")
    rows: Any = traitlets.List().tag(sync=True)
    cut = traitlets.Bytes().tag(sync=True)
    going = traitlets.Bytes().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)
    turn = traitlets.Unicode().tag(sync=True)


class Layers(Part):
    """The table; a click or the arrow keys choose the layer that everything is about, with Shift or Control several."""

    title, place = "Layers", "table"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = LayersTable()
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

    def chosen(self) -> None:
        with self.widget.hold_sync():
            self.widget.chosen, self.widget.selected = self.desk.layer, list(self.desk.layers)
            self.previewed()

    def previewed(self) -> None:
        previews = None if self.desk.unseen else self.desk.previews
        going = {} if previews is None else {one.layer: one.new for one in previews.layers if one.new}
        self.widget.going = bits(self.lab.graph.groups, going) if going else b""

    def picture(self) -> str:
        return layers(self.lab.graph, self.lab.plan)._repr_html_()


def _row(row: LayerRow) -> dict[str, Any]:
    others = [layer for layer in row.tied if layer != row.name]
    tied = f", tied to {', '.join(others)}" if others else ""
    told = f"{row.name}: {row.units} {row.granularity}s{tied}"
    return {
        "name": row.name, "frozen": row.frozen, "kept": row.kept, "units": row.units, "tied": others,
        "told": f"{told}\nfrozen: {row.frozen}" if row.frozen else told, "n_params": row.params, "n_macs": row.macs,
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
