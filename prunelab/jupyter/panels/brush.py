"""A brush over a figure: a stretch that is drawn over is zoomed to; beside the plot, on an axis of values, a stretch of
these. Clicks go through, to the figure's points."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels.part import asset
from prunelab.jupyter.panels.shy import Shy
from prunelab.jupyter.words import BRUSH as WORDS

ALONG, LEFT, RIGHT = "along", "left", "right"  # what is zoomed: along the plot, or the values of one side
_View = tuple[float, float]


class Brush(anywidget.AnyWidget):
    """Lies over its neighbours; ``margin``: the pixels beside the plot, ``zoomed``: whether there is more than is in
    sight."""

    _esm = asset("brush.js")
    _css = asset("curves.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    margin: Any = traitlets.Dict().tag(sync=True)
    zoomed = traitlets.Bool(False).tag(sync=True)


class Brushed(widgets.VBox):
    """A figure with a brush over it, drawn when there is room; ``changed`` hears of another view."""

    def __init__(self, figure: Any, changed: Callable[[], object]) -> None:
        self.brush = Brush(margin=dict(figure.fig_margin))
        self._changed = changed
        self._whole, self._views = dict[str, _View](), dict[str, _View]()
        self.brush.on_msg(lambda _, content, buffers: self._heard(content))
        super().__init__([Shy(figure), self.brush])
        self.add_class("pl-brushed")

    @property
    def view(self) -> _View:
        """What is in sight along the plot."""
        return self._view(ALONG)

    def on(self, side: str) -> Callable[[float, float], _View]:
        """`within` of a side's values."""
        return partial(self.within, side=side)

    def within(self, low: float, high: float, side: str = ALONG) -> _View:
        """The view, where there is something from ``low`` to ``high``."""
        self._whole[side] = (low, high)
        if side in self._views:
            least, most = self._views[side]
            self._views[side] = (max(least, low), min(most, high))
            if self._views[side][0] >= self._views[side][1]:
                del self._views[side]
        self.brush.zoomed = bool(self._views)
        return self._view(side)

    def forget(self, side: str) -> None:
        """All of it is in sight again."""
        self._views.pop(side, None)
        self.brush.zoomed = bool(self._views)

    def _view(self, side: str) -> _View:
        return self._views.get(side) or self._whole.get(side, (0.0, 1.0))

    def _heard(self, content: Any) -> None:
        """A part of what is in sight, in [0, 1], or beyond it; None for all. Of the values where no side is told: both
        sides."""
        part, side = content.get("brush"), content.get("side", ALONG)
        for one in [side] if side in (ALONG, LEFT, RIGHT) else [side for side in (LEFT, RIGHT) if side in self._whole]:
            if part is not None:
                self._zoom(one, *part)
        if part is None:
            self._views.clear()
        self._changed()

    def _zoom(self, side: str, first: float, last: float) -> None:
        low, high = self._view(side)
        view = low + first * (high - low), low + last * (high - low)
        whole = self._whole.get(side, view)
        self._views[side] = view
        if view[0] <= whole[0] and view[1] >= whole[1]:
            del self._views[side]
