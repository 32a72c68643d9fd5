"""The history: states as a line with branches, the newest to the right; a click goes there."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.lab.state import metric_text
from prunelab.render.numbers import count


class HistoryTree(anywidget.AnyWidget):
    """``nodes``: dicts of id, parent, column, lane, label, note, told; ``current``: an id."""

    _esm = asset("history.js")
    nodes: Any = traitlets.List().tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)


class History(Part):
    """The tree of states."""

    title, place, asks_for_work = "History", "bottom", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = HistoryTree()
        self.widget.on_msg(self._heard)

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        state = str(content.get("goto", ""))
        if state and state != self.lab.state.id:
            self.desk.do(actions.goto(state))

    def changed(self) -> None:
        places = self.lab.tree().places()
        nodes = []
        for state in self.lab.states:
            column, lane = places[state.id]
            note = next((metric_text(name, value) for name, value in state.metrics.items()), count(state.cost.params))
            nodes.append({"id": state.id, "parent": state.parent, "column": column, "lane": lane, "label": state.label,
                          "note": note, "told": str(state)})
        with self.widget.hold_sync():
            self.widget.nodes, self.widget.current = nodes, self.lab.state.id

    def picture(self) -> str:
        return self.lab.tree()._repr_html_() if len(self.lab.states) > 1 else ""
