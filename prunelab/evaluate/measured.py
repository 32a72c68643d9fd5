"""`Sensitivity`: what a metric is where each group alone is cut at some ratios. Plain data, a versioned JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunelab.errors import DataError, check_positive, reason_of, shown
from prunelab.evaluate.files import write_json
from prunelab.plan.bearable import bearable_ratio
from prunelab.render.numbers import metric, number, percent
from prunelab.render.sensitivity import SensitivityPicture
from prunelab.render.table import html_table, text_table

FORMAT, VERSION = "prunelab-sensitivity", 1


@dataclass(frozen=True)
class Point:
    """The metric with one group cut at one ratio: within ``error`` of ``value`` (0 where all samples were seen, else
    half of a 95 % interval); ``seen`` is the fraction of the samples that told."""

    value: float
    error: float = 0.0
    seen: float = 1.0


@dataclass(frozen=True)
class Sensitivity:
    """A metric by group and ratio, as `prunelab.sensitivity` measured it.

    ``dense`` is the metric before any of these cuts; ``points`` by group in network order, then by ratio. ``made``
    says how: criterion, samples, fingerprints of model and data.
    """

    metric: str
    higher_is_better: bool
    dense: float
    points: Mapping[str, Mapping[float, Point]]
    made: Mapping[str, Any]

    # reading

    @property
    def groups(self) -> tuple[str, ...]:
        """The measured groups, in network order."""
        return tuple(self.points)

    @property
    def ratios(self) -> tuple[float, ...]:
        """All measured ratios."""
        return tuple(sorted({r for row in self.points.values() for r in row}))

    def __getitem__(self, group: str) -> dict[float, float]:
        """The metric of one group by ratio."""
        return {ratio: point.value for ratio, point in self.points[group].items()}

    @property
    def losses(self) -> dict[str, dict[float, float]]:
        """What is lost by group and ratio, positive where the metric is worse than dense: what the scopes "sensitivity"
        and "budget" of `prunelab.propose` take as ``losses``."""
        sign = 1.0 if self.higher_is_better else -1.0
        return {name: {r: sign * (self.dense - p.value) for r, p in row.items()} for name, row in self.points.items()}

    @property
    def table(self) -> Any:
        """The metric as a pandas DataFrame: a row a group, a column a ratio."""
        import pandas as pd

        return pd.DataFrame([self[name] for name in self.points], index=self.groups, columns=list(self.ratios))

    def suggest(self, max_loss: float = 1.0) -> dict[str, float]:
        """By group, the largest ratio at which it alone loses no more than ``max_loss`` points of the metric.

        A point is a hundredth: 1.0 lets an accuracy of 0.985 fall to 0.975. Between measured ratios the loss is taken
        as a straight line that never falls; beyond the largest measured one nothing is suggested. For
        ``propose(ratios=...)``.

        Raises:
            OptionError: a loss that is not above 0.
        """
        allowed = check_positive(max_loss, "max_loss (in points, hundredths of the metric)") / 100
        # rounded downwards: what is suggested must not lose more
        return {name: int(1000 * bearable_ratio(row, allowed) + 1e-9) / 1000 for name, row in self.losses.items()}

    # telling

    def plot(self) -> SensitivityPicture:
        """Curves and a heat map, layer by ratio: shown in a notebook, ``to_svg()`` for a file."""
        return SensitivityPicture(self.metric, self.higher_is_better, self.dense,
                                  {name: self[name] for name in self.points})

    def _rows(self) -> list[list[str]]:
        return [[name, *(_told(self.metric, row.get(ratio)) for ratio in self.ratios)]
                for name, row in self.points.items()]

    @property
    def _headers(self) -> list[str]:
        return ["group", *(percent(ratio, 0) for ratio in self.ratios)]

    @property
    def _title(self) -> str:
        return f"{self.metric} (dense: {metric(self.metric, self.dense, 4)})"

    def __str__(self) -> str:
        return text_table(self._headers, self._rows(), title=self._title)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = html_table(self._headers, self._rows(), caption=self._title)
        return self.plot()._repr_html_() + f"<details><summary>numbers</summary>{table}</details>"

    # files

    def to_json(self) -> dict[str, Any]:
        """The measurement as JSON data."""
        points = {name: [[r, p.value, p.error, p.seen] for r, p in row.items()] for name, row in self.points.items()}
        return {"format": FORMAT, "version": VERSION, "metric": self.metric, "dense": self.dense,
                "higher_is_better": self.higher_is_better, "made": dict(self.made), "points": points}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON; the file appears whole or not at all.

        Raises:
            DataError: a place that cannot be written.
        """
        try:
            return write_json(path, self.to_json())
        except OSError as error:
            raise DataError(f"the sensitivity cannot be written to {os.fspath(path)}: {error.strerror}; choose a "
                            "folder that exists and can be written") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sensitivity:
        """Read one; no code runs.

        Raises:
            DataError: a file that is not there, or is none.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{os.fspath(path)} cannot be read: {reason_of(error)}; such a file is written by "
                            "Sensitivity.save") from error
        kind, version = (data.get("format"), data.get("version")) if isinstance(data, dict) else (None, None)
        if kind != FORMAT or version != VERSION:
            raise DataError(f"{os.fspath(path)} is no sensitivity of version {VERSION} (its format is {shown(kind)}, "
                            f"its version {shown(version)}); such a file is written by Sensitivity.save")
        try:
            points = {str(name): {float(r): Point(float(value), float(error), float(seen))
                                  for r, value, error, seen in row} for name, row in data["points"].items()}
            return cls(str(data["metric"]), bool(data["higher_is_better"]), float(data["dense"]), points,
                       dict(data["made"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{os.fspath(path)} is damaged: {reason_of(error)}; measure again") from error


def _told(name: str, point: Point | None) -> str:
    if point is None:
        return "–"
    error = number(100 * point.error if name == "accuracy" else point.error, 2)
    return metric(name, point.value, 4) + (f" ± {error}" if point.error else "")
