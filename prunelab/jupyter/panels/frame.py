"""The frame: carries what all parts look like, and knows whether the panel is on the screen."""

from __future__ import annotations

import uuid
from typing import Any

import anywidget
import traitlets

from prunelab.jupyter.panels.channel import listen
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.jupyter.words import FRAME as WORDS


class FrameWidget(anywidget.AnyWidget):
    """Shows nothing, but ``gone`` where the kernel is; its view lives as long as the panel's. ``panel`` is what the
    channel calls it."""

    _esm = asset("frame.js")
    _css = asset("panel.css", "columns.css", "header.css", "tabs.css", "controls.css")
    panel = traitlets.Unicode().tag(sync=True)
    gone = traitlets.Unicode(WORDS["gone"]).tag(sync=True)


class Frame(Part):
    """Lets the desk listen while there is a view of the panel: a panel whose cell ran again costs nothing any more."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = FrameWidget(panel=uuid.uuid4().hex)
        self.widget.on_msg(self._heard)
        self._views = 0
        listen(self.widget.panel, self)

    def pressed(self, what: str) -> None:
        """Pause or Stop, from beside a cell that may be running."""
        {"stop": self.desk.stop, "pause": self.desk.toggle}.get(what, lambda: None)()

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        seen = bool(content.get("seen"))
        self._views = max(self._views + (1 if seen else -1), 0)
        if not seen and not self._views:
            self.desk.leave()
        elif seen:
            self.desk.listen()
            self.desk.refresh()
