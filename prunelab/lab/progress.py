"""How far the work of a Lab is, and the two ways to hold it up: pause and stop, from any thread."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.errors import Stopped


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is, in batches or another ``unit``; ``total`` and ``remaining_s`` are None where the
    data's length is unknown."""

    done: int
    total: int | None
    label: str
    elapsed_s: float
    remaining_s: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    unit: str = "batch"


Listener = Callable[[Progress], object]


class Control:
    """Pause and stop for work in another thread. Both act between two batches, and only on work that is running."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self.working = ""  # what is being done; empty when nothing is

    def begin(self, label: str) -> None:
        """Work begins; what was asked for earlier is over."""
        self._stop.clear()
        self._go.set()
        self.working = label

    def end(self) -> None:
        """Work ended."""
        self.working = ""
        self._go.set()

    def stop(self) -> None:
        """End the running work at its next batch."""
        if self.working:
            self._stop.set()
            self._go.set()

    def pause(self) -> None:
        """Hold the running work at its next batch."""
        if self.working:
            self._go.clear()

    def resume(self) -> None:
        """Let paused work go on."""
        self._go.set()

    @property
    def paused(self) -> bool:
        """Whether the work is held, or will be at its next batch."""
        return not self._go.is_set()

    def check(self) -> float:
        """Wait while paused; the seconds waited.

        Raises:
            Stopped: stop was asked for.
        """
        start = time.perf_counter()
        # short waits: a wait without end would keep the main thread from seeing an interrupt on some platforms
        while not self._stop.is_set() and not self._go.wait(0.1):
            pass
        if self._stop.is_set():
            raise Stopped(f"'{self.working}' was stopped; the Lab is in its last recorded state")
        return time.perf_counter() - start


class Meter:
    """Counts batches, or other units of work, asks the control before each, and tells the listeners. Time in a pause
    does not count."""

    def __init__(self, control: Control, listeners: Sequence[Listener], total: int | None,
                 unit: str = "batch") -> None:
        self.control, self.listeners, self.total, self.unit = control, list(listeners), total, unit
        self.label = control.working
        self.done = 0
        self._metrics: dict[str, float] = {}
        self._start = time.perf_counter()

    def tick(self, **metrics: float) -> None:
        """One batch is done."""
        self.done += 1
        self._metrics.update(metrics)
        self.tell()
        self._start += self.control.check()

    def name(self, label: str) -> None:
        """What is being done now."""
        self.label = self.control.working = label

    def at(self, label: str, done: int, total: int) -> None:
        """The next of ``total`` parts begins, and ``done`` are over."""
        self.name(label)
        self.done, self.total = done, total
        self.tell()
        self._start += self.control.check()

    def skip(self, n: int) -> None:
        """``n`` batches of the total will not be needed."""
        if self.total is not None:
            self.total -= n

    def tell(self) -> None:
        """Tell the listeners how far it is; one that fails is told about and does not end the work."""
        elapsed = time.perf_counter() - self._start
        total = None if self.total is None else max(self.total, self.done)
        remaining = None if total is None or not self.done else elapsed / self.done * (total - self.done)
        notify(self.listeners, Progress(self.done, total, self.label, elapsed, remaining, dict(self._metrics),
                                         self.unit))


def notify(listeners: Sequence[Callable[[Any], object]], value: object) -> None:
    """Call each listener; an error in one becomes a warning, since it must not undo a step."""
    for listener in list(listeners):
        try:
            listener(value)
        except Exception as error:  # noqa: PERF203
            told = f"a listener of the Lab failed: {type(error).__name__}: {error}"
            warnings.warn(told, RuntimeWarning, stacklevel=2)


class Bar:
    """tqdm's bar: the notebook's own in a notebook; in a terminal a line, nothing where the output is a file."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm.auto import tqdm

            in_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
            self._bar = tqdm(desc=progress.label, total=progress.total, leave=False, unit=progress.unit,
                             disable=not in_notebook and not sys.stderr.isatty())
        self._bar.set_description_str(progress.label, refresh=False)
        if progress.metrics:
            self._bar.set_postfix({k: f"{v:.4g}" for k, v in progress.metrics.items()}, refresh=False)
        if self._bar.total != progress.total:
            self._bar.total = progress.total
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
