"""Where points are put as they are measured, so that nothing is measured twice: in memory, and in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from prunelab.errors import DataError
from prunelab.evaluate.files import write_json
from prunelab.evaluate.identity import fingerprint
from prunelab.evaluate.measured import Point
from prunelab.evaluate.paired import Confidence, Difference

_FORMAT, _VERSION = "prunelab-sensitivity-cache", 1
# What was measured when a measurement was interrupted, by its fingerprint, oldest first
_INTERRUPTED: dict[str, dict[str, Any]] = {}
_MOST_INTERRUPTED = 8


class Shelf:
    """The dense value and the points of one identity: read from the folder when it is entered, written as they come.

    A file that cannot be read is measured anew; a folder that cannot be written is an error, before anything is
    measured.
    """

    def __init__(self, identity: Mapping[str, Any], folder: str | os.PathLike[str] | None) -> None:
        self._identity, self._key = dict(identity), fingerprint(identity)
        self._file = None if folder is None else Path(folder) / f"{self._key}.json"
        self._content: dict[str, Any] = {"dense": None, "points": {}}

    def __enter__(self) -> Shelf:
        self._content = _INTERRUPTED.pop(self._key, {}) or self._read() or self._content
        if self._file is not None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self.save()
            except OSError as error:
                raise DataError(f"the cache {self._file.parent} cannot be written: {error.strerror}; choose a folder "
                                "that can be, or leave cache out") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is not None and self._content["points"]:
            _INTERRUPTED[self._key] = self._content
            while len(_INTERRUPTED) > _MOST_INTERRUPTED:
                del _INTERRUPTED[next(iter(_INTERRUPTED))]
        self.save()

    def _read(self) -> dict[str, Any] | None:
        try:
            data = json.loads(self._file.read_text(encoding="utf-8")) if self._file is not None else None
            if data is None or (data["format"], data["version"], data["identity"]) != (
                    _FORMAT, _VERSION, self._identity):
                return None
            points = {name: {float(r): Point(*map(float, told)) for r, *told in row}
                      for name, row in data["points"].items()}
            return {"dense": float(data["dense"]), "points": points}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self) -> None:
        """Write what there is."""
        if self._file is not None and self._content["dense"] is not None:
            points = {name: [[r, p.value, p.error, p.seen] for r, p in row.items()]
                      for name, row in self._content["points"].items()}
            write_json(self._file, {"format": _FORMAT, "version": _VERSION, "identity": self._identity,
                                    "dense": self._content["dense"], "points": points})

    def dense(self, measure: Callable[[], float]) -> float:
        """The dense value: known, or measured now."""
        if self._content["dense"] is None:
            self._content["dense"] = measure()
        return float(self._content["dense"])

    def measured(self, group: str) -> dict[float, Point]:
        """All known points of a group, by ratio."""
        return dict(self._content["points"].get(group, {}))

    def known(self, group: str, asked: Confidence | None) -> dict[float, Point]:
        """Those that are exact, or as sure as was asked."""
        found = self.measured(group)
        return {r: p for r, p in found.items() if p.seen == 1.0 or (asked is not None and Difference(
            p.value - self._content["dense"], p.error, p.seen).is_sure(asked))}

    def put(self, group: str, ratio: float, point: Point) -> None:
        """Keep a point."""
        self._content["points"].setdefault(group, {})[ratio] = point
