"""`verify_export`: an exported folder looked at again, here and now: hashes, parity, times."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunelab.errors import ExportError, MissingExtraError, pass_on_interrupt
from prunelab.evaluate.latency import paddle_threads
from prunelab.evaluate.timing import Timing, TimingOptions, time_callables
from prunelab.export.base import Format, OfWeights, installed_version
from prunelab.export.check import first_line
from prunelab.export.examples import NAME as EXAMPLES
from prunelab.export.examples import load_examples
from prunelab.export.manifest import FORMAT, NAME, VERSION, sha256
from prunelab.export.parity import relative_error
from prunelab.export.subject import Example
from prunelab.render.numbers import milliseconds, number
from prunelab.render.table import html_table, text_table


@dataclass(frozen=True)
class Found:
    """What became of one format: ``error`` is the largest relative one, ``trouble`` says what is wrong, ``skipped``
    why it was not tried."""

    error: float | None = None
    timing: Timing | None = None
    trouble: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class Verified:
    """What `verify_export` found, by format. ``ok`` is whether nothing is wrong; what was skipped is not wrong."""

    directory: Path
    formats: Mapping[str, Found]
    damaged: tuple[str, ...]
    changed_versions: Mapping[str, tuple[str | None, str | None]]

    @property
    def ok(self) -> bool:
        """No file is damaged, and every format that was tried computes what the model did."""
        return not self.damaged and not any(found.trouble for found in self.formats.values())

    def to_json(self) -> dict[str, Any]:
        """The same as JSON data."""
        return {"ok": self.ok, "damaged": list(self.damaged),
                "formats": {name: {"max_relative_error": f.error, "trouble": f.trouble or None,
                                   "skipped": f.skipped or None,
                                   "latency": None if f.timing is None else f.timing.to_json()}
                            for name, f in self.formats.items()},
                "versions": {name: {"then": then, "now": now} for name, (then, now) in self.changed_versions.items()}}

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [[name, f.trouble or (f"skipped: {f.skipped}" if f.skipped else "computes what the model did"),
                 "–" if f.error is None else number(f.error),
                 "–" if f.timing is None else milliseconds(f.timing.median_ms)]
                for name, f in self.formats.items()]
        return ["format", "", "max rel. error", "latency"], rows

    def _notes(self) -> list[str]:
        notes = [f"{path} is damaged or missing" for path in self.damaged]
        return notes + [f"{name} was {then or 'not there'} and is {now or 'not there'}"
                        for name, (then, now) in self.changed_versions.items()]

    def __repr__(self) -> str:
        headers, rows = self._table()
        return text_table(headers, rows, title=f"{self.directory}: {'as exported' if self.ok else 'not as exported'}",
                          notes=self._notes())

    def _repr_html_(self) -> str:
        headers, rows = self._table()
        return html_table(headers, rows, caption=f"{self.directory}: {'as exported' if self.ok else 'not as exported'}",
                          notes=self._notes())


def verify_export(directory: str | os.PathLike[str], *, timing: TimingOptions | bool = False) -> Verified:
    """Look at an exported folder again: every file's hash, and each format in its own runtime on this machine, on the
    inputs and outputs that the folder keeps. The model is not needed.

    Args:
        timing: also time each format, as `TimingOptions` say.

    Raises:
        ExportError: a folder that holds no export, or one of a newer prunelab.
    """
    options = TimingOptions() if timing is True else timing or None
    folder = Path(directory).expanduser()
    told = read_manifest(folder)
    damaged = tuple(f["path"] for f in told["files"] if not _is_whole(folder, f))
    then = told["versions"]
    changed = {name: (v, installed_version(name)) for name, v in then.items() if name not in ("prunelab", "python")
               and installed_version(name) != v}
    with paddle_threads(None) as now:
        threads = options.threads if options is not None and options.threads else now
        found = {name: _again(folder, told, name, damaged, threads, options) for name in told["formats"]}
    return Verified(folder, found, damaged, changed)


def read_manifest(folder: Path) -> dict[str, Any]:
    """``manifest.json`` of an exported folder.

    Raises:
        ExportError: there is none, or it is of a newer prunelab.
    """
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ExportError(f"{folder} holds no export: {NAME} cannot be read ({why}); give a folder that pl.export "
                          "wrote") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise ExportError(f"{folder / NAME} is not of prunelab; give a folder that pl.export wrote")
    if told.get("version") != VERSION:
        raise ExportError(f"{folder / NAME} is of version {told.get('version')}, and this prunelab reads {VERSION}; "
                          "use the prunelab that wrote it")
    return told


def _is_whole(folder: Path, file: Mapping[str, Any]) -> bool:
    path = folder / file["path"]
    return path.is_file() and path.stat().st_size == file["size_bytes"] and sha256(path) == file["sha256"]


def _again(folder: Path, told: Mapping[str, Any], name: str, damaged: tuple[str, ...], threads: int,
           timing: TimingOptions | None) -> Found:
    from prunelab.export import FORMATS

    files = tuple(folder / f["path"] for f in told["files"] if f["format"] == name)
    if any(str(path.relative_to(folder)) in damaged for path in files):
        return Found(trouble="its files are damaged or missing")
    fmt = FORMATS.get(name)
    if fmt is None:
        return Found(skipped="a format of one's own, which prunelab does not know")
    if isinstance(fmt, OfWeights):
        return Found(skipped="weights are no program; their hashes are right")
    if not (folder / EXAMPLES).is_file():
        why = "verify=False" if not told["options"]["verify"] else "examples=False"
        return Found(skipped=f"its hashes are right; what it computes cannot be compared without {EXAMPLES}, which was "
                             f"left out ({why})")
    try:
        fmt.check_available()
    except MissingExtraError as error:
        return Found(skipped=str(error))
    return _compare(fmt, files, folder, told, threads, timing)


def _compare(fmt: Format, files: tuple[Path, ...], folder: Path, told: Mapping[str, Any], threads: int,
             timing: TimingOptions | None) -> Found:
    of_format = told["formats"][fmt.name]
    examples = load_examples(folder, [i["name"] for i in of_format["inputs"]])
    batch = of_format["batch"]["size"]
    examples = {n: e for n, e in examples.items() if batch is None or n == batch}
    try:
        run = fmt.load(files, of_format["setting"] or fmt.settings[0], threads)
        error = max(relative_error(run(e.inputs), e.outputs) for e in examples.values())
    except Exception as failure:  # a runtime of another project: any error may come of it
        pass_on_interrupt(failure)
        return Found(trouble=f"it does not run: {type(failure).__name__}: {first_line(failure)}")
    tolerance = of_format["tolerance"]
    trouble = "" if error <= tolerance else f"it computes something else (tolerated are {tolerance:g})"
    return Found(error, _timed(run, next(iter(examples.values())), timing), trouble)


def _timed(run: Any, example: Example, timing: TimingOptions | None) -> Timing | None:
    if timing is None:
        return None
    return time_callables({"file": lambda: run(example.inputs)}, timing.runs, timing.warmup,
                          budget_s=timing.budget_s)["file"]
