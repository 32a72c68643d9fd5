"""`Desk`: what the parts of one panel share: the Lab, the cut that is thought of, and the news."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from prunelab.jupyter.panels.actions import Action
from prunelab.jupyter.panels.thought import Thought
from prunelab.jupyter.panels.worker import worker_of
from prunelab.jupyter.words import FOOTER as WORDS

if TYPE_CHECKING:
    from prunelab.jupyter.panels.part import Part
    from prunelab.lab import Lab, Progress, State

_WATCH_S = 0.25  # between two looks at work that is not the worker's
_LEAST_S = 0.08  # between two pictures of the progress: drawn more often, the bar costs the work more than it tells


class Desk(Thought):
    """Hears the Lab and the worker, and tells the parts; takes wishes from the parts, and tells the Lab.

    News may come from any thread (the worker's, a cell's, a subshell's); the parts hear one piece of news at a time.
    """

    def __init__(self, lab: Lab, layer: str | None = None) -> None:
        super().__init__(lab, layer)
        self.worker = worker_of(lab)
        self.parts: list[Part] = []
        self.progress: Progress | None = None
        self.choices.observe(lambda _: self.think(self.ratio), ["criterion", "pieces"])
        self._lock = threading.RLock()
        self._listening = self._watching = False
        self._action: Action | None = None
        self._told_at = 0.0

    # the Lab's news

    def listen(self) -> None:
        """Hear the Lab from now on."""
        if not self._listening:
            self._listening = True
            self.lab.on_change.append(self._changed)
            self.lab.on_progress.append(self._progressed)
            self.worker.listeners.append(self._worked)

    def leave(self) -> None:
        """Hear the Lab no more, for instance when the panel is not on the screen."""
        if self._listening:
            self._listening = False
            self.lab.on_change.remove(self._changed)
            self.lab.on_progress.remove(self._progressed)
            self.worker.listeners.remove(self._worked)

    def refresh(self) -> None:
        """Let every part read the Lab anew."""
        with self._lock:
            self._think()
            for part in self.parts:
                part.changed()
                part.worked()

    def _changed(self, state: State) -> None:
        with self._lock:
            self._think()
            self._tell(lambda part: part.changed())
        self._watch()

    def _progressed(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told_at >= _LEAST_S or progress.done == progress.total:
            self._told_at, self.progress = now, progress
            self._tell(lambda part: part.progressed(progress))
        self._watch()

    def _worked(self) -> None:
        if self.worker.current is not self._action:
            self._action, self.progress = self.worker.current, None
        self._tell(lambda part: part.worked())

    def _watch(self) -> None:
        """Look again until the work of a cell is over: a Lab says that work goes on, not that it ended."""
        if self.worker.current is None and self._listening and not self._watching:
            self._watching = True
            timer = threading.Timer(_WATCH_S, self._look_again)
            timer.daemon = True
            timer.start()

    def _look_again(self) -> None:
        self._watching = False
        if self.lab.working:
            self._watch()
        elif self.worker.current is None:
            self.progress = self.worker.outcome = None  # what the panel did last is no news any more
            self._tell(lambda part: part.worked())

    # the parts' wishes

    def do(self, action: Action) -> None:
        """Have it done, in the worker's thread."""
        self.problem = ""
        self.worker.submit(self.lab, action)

    def stop(self) -> None:
        """End what runs at its next batch, and forget what waits."""
        self.worker.stop(self.lab)

    def toggle(self) -> None:
        """Hold what runs at its next batch, or let it go on."""
        if self.lab.paused:
            self.lab.resume()
        else:
            self.lab.pause()
        self._tell(lambda part: part.worked())

    def choose(self, layer: str, selected: Collection[str] = ()) -> None:
        """Make it the layer that everything is about, and one of several that a step cuts."""
        groups = {group.name: group for group in self.lab.graph.groups}
        layers = tuple(name for name, group in groups.items() if name in selected and group.prunable)
        layers = layers if layer in layers else (layer,)
        if layer in groups and (layer, layers) != (self.layer, self.layers):
            self.layer, self.layers = layer, layers
            with self._lock:
                self._think()
                self._tell(lambda part: part.chosen())

    def think(self, ratio: float) -> None:
        """Look at what a step would do."""
        self.ratio = round(ratio, 4)  # as a line of code says it
        with self._lock:
            self._think()
            self._tell(lambda part: part.previewed())

    def _think(self) -> None:
        before = self.problem
        self.rethink()
        if self.problem != before:
            self._tell(lambda part: part.worked())

    def _tell(self, news: Callable[[Part], Any]) -> None:
        with self._lock:
            for part in self.parts:
                try:
                    news(part)
                except Exception as error:  # noqa: PERF203  the others go on, and so does the work that told it
                    said = WORDS["broken"].format(part=type(part).__name__, error=f"{type(error).__name__}: {error}")
                    warnings.warn(said, RuntimeWarning, stacklevel=2)
