"""The scores: a histogram of the chosen layer's units, with the threshold that the slider sets."""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.lab import Preview
from prunelab.render.numbers import number

Array = np.ndarray[Any, Any]

_BINS = 24


class ScoresPlot(anywidget.AnyWidget):
    """``bars``: a list of [kept, going] a bin; ``threshold``: where between the ends, in [0, 1], or None."""

    _esm = asset("scores.js")
    caption = traitlets.Unicode().tag(sync=True)
    bars: Any = traitlets.List().tag(sync=True)
    ends: Any = traitlets.List().tag(sync=True)
    threshold = traitlets.Float(None, allow_none=True).tag(sync=True)


class Scores(Part):
    """A histogram of the chosen layer's scores. Units that are gone are not in it: their weights are zero now, and so
    is what most criteria make of them."""

    title, place, sets_ratio = "Scores", "charts", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = ScoresPlot()

    def changed(self) -> None:
        self.previewed()

    def chosen(self) -> None:
        self.previewed()

    def previewed(self) -> None:
        preview = self.desk.preview
        if preview is None:
            group = self.desk.group
            reason = group.reason if group is not None and group.reason else self.desk.problem or self.desk.unseen
            with self.widget.hold_sync():
                self.widget.bars, self.widget.threshold, self.widget.caption = [], None, f"no scores: {reason}"
            return
        scores = self.lab.scores(preview.layer, self.desk.criterion)
        bars, ends, threshold = histogram(scores, preview)
        with self.widget.hold_sync():
            self.widget.bars, self.widget.threshold = bars, threshold
            self.widget.ends = [number(end) for end in ends]
            gone = len(preview.removed) - len(preview.new)
            self.widget.caption = (f"{preview.layer} · {self.desk.criterion_name} of {preview.units - gone} units"
                                   f"{f', {gone} are gone' if gone else ''}")


def histogram(scores: Array, preview: Preview) -> tuple[list[list[int]], tuple[float, float], float | None]:
    """Counts of kept and going units a bin, the ends of the scale, and the threshold within it."""
    new, gone = list(preview.new), sorted(set(preview.removed) - set(preview.new))
    here = np.ones(preview.units, bool)
    here[gone] = False
    low, high = float(scores[here].min()), float(scores[here].max())
    span = high - low or 1.0
    going = np.zeros(preview.units, bool)
    going[new] = True
    place = np.minimum(((scores - low) / span * _BINS).astype(int), _BINS - 1)
    counts = [np.bincount(place[here & side], minlength=_BINS) for side in (~going, going)]
    threshold = None
    if new:
        kept = scores[here & ~going]
        threshold = (float(scores[going].max()) + float(kept.min())) / 2 if len(kept) else high
        threshold = (threshold - low) / span
    return [[int(k), int(g)] for k, g in zip(*counts, strict=True)], (low, high), threshold
