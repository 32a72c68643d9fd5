"""A figure that is not drawn before there is room for it: in a hidden tab bqplot gives its parts negative sizes."""

from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets as widgets

from prunelab.jupyter.panels.part import asset, widgets_in


class Lookout(anywidget.AnyWidget):
    """Shows nothing, and says once that it has room."""

    _esm = asset("lookout.js")
    # a style of its own would be lost: the widget's layout writes over it
    _css = ".prunelab .pl-lookout { flex: 1 1 0; min-height: 1px; margin: 0; }"


class Shy(widgets.VBox):
    """A box that is empty until it is on the screen, and then holds ``figure``."""

    def __init__(self, figure: Any) -> None:
        self.figure, self._lookout, self._drawn = figure, Lookout(), False
        self._lookout.on_msg(lambda *_: self.show())
        super().__init__([self._lookout])
        self.add_class("pl-shy")

    def show(self) -> None:
        """Draw the figure from now on."""
        if not self._drawn:
            self._drawn = True
            self.children = (self.figure,)
            self._forget()

    def close(self) -> None:
        """Take it off the screen, with the figure and all that it is made of."""
        self._forget()
        for widget in widgets_in(self.figure):
            widget.close()
        super().close()

    def _forget(self) -> None:
        for widget in (self._lookout, self._lookout.layout):  # a widget that closes leaves its layout open
            widget.close()
