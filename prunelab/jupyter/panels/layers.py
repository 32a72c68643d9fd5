"""The layers: one row a group in network order; what is cut of it, what hangs on it, or why it is frozen."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import anywidget
import traitlets

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.plan.layers import LayerRow, layers
from prunelab.render.numbers import count


class LayersTable(anywidget.AnyWidget):
    """``rows``: dicts of name, bar, kept, units, params, macs, frozen, told; ``chosen``: a name; ``going``: a bar."""

    _esm = asset("layers.js")
    rows: Any = traitlets.List().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    going = traitlets.Unicode().tag(sync=True)


class Layers(Part):
    """The table; a click or the arrow keys choose the layer that everything is about."""

    title, place = "Layers", "table"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = LayersTable()
        self.widget.on_msg(self._heard)

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        self.desk.choose(str(content.get("choose", "")))

    def changed(self) -> None:
        removed = {group.name: group.removed for group in self.lab.plan.groups}
        self.widget.rows = [_row(row, removed.get(row.name, ())) for row in layers(self.lab.graph, self.lab.plan)]
        self.chosen()

    def chosen(self) -> None:
        self.widget.chosen = self.desk.layer
        self.previewed()

    def previewed(self) -> None:
        preview = self.desk.preview
        self.widget.going = "" if preview is None else bar(preview.new, preview.units)

    def picture(self) -> str:
        return layers(self.lab.graph, self.lab.plan)._repr_html_()


def _row(row: LayerRow, removed: Collection[int]) -> dict[str, Any]:
    gone = frozenset(removed)
    kept = [unit for unit in range(row.units) if unit not in gone]
    others = [layer for layer in row.tied if layer != row.name]
    tied = f", tied to {', '.join(others)}" if others else ""
    return {
        "name": row.name, "frozen": row.frozen, "kept": row.kept, "units": row.units,
        "bar": bar(kept, row.units), "told": f"{row.name}: {row.units} {row.granularity}s{tied}",
        "params": "" if row.params is None else count(row.params), "macs": "" if row.macs is None else count(row.macs),
    }


def bar(units: Collection[int], n: int) -> str:
    """Those of ``n`` units as an SVG path, each unit one wide and the bar one high: one piece a run of them."""
    inside = frozenset(units)
    starts = [u for u in sorted(inside) if u - 1 not in inside]
    ends = [u + 1 for u in sorted(inside) if u + 1 not in inside]
    return "".join(f"M{a} 0H{b}V1H{a}Z" for a, b in zip(starts, ends, strict=True))
