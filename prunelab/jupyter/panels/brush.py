"""A brush over a figure: a stretch that is drawn over is zoomed to. Clicks go through, to the figure's points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels.part import asset
from prunelab.jupyter.panels.shy import Shy
from prunelab.jupyter.words import BRUSH as WORDS


class Brush(anywidget.AnyWidget):
    """Lies over its neighbours; ``left`` and ``right``: the pixels beside the plot, ``zoomed``: whether there is more
    than is in sight."""

    _esm = asset("brush.js")
    _css = asset("curves.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    left = traitlets.Int().tag(sync=True)
    right = traitlets.Int().tag(sync=True)
    zoomed = traitlets.Bool(False).tag(sync=True)


class Brushed(widgets.VBox):
    """A figure with a brush over it, drawn when there is room; ``changed`` hears of another ``view``."""

    def __init__(self, figure: Any, changed: Callable[[], object]) -> None:
        self.brush = Brush(left=figure.fig_margin["left"], right=figure.fig_margin["right"])
        self._changed, self._whole = changed, (0.0, 1.0)
        self._view: tuple[float, float] | None = None
        self.brush.on_msg(lambda _, content, buffers: self._heard(content.get("brush")))
        super().__init__([Shy(figure), self.brush])
        self.add_class("pl-brushed")

    @property
    def view(self) -> tuple[float, float]:
        """What is in sight."""
        return self._whole if self._view is None else self._view

    def within(self, low: float, high: float) -> tuple[float, float]:
        """The view, where there is something from ``low`` to ``high``."""
        self._whole = (low, high)
        if self._view is not None:
            self._view = (max(self._view[0], low), min(self._view[1], high))
            if self._view[0] >= self._view[1]:
                self._view = None
        self.brush.zoomed = self._view is not None
        return self.view

    def _heard(self, part: Any) -> None:
        """A part of what is in sight, in [0, 1] from left to right, or beyond it; None for all."""
        low, high = self.view
        self._view = None if part is None else (low + part[0] * (high - low), low + part[1] * (high - low))
        if self._view is not None and self._view[0] <= self._whole[0] and self._view[1] >= self._whole[1]:
            self._view = None
        self._changed()
