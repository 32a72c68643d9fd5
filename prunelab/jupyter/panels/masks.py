"""The masks: the weights of the chosen layer, a row a unit; what is cut stays visible under a veil."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.lab.cuts import gone

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

Array = np.ndarray[Any, Any]

_COLUMNS = 256  # more weights a unit than this are averaged: a screen has no room for them
_ROWS = 48  # units in a picture, which is stored with the notebook, at some 5 kB a unit
KEPT, CUT, GOING = 0, 1, 2


class MasksCanvas(anywidget.AnyWidget):
    """``cells``: float32 of (units, columns), row by row; ``marks``: a byte a unit, kept, cut or going."""

    _esm = asset("masks.js")
    layer = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    columns = traitlets.Int().tag(sync=True)
    column_name = traitlets.Unicode().tag(sync=True)
    unit_name = traitlets.Unicode().tag(sync=True)
    cells = traitlets.Bytes().tag(sync=True)
    marks = traitlets.Bytes().tag(sync=True)


class Masks(Part):
    """The weights of the chosen layer, what is kept and cut of it, and what the slider would cut."""

    title, place = "Masks", "view"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = MasksCanvas()

    def changed(self) -> None:
        self.chosen()

    def chosen(self) -> None:
        group = self.desk.group
        if group is None or not group.prunable:
            with self.widget.hold_sync():
                self.widget.empty = "no groups" if group is None else f"{group.name} is frozen: {group.reason}"
                self.widget.cells, self.widget.marks, self.widget.columns = b"", b"", 0
            return
        cells, what = kernel_means(self.lab.graph, group, self.lab.masks(group.name).weights)
        with self.widget.hold_sync():
            self.widget.empty, self.widget.layer, self.widget.unit_name = "", group.name, group.granularity
            self.widget.columns = cells.shape[1]
            self.widget.column_name = what.split(",")[0].rstrip("s") if " of " not in what else "column"
            self.widget.caption = f"{group.units} {group.granularity}s × {cells.shape[1]} {what} · cut veiled"
            self.widget.cells = cells.astype("<f4").tobytes()
            self.widget.marks = self._marks(group)

    def previewed(self) -> None:
        group = self.desk.group
        if group is not None and group.prunable:
            self.widget.marks = self._marks(group)

    def picture(self) -> str:
        group = self.desk.group
        if group is None or not group.prunable:
            return ""
        masks = self.lab.masks(group.name)
        return replace(masks, kept=masks.kept[:_ROWS], weights=masks.weights[:_ROWS])._repr_html_()

    def _marks(self, group: Group) -> bytes:
        preview = self.desk.preview
        return marks(group.units, gone(self.lab.plan, group.name), () if preview is None else preview.new)


def marks(units: int, cut: Collection[int], going: Collection[int]) -> bytes:
    """A byte a unit."""
    made = np.full(units, KEPT, np.uint8)
    made[list(going)] = GOING
    made[list(cut)] = CUT
    return made.tobytes()


def kernel_means(graph: Graph, group: Group, weights: Array) -> tuple[Array, str]:
    """``weights`` (units, n) with the mean of each kernel, at most some 256 columns a unit; and what a column is."""
    shapes = [graph.structure.parameters[m.parameter].shape for m in group.makers]
    kernels = {int(np.prod(shape[2:])) for shape in shapes}
    size = kernels.pop() if len(kernels) == 1 else 1
    n = weights.shape[1]
    if not size or n % size:
        size = 1
    means = weights.reshape(len(weights), n // size, size).mean(axis=2)
    of = "inputs, kernel means" if size > 1 else "weights"
    if means.shape[1] <= _COLUMNS:
        return means, of
    parts = np.array_split(means, _COLUMNS, axis=1)
    each = -(-means.shape[1] // _COLUMNS)
    return np.stack([part.mean(axis=1) for part in parts], axis=1), f"means of {each} {of.split(',')[0]}"
