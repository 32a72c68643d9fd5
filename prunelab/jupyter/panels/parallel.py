"""The trials of a search as parallel coordinates: an axis a choice and an objective, a line a trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets

from prunelab.jupyter.panels.part import asset
from prunelab.jupyter.words import SEARCH as WORDS
from prunelab.render.numbers import number, percent
from prunelab.search import Study, Trial

OTHER, ON_FRONT, CHOSEN = 0, 1, 2
_RATIO = "ratios."
_MOST_AXES = 24  # of choices: more could not be told apart


Column = tuple[str, str, str, Any]


class ParallelCoordinates(anywidget.AnyWidget):
    """``axes``: dicts of name, low, high (as told); ``lines``: float32 in [0, 1], a row a trial, not a number where one
    has no such value; ``kinds``: a byte a trial; ``numbers`` and ``told``: of the trials."""

    _esm = asset("names.js", "ranges.js", "parallel.js")
    _css = asset("search.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    axes: Any = traitlets.List().tag(sync=True)
    lines = traitlets.Bytes().tag(sync=True)
    kinds = traitlets.Bytes().tag(sync=True)
    numbers: Any = traitlets.List().tag(sync=True)
    told: Any = traitlets.List().tag(sync=True)

    def show(self, study: Study, trials: Sequence[Trial], front: Sequence[Trial], chosen: Trial | None) -> None:
        """``trials`` have all objectives, those of ``front`` are among them."""
        on_front = {trial.number for trial in front}
        columns = telling(columns_of(study, trials), len(study.objectives))
        kinds = [CHOSEN if trial is chosen else ON_FRONT if trial.number in on_front else OTHER for trial in trials]
        with self.hold_sync():
            self.axes = [{"name": name, "low": low, "high": high} for name, low, high, _ in columns]
            self.lines = np.stack([values for *_, values in columns], axis=1).astype("<f4").tobytes()
            self.kinds = bytes(kinds)
            self.numbers, self.told = [trial.number for trial in trials], [told(study, trial) for trial in trials]


def told(study: Study, trial: Trial) -> str:
    """A trial's objectives in words."""
    values = ", ".join(f"{objective.name} {objective.text(trial.values[objective.name])}"
                       for objective in study.objectives)
    return WORDS["trial told"].format(number=trial.number, values=values)


def columns_of(study: Study, trials: Sequence[Trial]) -> list[Column]:
    """For each variable and objective its name, the least and the most as told, and where each trial is between."""
    found = []
    for name in study.space.variables:
        values = _numeric([trial.chosen.get(name) for trial in trials])
        tell = (lambda value: percent(value, 0)) if name.startswith(_RATIO) else number
        found.append((name.removeprefix(_RATIO), *_between(values, tell)))
    for objective in study.objectives:
        values = np.asarray([trial.values[objective.name] for trial in trials], float)
        found.append((objective.name, *_between(values, objective.text)))
    return found


def telling(columns: list[Column], n_objectives: int) -> list[Column]:
    """The choices that go most with the first objective, in their order, and the objectives; all where they are few."""
    choices, objectives = columns[:-n_objectives], columns[-n_objectives:]
    if len(choices) <= _MOST_AXES:
        return columns
    value = np.nan_to_num(objectives[0][-1], nan=0.5)
    with np.errstate(invalid="ignore", divide="ignore"):  # of a choice that never varies
        together = [abs(np.corrcoef(np.nan_to_num(values, nan=0.5), value)[0, 1]) for *_, values in choices]
    most = np.argsort(-np.nan_to_num(together), kind="stable")[:_MOST_AXES]
    return [choices[place] for place in sorted(most)] + objectives


def n_shown(study: Study) -> tuple[int, int]:
    """How many choices have an axis, and how many there are."""
    return min(len(study.space.variables), _MOST_AXES), len(study.space.variables)


def _between(values: Any, tell: Any) -> tuple[str, str, Any]:
    there = values[np.isfinite(values)]
    low, high = (float(there.min()), float(there.max())) if there.size else (0.0, 0.0)
    # where all are alike, they stand in the middle
    between = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
    return tell(low), tell(high), between


def _numeric(values: Sequence[Any]) -> Any:
    """Numbers as they are; of words, their places among all of them."""
    if all(value is None or isinstance(value, (int, float, np.number)) for value in values):
        return np.asarray([np.nan if value is None else float(value) for value in values])
    words = sorted({str(value) for value in values if value is not None})
    return np.asarray([np.nan if value is None else float(words.index(str(value))) for value in values])
