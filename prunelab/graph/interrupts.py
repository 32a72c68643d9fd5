"""Holding an interrupt back for a moment: where Paddle would die of one, where what puts a model back must not be left
half-way itself, and where Python would lose a file between opening it and knowing it."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any


class Uninterrupted:
    """Inside, a KeyboardInterrupt waits until the end. Other threads than the main one get none, and hold none.

    A class and no generator: what holds interrupts back is in place after one call, and away after one.
    """

    def __init__(self) -> None:
        self._before: Any = None
        self._came: tuple[Any, ...] | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._hold)

    def _hold(self, *what: Any) -> None:
        self._came = what

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            if self._came is not None:
                self._before(*self._came)
