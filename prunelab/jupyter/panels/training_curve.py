"""The loss within fine-tuning: of the training under way while it goes, else of the states on the way here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import bqplot
import numpy as np

from prunelab.jupyter.panels.axes import Within, figure, fit, nice_ticks, put, tick_text, ticks
from prunelab.render.numbers import count

_COLOUR, _FAINT = "var(--jp-brand-color1)", "var(--pl-quiet)"
_MARGIN = {"top": 12, "bottom": 26, "left": 46, "right": 50}
_MOST = 12  # trainings that are drawn faint behind the last one

Training = Sequence[tuple[int, float]]


class TrainingCurve:
    """The mean loss over the batches; the trainings before it are faint lines."""

    def __init__(self) -> None:
        self.x, self.y = bqplot.LinearScale(), bqplot.LinearScale()
        common: dict[str, Any] = {"x": [0.0], "y": [0.0], "scales": {"x": self.x, "y": self.y}}
        self.before = bqplot.Lines(colors=[_FAINT], opacities=[0.4], stroke_width=1.2, **common)
        self.line = bqplot.Lines(colors=[_COLOUR], stroke_width=2, **common)
        self._bottom, self._left = bqplot.Axis(scale=self.x, grid_lines="none"), bqplot.Axis(scale=self.y, side="left")
        self.figure = figure([self.before, self.line], [self._bottom, self._left], _MARGIN)

    def show(self, trainings: Sequence[Training], within: Within, values: Within | None = None) -> None:
        """The last one bold; ``within`` says what of the batches, from the first to the last, is in sight, ``values``
        what of the loss."""
        shown = [np.asarray(training, float).T for training in trainings[-_MOST - 1:]]
        low, high = within(0.0, max(float(x[-1]) for x, _ in shown) + 0.5)
        self.x.min, self.x.max = low, high
        ticks(self._bottom, [tick for tick in nice_ticks(low, high) if tick == int(tick)], count)
        seen = [y[(x >= low) & (x <= high)] for x, y in shown]
        fit(self.y, self._left, np.concatenate(seen), partial(tick_text, "loss"), within=values)
        put(self.line, *shown[-1])
        self.before.visible = len(shown) > 1
        if len(shown) > 1:
            put(self.before, *joined(shown[:-1]))


def joined(lines: Sequence[Any]) -> tuple[Any, Any]:
    """Lines, each of x and y, as one with gaps between them."""
    x = np.concatenate([np.append(x, x[-1]) for x, _ in lines])
    y = np.concatenate([np.append(y, np.nan) for _, y in lines])
    return x[:-1], y[:-1]
