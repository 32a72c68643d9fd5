"""The thread in which a Lab's work is done, so that a panel answers meanwhile. One for each Lab, with a queue.

The thread lives as long as there is work: an idle panel holds none.
"""

from __future__ import annotations

import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.errors import PrunelabError, Stopped, reason_of
from prunelab.jupyter.panels.actions import Action

if TYPE_CHECKING:
    from prunelab.lab import Lab


_MOST_LINES = 60  # of a traceback


@dataclass(frozen=True)
class Outcome:
    """How a piece of work ended: with a ``result``, with an ``error`` in one line (and its ``detail``, the traceback
    of what is no mistake of a user), or ``stopped`` by a person."""

    label: str
    seconds: float
    result: Any = None
    error: str = ""
    detail: str = ""
    stopped: bool = False


class Worker:
    """Does one action after the other, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], object]] = []
        self.current: Action | None = None
        self.outcome: Outcome | None = None
        self.line = ""  # of the action that was asked for last
        self.stopping = False
        self._waiting: deque[tuple[Lab, Action]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many actions wait for the current one."""
        return len(self._waiting)

    def submit(self, lab: Lab, action: Action) -> None:
        """Do it as soon as what was asked for before is done."""
        with self._lock:
            self._waiting.append((lab, action))
            self.line = action.line
            if self._thread is None:
                self.outcome = None
                self.stopping = False
                self._thread = threading.Thread(target=self._work, name="prunelab-panel", daemon=True)
                self._thread.start()
        self._tell()

    def stop(self, lab: Lab) -> None:
        """End the running action, and forget those that wait."""
        with self._lock:
            self._waiting.clear()
            self.stopping = self.current is not None
        lab.stop()
        self._tell()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self.current, self._thread, self.stopping = None, None, False
                    break
                lab, self.current = self._waiting.popleft()
                action = self.current
            self._tell()
            self.outcome = self._done(lab, action)
        self._tell()

    def _done(self, lab: Lab, action: Action) -> Outcome:
        start = time.perf_counter()

        def outcome(**how: Any) -> Outcome:
            return Outcome(action.label, time.perf_counter() - start, **how)

        if self.stopping:  # asked for before the Lab had begun, when it could not hear it
            return outcome(stopped=True)
        try:
            return outcome(result=action.call(lab))
        except Stopped:
            return outcome(stopped=True)
        except PrunelabError as error:
            return outcome(error=str(error), detail=told(error.__cause__) if error.__cause__ is not None else "")
        except BaseException as error:  # whatever it is, the panel goes on and says it
            return outcome(error=f"{type(error).__name__}: {reason_of(error)}", detail=told(error))

    def _tell(self) -> None:
        for listener in list(self.listeners):
            listener()


def told(error: BaseException) -> str:
    """The traceback as text: its end, where it is long."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(lines if len(lines) <= _MOST_LINES else ["…", *lines[-_MOST_LINES:]])


_WORKERS: weakref.WeakKeyDictionary[Lab, Worker] = weakref.WeakKeyDictionary()


def worker_of(lab: Lab) -> Worker:
    """The worker of a Lab: all panels on it share one."""
    return _WORKERS.setdefault(lab, Worker())


def stop_all() -> None:
    """End what any of them does."""
    for lab, worker in list(_WORKERS.items()):
        if worker.current is not None:
            worker.stop(lab)
