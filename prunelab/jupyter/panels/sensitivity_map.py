"""The heat map of the sensitivity: layers down, ratios across."""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets

from prunelab.evaluate import Sensitivity
from prunelab.jupyter.panels.part import asset
from prunelab.jupyter.words import SENSITIVITY as WORDS

Array = np.ndarray[Any, Any]


class HeatMap(anywidget.AnyWidget):
    """``names`` down, ``ratios`` across; ``values`` and ``errors``: float32, row by row, not a number where nothing is
    known. ``wished``: ratios by name; ``at``: the slider's, of the ``chosen`` layer; ``sign``: −1 where less is
    better."""

    _esm = asset("names.js", "sensitivity.js")
    _css = asset("sensitivity.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    metric = traitlets.Unicode().tag(sync=True)
    names: Any = traitlets.List().tag(sync=True)
    ratios: Any = traitlets.List().tag(sync=True)
    values = traitlets.Bytes().tag(sync=True)
    errors = traitlets.Bytes().tag(sync=True)
    dense = traitlets.Float().tag(sync=True)
    sign = traitlets.Int(1).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    at = traitlets.Float(0.0).tag(sync=True)
    wished: Any = traitlets.Dict().tag(sync=True)

    def show(self, found: Sensitivity, values: Array, errors: Array, caption: str) -> None:
        """Another measurement, or more of it."""
        with self.hold_sync():
            self.names, self.ratios, self.metric = list(found.groups), list(found.ratios), found.metric
            self.values, self.errors = values.astype("<f4").tobytes(), errors.astype("<f4").tobytes()
            self.dense, self.sign, self.caption = found.dense, 1 if found.higher_is_better else -1, caption

    def point(self, layer: str, ratio: float) -> None:
        """Where the slider is."""
        with self.hold_sync():
            self.chosen, self.at = layer, ratio


def table(found: Sensitivity) -> tuple[Array, Array]:
    """Values and errors, ``(groups, ratios)``; not a number where nothing is known."""
    values, errors = (np.full((len(found.groups), len(found.ratios)), np.nan) for _ in range(2))
    columns = {ratio: k for k, ratio in enumerate(found.ratios)}
    for row, points in enumerate(found.points.values()):
        for ratio, point in points.items():
            values[row, columns[ratio]], errors[row, columns[ratio]] = point.value, point.error
    return values, errors
