"""`Export`: what was written, how near it is to the model, how large and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunelab.render.numbers import change, milliseconds, number, signed, size
from prunelab.render.table import html_table, text_table

# what a person may not want to give away, by what the inputs of the examples are
_KEPT = {"given": "the example inputs that were given", "data": "samples of the data"}


@dataclass(frozen=True)
class Export:
    """What `prunelab.export` wrote into ``directory``; every dict is by format.

    ``parity`` is the largest relative error over outputs and batches, ``latency_ms`` the median of one call. The
    ``dense_`` ones are the dense model's, where it was given, measured in turn with the exported one's. ``manifest`` is
    what ``manifest.json`` holds.
    """

    directory: Path
    files: Mapping[str, tuple[Path, ...]]
    parity: Mapping[str, float]
    latency_ms: Mapping[str, float]
    size_bytes: Mapping[str, int]
    manifest: Mapping[str, Any] = field(repr=False)
    dense_latency_ms: Mapping[str, float] = field(default_factory=dict)
    dense_size_bytes: Mapping[str, int] = field(default_factory=dict)

    def _columns(self) -> tuple[list[str], list[list[str]]]:
        dense = bool(self.dense_size_bytes)
        beside = ["dense", "change"] if dense else []
        headers = ["format", "size", *beside, "latency", *beside, *self._metrics(), "max rel. error", "files"]
        return headers, [self._row(name, dense) for name in self.files]

    def _row(self, name: str, dense: bool) -> list[str]:
        now, before = self.size_bytes[name], self.dense_size_bytes.get(name)
        fast, slow = self.latency_ms.get(name), self.dense_latency_ms.get(name)
        row = [name, size(now)]
        if dense:
            row += ["–", "–"] if before is None else [size(before), change(now, before)]
        row.append("–" if fast is None else milliseconds(fast))
        if dense:
            row += ["–", "–"] if fast is None or slow is None else [milliseconds(slow), change(fast, slow)]
        judged = (self.manifest["formats"][name]["validation"] or {}).get("metrics", {})
        row += [_beside(judged.get(metric)) for metric in self._metrics()]
        error = self.parity.get(name)
        return [*row, "–" if error is None else number(error), ", ".join(path.name for path in self.files[name])]

    def _metrics(self) -> list[str]:
        """What was judged on validation data."""
        judged = [told["validation"] for told in self.manifest["formats"].values() if told["validation"]]
        return list(judged[0]["metrics"]) if judged else []

    def _notes(self) -> list[str]:
        notes = []
        for name, told in self.manifest["formats"].items():
            notes += [f"{name}: {note}" for note in told["notes"]]
        kept = _KEPT.get(self.manifest["options"]["examples"])
        if kept is not None:
            notes.append(f"examples.safetensors holds {kept}, to compare with elsewhere; examples=False leaves it out")
        return notes

    def _title(self) -> str:
        return f"{self.manifest['model']} exported to {self.directory}"

    def __repr__(self) -> str:
        headers, rows = self._columns()
        return text_table(headers, rows, title=self._title(), notes=self._notes())

    def _repr_html_(self) -> str:
        headers, rows = self._columns()
        return html_table(headers, rows, caption=self._title(), notes=self._notes())


def _beside(judged: Mapping[str, float] | None) -> str:
    """A file's metric, and how far it is from the model's."""
    if judged is None:
        return "–"
    off = judged["file"] - judged["model"]
    # what rounding makes is no difference
    shown = abs(off) > 1e-4 * max(abs(judged["file"]), abs(judged["model"]))
    return f"{judged['file']:.4g}" + (f" ({signed(f'{off:+.2g}')})" if shown else "")
