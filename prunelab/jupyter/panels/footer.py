"""The footer: what is running and how long still, pause and stop, and the line equal to the last click."""

from __future__ import annotations

from html import escape

import anywidget
import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.part import Part, asset, box, ends, html
from prunelab.jupyter.words import COMMAND
from prunelab.jupyter.words import FOOTER as WORDS
from prunelab.lab import Progress
from prunelab.render.numbers import seconds
from prunelab.search.objectives import text_of

_TAIL = 16  # letters that are always seen: "done in 1.2 s", or the time that is left


class CommandLine(anywidget.AnyWidget):
    """A line of code, and a button that copies it."""

    _esm = asset("command.js")
    _css = asset("footer.css")
    words = traitlets.Dict(COMMAND).tag(sync=True)
    line = traitlets.Unicode().tag(sync=True)


class Footer(Part):
    """Honest about the work: also about the work of a cell, since it hears the Lab and not the panel's own clicks."""

    title, place = WORDS["title"], "foot"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._told = html("work")
        self._pause = widgets.Button(description=WORDS["pause"], tooltip=WORDS["pause hint"])
        self._stop = widgets.Button(description=WORDS["stop"], tooltip=WORDS["stop hint"])
        self._line = CommandLine()
        self._error = html("error")
        self._pause.add_class("pl-pause")
        self._stop.add_class("pl-stop")
        self._pause.on_click(lambda _: desk.toggle())
        self._stop.on_click(lambda _: desk.stop())
        self.widget = box("footer", self._error,
                          box("foot", self._told, box("row", self._pause, self._stop), self._line), vertical=True)

    def changed(self) -> None:
        if self.desk.worker.current is None:
            self.worked()

    def progressed(self, progress: Progress) -> None:
        self._show(progress)

    def worked(self) -> None:
        self._show(self.desk.progress)

    def _show(self, progress: Progress | None) -> None:
        worker, busy = self.desk.worker, self._busy(progress)
        self._pause.disabled = self._stop.disabled = not busy
        self._pause.description = WORDS["resume" if self.lab.paused else "pause"]
        self._told.value = work_html(progress, self._says(progress)) if busy else rest_html(self._rests())
        self._line.line = worker.line
        outcome = None if worker.current is not None else worker.outcome
        error = (outcome.error if outcome is not None else "") or self.desk.problem
        shown = error_html(error, outcome.detail if outcome is not None and outcome.error else "")
        if shown != self._error.value:  # what a person has unfolded stays so
            self._error.value = shown

    def _busy(self, progress: Progress | None) -> bool:
        return self.desk.worker.current is not None or bool(self.lab.working)

    def _says(self, progress: Progress | None) -> str:
        worker = self.desk.worker
        label = self.lab.working or (worker.current.label if worker.current is not None else "")
        more = WORDS["waiting"].format(n=worker.waiting) if worker.waiting else ""
        if worker.stopping:
            return WORDS["stopping"].format(label=label)
        if self.lab.paused:
            return WORDS["paused"].format(label=label) + more
        if progress is None or progress.remaining_s is None:
            return f"{label}{more}"
        values = "".join(f" · {name} {text_of(name, value)}" for name, value in progress.metrics.items())
        return f"{WORDS['left'].format(label=label, time=seconds(progress.remaining_s))}{values}{more}"

    def _rests(self) -> str:
        outcome = self.desk.worker.outcome
        if outcome is None:
            return WORDS["ready"]
        if outcome.error:
            return WORDS["failed"].format(label=outcome.label)
        taken = WORDS["time"].format(time=seconds(outcome.seconds)) if outcome.seconds >= 0.1 else ""
        return WORDS["stopped" if outcome.stopped else "done"].format(label=outcome.label, time=taken)


def error_html(error: str, detail: str) -> str:
    """What went wrong in one line, with its detail to unfold."""
    if not error or not detail:
        return f'<div role="alert">{escape(error)}</div>' if error else ""
    return (f'<div role="alert"><details><summary>{escape(error)}</summary><pre tabindex="0">{escape(detail)}</pre>'
            "</details></div>")


def work_html(progress: Progress | None, text: str) -> str:
    """The bar and what is being done; a bar that only moves where nobody knows how far it is."""
    known = progress is not None and progress.total
    part = 100 * progress.done / progress.total if progress is not None and progress.total else 0
    value = f'aria-valuenow="{part:.0f}"' if known else ""
    return (f'<div class="pl-bar{"" if known else " pl-unknown"}" role="progressbar" aria-label="{escape(text)}" '
            f'aria-valuemin="0" aria-valuemax="100" {value}><div style="width:{part:.1f}%"></div></div>'
            f"{ends(text, text, 'quiet', _TAIL)}")


def rest_html(text: str) -> str:
    """How the last work ended; no bar."""
    return ends(text, text, "quiet", _TAIL)
