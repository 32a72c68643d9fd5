"""What a report has measured, kept beside the history, so that a report from the record alone tells it, too.

A file a state in ``measured/``, plain JSON; a confusion as the pairs that occur. What cannot be kept, or is not of this
state any more, is as if it had not been measured.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import DataError
from prunelab.evaluate import Sensitivity
from prunelab.evaluate.confusion import ClassChanges, Confusion
from prunelab.evaluate.files import write_json
from prunelab.evaluate.timing import Timing
from prunelab.lab.report.content import Measured
from prunelab.lab.state import State

FOLDER = "measured"
_FORMAT, _VERSION = "prunelab-report-measured", 1


def keep(workspace: Path | None, state: State, uncut: State, measured: Measured) -> Measured:
    """The same with the day on which it was measured; written beside the history, if that is kept anywhere."""
    measured = replace(measured, day=datetime.now(timezone.utc).date().isoformat())
    if workspace is not None:
        with contextlib.suppress(OSError, DataError):  # the report is what was asked for, and has it all
            (workspace / FOLDER).mkdir(exist_ok=True)
            write_json(_file(workspace, state), {"format": _FORMAT, "version": _VERSION,
                                                 "of": _identity(state, uncut), **_plain(measured)})
            if measured.sensitivity is not None:
                measured.sensitivity.save(_sensitivity(workspace, state))
    return measured


def kept(workspace: Path | None, state: State, uncut: State) -> Measured:
    """What was measured for a report of ``state``, compared with ``uncut``; nothing where nothing was."""
    if workspace is None:
        return Measured()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        told = json.loads(_file(workspace, state).read_text(encoding="utf-8"))
        if (told["format"], told["version"], told["of"]) == (_FORMAT, _VERSION, _identity(state, uncut)):
            return replace(_read(told), sensitivity=_known(workspace, state))
    return Measured()


def _identity(state: State, uncut: State) -> list[str]:
    """Which two models: a state's id alone may be another history's."""
    return [state.id, state.created, uncut.id, uncut.created]


def _file(workspace: Path, state: State) -> Path:
    return workspace / FOLDER / f"{state.id}.json"


def _sensitivity(workspace: Path, state: State) -> Path:
    return workspace / FOLDER / f"{state.id}.sensitivity.json"


def _known(workspace: Path, state: State) -> Sensitivity | None:
    with contextlib.suppress(DataError):
        return Sensitivity.load(_sensitivity(workspace, state))
    return None


def _plain(measured: Measured) -> dict[str, Any]:
    times, changes = measured.latency, measured.changes
    return {
        "day": measured.day,
        "latency": None if times is None else [time.to_json() for time in times],
        "classes": None if changes is None else {
            "names": list(changes.before.names),
            "before": _pairs(changes.before.matrix), "after": _pairs(changes.after.matrix)},
        "data": None if measured.data is None else dict(measured.data),
    }


def _pairs(matrix: Any) -> list[list[int]]:
    """Label, prediction, how often: of a thousand classes few pairs occur."""
    return [[int(a), int(b), int(matrix[a, b])] for a, b in np.argwhere(matrix)]


def _read(told: Mapping[str, Any]) -> Measured:
    times, classes, data = told["latency"], told["classes"], told["data"]
    latency = None if times is None else (_timing(times[0]), _timing(times[1]))
    changes = None
    if classes is not None:
        names = tuple(map(str, classes["names"]))
        changes = ClassChanges(*(Confusion(_matrix(classes[key], len(names)), names) for key in ("before", "after")))
    return Measured(latency, changes, None if data is None else {str(k): str(v) for k, v in data.items()},
                    day=str(told["day"]))


def _timing(told: Mapping[str, Any]) -> Timing:
    return Timing(float(told["median_ms"]), float(told["p10_ms"]), float(told["p90_ms"]), int(told["runs"]))


def _matrix(pairs: Any, n: int) -> Any:
    matrix = np.zeros((n, n), np.int64)
    for label, prediction, times in pairs:
        matrix[label, prediction] = times
    return matrix
