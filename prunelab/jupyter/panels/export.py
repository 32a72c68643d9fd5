"""The export: which formats, where to, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from prunelab.errors import MissingExtraError
from prunelab.export import DEFAULTS, FORMATS, Export
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.downloads import ExportResults
from prunelab.jupyter.panels.part import Part, box, html
from prunelab.jupyter.words import EXPORT as WORDS
from prunelab.render.numbers import change, milliseconds, number, size


class Exporter(Part):
    """Formats, a folder, and what came of it; a format that lacks a package is shown with the line that brings it."""

    title, place, asks_for_work = WORDS["title"], "view", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        missing = {name: _missing(fmt) for name, fmt in FORMATS.items()}
        self._formats = {
            name: widgets.Checkbox(lacks is None and name in DEFAULTS, description=name, indent=False,
                                   disabled=lacks is not None, tooltip=str(lacks or ""))
            for name, lacks in missing.items()
        }
        self._folder = widgets.Text("out", description=WORDS["folder"], continuous_update=True)
        self._replace = widgets.Checkbox(False, description=WORDS["replace"], indent=False)
        self._go = widgets.Button(description=WORDS["export"], button_style="primary", tooltip=WORDS["export hint"])
        self._lacking, self.results = html("lacking"), ExportResults()
        self._lacking.value = lacking_html({name: lacks for name, lacks in missing.items() if lacks is not None})
        self._shown: Export | None = None
        for control in (*self._formats.values(), self._folder):
            control.observe(self._check, "value")
        self._go.on_click(lambda _: self._export())
        self._check()
        self.widget = box("export", box("formats", *self._formats.values()), self._lacking,
                          box("row", self._folder, self._replace, self._go), self.results, vertical=True)

    def worked(self) -> None:
        outcome = self.desk.worker.outcome
        result = outcome.result if outcome is not None else None
        if isinstance(result, Export) and result is not self._shown:
            self._shown = result
            self._show(result)

    def still(self) -> Any:
        return self._shown

    def _check(self, change: Any = None) -> None:
        self._go.disabled = not self._chosen() or not self._folder.value.strip()

    def _chosen(self) -> list[str]:
        return [name for name, box in self._formats.items() if box.value]

    def _export(self) -> None:
        self.desk.do(actions.export(self._folder.value.strip(), self._chosen(), self._replace.value))

    def _show(self, export: Export) -> None:
        files: dict[str, Path] = {}
        rows = []
        for name in export.files:
            told = []
            for path in export.files[name]:
                files[str(len(files))] = path
                told.append({"key": str(len(files) - 1), "name": path.name, "size": size(path.stat().st_size)})
            rows.append({"name": name, "cells": cells(export, name), "files": told})
        notes = [f"{name}: {note}" for name, told in export.manifest["formats"].items() for note in told["notes"]]
        self.results.show(rows, files, WORDS["written"].format(directory=export.directory), notes)


def cells(export: Export, name: str) -> list[list[str]]:
    """A format's size, latency and error, each with what is said below it: the dense model's, and the change."""
    fast, slow = export.latency_ms.get(name), export.dense_latency_ms.get(name)
    error = export.parity.get(name)
    return [
        _beside(size(export.size_bytes[name]), export.size_bytes[name], export.dense_size_bytes.get(name), size),
        ["–", ""] if fast is None else _beside(milliseconds(fast), fast, slow, milliseconds),
        [WORDS["not compared"] if error is None else number(error), ""],
    ]


def _beside(told: str, now: float, dense: float | None, tell: Callable[[float], str]) -> list[str]:
    return [told, "" if dense is None else WORDS["of dense"].format(change=change(now, dense), dense=tell(dense))]


def _missing(fmt: Any) -> MissingExtraError | None:
    try:
        fmt.check_available()
    except MissingExtraError as error:
        return error
    return None


def lacking_html(missing: dict[str, MissingExtraError]) -> str:
    """Which formats need more, and the line that brings it all."""
    if not missing:
        return ""
    extras = ",".join(sorted({error.extra for error in missing.values()}))
    told = WORDS["lacking"].format(formats=", ".join(missing))
    line = escape(WORDS["install"].format(extras=extras), quote=False)
    return f"{escape(told)} <code>{line}</code>"
