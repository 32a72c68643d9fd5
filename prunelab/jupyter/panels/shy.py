"""A figure that is not drawn before there is room for it: in a hidden tab bqplot gives its parts negative sizes."""

from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels.part import asset


class Shy(anywidget.AnyWidget):
    """The place of ``figure``: each view of it draws the figure when it comes onto the screen."""

    _esm = asset("shy.js")
    _css = asset("shy.css")
    figure = traitlets.Instance(widgets.DOMWidget).tag(sync=True, **widgets.widget_serialization)

    def __init__(self, figure: Any) -> None:
        super().__init__(figure=figure)
