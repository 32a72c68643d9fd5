"""The masks: the weights of the chosen layer, a row a unit; what is cut stays visible under a veil."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from prunelab.errors import PrunelabError
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.jupyter.panels.tiles import Tiles, marks, packed, tiles
from prunelab.jupyter.words import MASKS as WORDS
from prunelab.lab.cuts import gone

if TYPE_CHECKING:
    from prunelab.graph import Group

_ROWS = 48  # units in a picture, which is stored with the notebook, at some 5 kB a unit


class MasksCanvas(anywidget.AnyWidget):
    """``cells``: float32 of (units, columns, kernel), ``masked``: a byte each; ``marks``: a byte a unit, kept, cut or
    going; ``column_names``: where each cell is a picture; ``other_...``: the same of another ``state`` to compare
    with, of which ``states`` are offered."""

    _esm = asset("masks.js")
    _css = asset("masks.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    columns = traitlets.Int().tag(sync=True)
    kernel: Any = traitlets.List([1, 1]).tag(sync=True)
    column_name = traitlets.Unicode().tag(sync=True)
    column_names: Any = traitlets.List().tag(sync=True)
    unit_name = traitlets.Unicode().tag(sync=True)
    cells = traitlets.Bytes().tag(sync=True)
    masked = traitlets.Bytes().tag(sync=True)
    marks = traitlets.Bytes().tag(sync=True)
    states: Any = traitlets.List().tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    other_cells = traitlets.Bytes().tag(sync=True)
    other_masked = traitlets.Bytes().tag(sync=True)
    other_marks = traitlets.Bytes().tag(sync=True)


class Masks(Part):
    """The weights of the chosen layer, what is kept and cut of it, and what the slider would cut."""

    title, place = WORDS["title"], "view"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = MasksCanvas()
        self.widget.on_msg(self._heard)

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        if "compare" in content:
            self.widget.state = str(content["compare"])
            self._compare()

    def changed(self) -> None:
        self.chosen()

    def chosen(self) -> None:
        group = self.desk.group
        with self.widget.hold_sync():
            self.widget.states = [[state.id, WORDS["state"].format(state=state.id, label=state.label)]
                                  for state in self.lab.states]
            self.widget.current = self.lab.state.id
            if group is None or not group.prunable:
                self.widget.empty = WORDS["no groups"] if group is None else WORDS["frozen"].format(
                    layer=group.name, reason=group.reason)
                self.widget.cells = self.widget.masked = self.widget.marks = b""
                self.widget.columns = 0
            else:
                self._show(group, tiles(self.lab.graph, group, self.lab.masks(group.name)))
            self._compare()

    def _show(self, group: Group, tiled: Tiles) -> None:
        self.widget.empty, self.widget.layer, self.widget.unit_name = "", group.name, group.granularity
        self.widget.columns, self.widget.kernel = tiled.cells.shape[1], list(tiled.kernel)
        self.widget.column_name = WORDS["column"] if tiled.each > 1 else tiled.what.split()[0].rstrip("s")
        self.widget.column_names = list(tiled.columns)
        self.widget.caption = tiled.caption
        self.widget.cells, self.widget.masked = packed(tiled)
        self.widget.marks = self._marks(group)

    def _compare(self) -> None:
        """Show the other state beside this one; none where it is this one, or has no weights any more."""
        group, other = self.desk.group, self.widget.state
        tiled, cut = None, b""
        if other and other != self.lab.state.id and group is not None and group.prunable:
            try:
                picture = self.lab.masks(group.name, other)
            except PrunelabError:  # pruned from the history
                self.widget.state = ""
            else:
                tiled = tiles(self.lab.graph, group, picture)
                cut = marks(group.units, np.flatnonzero(~picture.kept), ())
        with self.widget.hold_sync():
            self.widget.other_cells, self.widget.other_masked = packed(tiled)
            self.widget.other_marks = cut

    def previewed(self) -> None:
        group = self.desk.group
        if group is not None and group.prunable:
            self.widget.marks = self._marks(group)

    def still(self) -> Any:
        group = self.desk.group
        if group is None or not group.prunable:
            return None
        masks = self.lab.masks(group.name)
        return replace(masks, kept=masks.kept[:_ROWS], weights=masks.weights[:_ROWS])

    def _marks(self, group: Group) -> bytes:
        preview = self.desk.preview
        return marks(group.units, gone(self.lab.plan, group.name), () if preview is None else preview.new)
