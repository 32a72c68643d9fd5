"""Reports of an open Lab: beside the history, what only the models themselves can tell."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from prunelab.errors import PrunelabError
from prunelab.evaluate import confusion
from prunelab.evaluate.confusion import ClassChanges
from prunelab.evaluate.latency import latencies
from prunelab.evaluate.timing import Timing, TimingOptions
from prunelab.lab.opened import Opened
from prunelab.lab.randomness import read_random, restore_random
from prunelab.lab.report import Measured, content_of, keep, kept, sensed_on, uncut_of, write_report
from prunelab.lab.report.write import form_of
from prunelab.lab.state import State
from prunelab.render.numbers import counted
from prunelab.surgery import compact

_TIMING_S = 2.0  # seconds for both models: enough for a median of small ones, and no wait for large ones


class Reporting(Opened):
    """What was done, for a person who was not there."""

    def report(self, path: str | os.PathLike[str], *, title: str | None = None, measure: bool = True) -> Path:
        """Write a report of the way to the current state; gives its path.

        What was pruned and how, all states, the masks of every layer, sensitivity (if it was measured), dense beside
        pruned, classes that changed, latency, versions, and the recipe that repeats it. One file that needs no network.

        Args:
            path: ``.html`` (charts that answer the pointer, in light and dark, and on paper), ``.md``, or ``.tex``
                (tables for booktabs).
            measure: time both models, and ask both about the validation data; what comes of it is kept in the
                workspace. False tells what is recorded, and what an earlier report of this state measured.

        Raises:
            OptionError: another ending.
            WorkspaceError: a place that cannot be written; nothing is left there.
        """
        form_of(path)
        uncut, folder = uncut_of(self.path()), self._bench.store.folder
        told = keep(folder, self.state, uncut, self._measured(uncut)) if measure else kept(folder, self.state, uncut)
        return write_report(content_of(self, told, title), path)

    def _measured(self, uncut: State) -> Measured:
        now = self.state
        random = read_random()
        with self._work.begin("report"):
            try:
                return Measured(self._latencies(uncut), self._changes(uncut, now), self._described_data(),
                                sensed_on(self.path(), self))
            finally:
                restore_random(random)

    def _latencies(self, uncut: State) -> tuple[Timing, Timing]:
        inputs = list(self.graph.input_specs)
        both = {"dense": self._bench.copy_of(uncut), "small": compact(self.model, self.plan)}
        times = latencies(both, inputs, TimingOptions(budget_s=_TIMING_S))
        return times["dense"], times["small"]

    def _changes(self, uncut: State, now: State) -> ClassChanges | None:
        """Class by class; None without validation data, and where labels are no classes."""
        if self._task.val is None:
            return None
        with contextlib.suppress(PrunelabError):
            after = confusion(self.model, self._task.val)
            self._bench.visit(uncut)
            try:
                before = confusion(self.model, self._task.val)
            finally:
                self._bench.visit(now)
            return before.changes(after)
        return None

    def _described_data(self) -> dict[str, str]:
        told = {}
        for name, source in (("training data", self._task.train), ("validation data", self._task.val)):
            if source is not None:
                told[name] = counted(source.size, "batch") if source.size == 1 else (
                    "of unknown length" if source.size is None else f"{source.size:,} batches")
        return told
