"""The scores: a histogram of the chosen layer's units, with a threshold that is the ratio's other form."""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset
from prunelab.jupyter.words import SCORES as WORDS
from prunelab.lab import Preview
from prunelab.render.numbers import number

Array = np.ndarray[Any, Any]

_BINS = 24


class ScoresPlot(anywidget.AnyWidget):
    """``bars``: a list of [kept, going] a bin; ``threshold``: where between the ends, in [0, 1]; ``cut``: how many of
    how many units lie below it."""

    _esm = asset("scores.js")
    _css = asset("scores.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    bars: Any = traitlets.List().tag(sync=True)
    ends: Any = traitlets.List().tag(sync=True)
    threshold = traitlets.Float().tag(sync=True)
    cut: Any = traitlets.Dict({"cut": 0, "units": 1}).tag(sync=True)


class Scores(Part):
    """A histogram of the chosen layer's scores; dragging the threshold is the same as moving the ratio. Units that are
    gone are not in it: their weights are zero now, and so is what most criteria make of them."""

    title, place, sets_ratio = WORDS["title"], "charts", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.widget = ScoresPlot()
        self.widget.on_msg(self._heard)

    def _heard(self, widget: Any, content: Any, buffers: Any) -> None:
        preview = self.desk.preview
        if preview is None:
            return
        if "threshold" in content:
            n = below(self.lab.scores(preview.layer, self.desk.criterion), preview, float(content["threshold"]))
        else:
            n = len(preview.removed) + int(content["move"])
        gone = len(preview.removed) - len(preview.new)
        self.desk.think(min(max(n, gone), preview.units - 1) / preview.units)

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
                self.widget.bars, self.widget.caption = [], WORDS["none"].format(reason=reason)
            return
        scores = self.lab.scores(preview.layer, self.desk.criterion)
        bars, ends, threshold = histogram(scores, preview)
        with self.widget.hold_sync():
            self.widget.bars, self.widget.threshold = bars, threshold
            self.widget.ends = [number(end) for end in ends]
            self.widget.cut = {"cut": len(preview.removed), "units": preview.units}
            gone = len(preview.removed) - len(preview.new)
            self.widget.caption = WORDS["caption gone" if gone else "caption"].format(
                layer=preview.layer, criterion=self.desk.criterion_name, units=preview.units - gone, gone=gone)


def _here(preview: Preview) -> Array:
    """Which units are not gone: (units,) bool."""
    here = np.ones(preview.units, bool)
    here[sorted(set(preview.removed) - set(preview.new))] = False
    return here


def below(scores: Array, preview: Preview, threshold: float) -> int:
    """How many units would be gone with those whose score is below a threshold, given in [0, 1] between the ends."""
    here = _here(preview)
    low, high = scores[here].min(), scores[here].max()
    return int((~here).sum() + (scores[here] < low + threshold * (high - low)).sum())


def histogram(scores: Array, preview: Preview) -> tuple[list[list[int]], tuple[float, float], float]:
    """Counts of kept and going units a bin, the ends of the scale, and the threshold within it."""
    here, going = _here(preview), np.zeros(preview.units, bool)
    going[list(preview.new)] = True
    low, high = float(scores[here].min()), float(scores[here].max())
    span = high - low or 1.0
    place = np.clip(((scores - low) / span * _BINS).astype(int), 0, _BINS - 1)
    counts = [np.bincount(place[here & side], minlength=_BINS) for side in (~going, going)]
    kept, below_it = scores[here & ~going], scores[going]
    threshold = (float(below_it.max()) + float(kept.min())) / 2 if len(below_it) else low
    return [[int(k), int(g)] for k, g in zip(*counts, strict=True)], (low, high), (threshold - low) / span
