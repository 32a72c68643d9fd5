"""The trials of a search: a metric against a cost, with the front that nobody beats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import bqplot
import numpy as np

from prunelab.jupyter.panels.axes import Telling, figure, fit, put, tick_text
from prunelab.render.numbers import count
from prunelab.search import Study, Trial
from prunelab.search.objectives import COSTS, Objective

_FRONT, _OTHER, _CHOSEN = "var(--pl-positive)", "var(--pl-quiet)", "var(--jp-brand-color1)"
_MARGIN = {"top": 10, "bottom": 26, "left": 52, "right": 16}


class FrontChart:
    """The second objective to the right, the first upwards; a click on a trial picks it. Of one objective alone, the
    trials stand to the right, in their order."""

    def __init__(self, pick: Callable[[int], object]) -> None:
        x, y = bqplot.LinearScale(), bqplot.LinearScale()
        common: dict[str, Any] = {"x": [0.0], "y": [0.0], "scales": {"x": x, "y": y}, "visible": False}
        self.others = bqplot.Scatter(colors=[_OTHER], default_size=26, opacities=[0.5], **common)
        self.line = bqplot.Lines(colors=[_FRONT], stroke_width=1.5, **common)
        self.front = bqplot.Scatter(colors=[_FRONT], default_size=52, **common)
        self.dense = bqplot.Scatter(colors=[_OTHER], marker="cross", default_size=60, **common)
        self.chosen = bqplot.Scatter(colors=[_CHOSEN], default_size=150, opacities=[0.55], **common)
        self._x, self._y = bqplot.Axis(scale=x, grid_lines="none"), bqplot.Axis(scale=y, side="left")
        self.figure = figure([self.line, self.chosen, self.dense, self.others, self.front], [self._x, self._y], _MARGIN)
        self._numbers: dict[Any, list[int]] = {}
        for mark in (self.others, self.front):
            mark.on_element_click(lambda mark, event: pick(self._numbers[mark][int(event["data"]["index"])]))

    def show(self, study: Study, trials: Sequence[Trial], front: Sequence[Trial], chosen: Trial | None) -> None:
        """``trials`` have all objectives, those of ``front`` are among them."""
        on_front = {trial.number for trial in front}
        spots = np.asarray([_spot(study, trial) for trial in trials])
        dense = [study.dense.get(objective.name, np.nan) for objective in study.objectives[:2]]
        at_dense = np.asarray([[dense[1], dense[0]]]) if len(dense) > 1 else np.empty((0, 2))
        everything = np.vstack([spots, at_dense])
        first, *more = study.objectives
        fit(self._x.scale, self._x, everything[:, 0], _tick(more[0]) if more else count)
        fit(self._y.scale, self._y, everything[:, 1], _tick(first))
        self._put(self.others, [trial for trial in trials if trial.number not in on_front], study)
        self._put(self.front, sorted(front, key=lambda trial: _spot(study, trial)), study)
        self._put(self.chosen, [] if chosen is None else [chosen], study)
        self.line.visible = len(front) > 1 and len(study.objectives) == 2
        if self.line.visible:
            put(self.line, self.front.x, self.front.y)
        self.dense.visible = bool(len(at_dense)) and bool(np.isfinite(at_dense).all())
        if self.dense.visible:
            put(self.dense, at_dense[:, 0], at_dense[:, 1])

    def _put(self, mark: Any, trials: Sequence[Trial], study: Study) -> None:
        self._numbers[mark] = [trial.number for trial in trials]
        mark.visible = bool(trials)
        if trials:
            spots = np.asarray([_spot(study, trial) for trial in trials])
            put(mark, spots[:, 0], spots[:, 1])


def _tick(objective: Objective) -> Telling:
    return COSTS.get(objective.name) or partial(tick_text, objective.name)


def _spot(study: Study, trial: Trial) -> tuple[float, float]:
    first, *more = (float(trial.values[objective.name]) for objective in study.objectives)
    return (more[0] if more else float(trial.number)), first
