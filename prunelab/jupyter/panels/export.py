"""The export: which formats, where to, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from prunelab.errors import MissingExtraError
from prunelab.export import DEFAULTS, FORMATS, Export
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, box, html, span
from prunelab.render.numbers import change, milliseconds, number, size


class Exporter(Part):
    """Formats, a folder, and what came of it; a format that lacks a package is shown with the line that brings it."""

    title, place, asks_for_work = "Export", "view", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        missing = {name: _missing(fmt) for name, fmt in FORMATS.items()}
        self._formats = {
            name: widgets.Checkbox(not why and name in DEFAULTS, description=name, indent=False, disabled=bool(why),
                                   tooltip=why)
            for name, why in missing.items()
        }
        self._folder = widgets.Text("out", description="folder", continuous_update=True)
        self._replace = widgets.Checkbox(False, description="replace what is there", indent=False)
        self._go = widgets.Button(description="Export", button_style="primary",
                                  tooltip="write, load again, compare and time the smaller model of this state")
        self._result = html("result")
        self._result.value = _nothing(list(filter(None, missing.values())))
        self._shown: Export | None = None
        for control in (*self._formats.values(), self._folder):
            control.observe(self._check, "value")
        self._go.on_click(lambda _: self._export())
        self._check()
        self.widget = box("export", box("row", widgets.Label("formats"), *self._formats.values()),
                          box("row", self._folder, self._replace), box("row", self._go), self._result, vertical=True)

    def worked(self) -> None:
        outcome = self.desk.worker.outcome
        result = outcome.result if outcome is not None else None
        if isinstance(result, Export) and result is not self._shown:
            self._shown = result
            self._result.value = result_html(result)

    def _check(self, change: Any = None) -> None:
        self._go.disabled = not self._chosen() or not self._folder.value.strip()

    def _chosen(self) -> list[str]:
        return [name for name, box in self._formats.items() if box.value]

    def _export(self) -> None:
        self.desk.do(actions.export(self._folder.value.strip(), self._chosen(), self._replace.value))


def result_html(export: Export) -> str:
    """A table that fits beside the layers: a row a format, the difference to the dense model below each number."""
    rows = "".join(_row(export, name) for name in export.files)
    notes = [f"{name}: {note}" for name, told in export.manifest["formats"].items() for note in told["notes"]]
    told = "".join(f'<p class="pl-quiet">{escape(note)}</p>' for note in notes)
    head = "".join(f'<th scope="col">{name}</th>' for name in ("files", "size", "latency", "max rel. error"))
    where = span("quiet", f"written to {export.directory}")
    return f"<p>{where}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{told}"


def _row(export: Export, name: str) -> str:
    files = ", ".join(path.name for path in export.files[name])
    fast, slow = export.latency_ms.get(name), export.dense_latency_ms.get(name)
    error = export.parity.get(name)
    cells = [
        _beside(size(export.size_bytes[name]), export.size_bytes[name], export.dense_size_bytes.get(name), size),
        "–" if fast is None else _beside(milliseconds(fast), fast, slow, milliseconds),
        "not compared" if error is None else number(error),
    ]
    return (f'<tr><td>{escape(name)}<div>{escape(files)}</div></td>'
            f'{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')


def _beside(told: str, now: float, dense: float | None, tell: Callable[[float], str]) -> str:
    return told if dense is None else f"{told}<div>{change(now, dense)} of {tell(dense)}</div>"


def _missing(fmt: Any) -> str:
    try:
        fmt.check_available()
    except MissingExtraError as error:
        return str(error)
    return ""


def _nothing(missing: list[str]) -> str:
    told = "Nothing exported yet. Each file is loaded again, compared with the model, and timed beside the dense one."
    return f"<p>{span('quiet', told)}</p>" + "".join(f'<p class="pl-quiet">{escape(line)}</p>' for line in missing)
