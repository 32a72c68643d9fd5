"""The frame: carries the panel's stylesheet, and knows whether the panel is on the screen."""

from __future__ import annotations

from typing import Any

import anywidget

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset


class FrameWidget(anywidget.AnyWidget):
    """Shows nothing; its view lives as long as the panel's."""

    _esm = asset("frame.js")
    _css = asset("panel.css")


class Frame(Part):
    """Lets the desk listen while there is a view of the panel: a panel whose cell ran again costs nothing any more."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = FrameWidget()
        self.widget.on_msg(self._heard)
        self._views = 0

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        seen = bool(content.get("seen"))
        self._views = max(self._views + (1 if seen else -1), 0)
        if not seen and not self._views:
            self.desk.leave()
        elif seen:
            self.desk.listen()
            self.desk.refresh()
