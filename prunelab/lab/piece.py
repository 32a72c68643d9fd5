"""A piece of work: what is done inside is done whole, or undone, and nothing else is done meanwhile."""

from __future__ import annotations

import sys
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

import paddle

from prunelab.errors import WorkspaceError
from prunelab.graph.interrupts import Uninterrupted
from prunelab.lab.progress import Bar, Meter

if TYPE_CHECKING:
    from prunelab.lab.work import Work


class Piece:
    """A context manager, for ``with`` in the function that does the work.

    An interrupt may come at any instant, also between two instructions of ``__enter__`` or ``__exit__``, where Python
    runs neither to its end. So nothing is believed to be under way because nobody has said that it ended: it is under
    way as long as the function that began it is running.
    """

    def __init__(self, work: Work, label: str, total: int | None, unit: str) -> None:
        self._work, self._label, self._total, self._unit = work, label, total, unit
        self._bar = Bar()
        self._thread = threading.get_ident()
        self._frame: FrameType | None = None

    @property
    def running(self) -> bool:
        """Whether the function that began it is still running."""
        frame = sys._current_frames().get(self._thread)
        while frame is not None and frame is not self._frame:
            frame = frame.f_back
        return frame is not None and self._frame is not None

    def __enter__(self) -> Meter:
        self._frame = sys._getframe(1)
        work = self._work
        with Uninterrupted(), work.guard:  # which nobody would give back
            if work.piece is not None and work.piece.running:
                raise WorkspaceError(f"the Lab is at work on '{work.control.working}'; "
                                     "wait for it, or end it with lab.stop()")
            work.piece = self
        self._modes = [(layer, layer.training) for layer in work.bench.graph.model.sublayers(include_self=True)]
        self._gradients = paddle.is_grad_enabled()
        try:
            work.control.begin(self._label)
            work.bench.begin()
            return Meter(work.control, work.on_progress or [self._bar], self._total, self._unit)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        with Uninterrupted():
            try:
                if error is None:
                    self._work.bench.end()
                else:
                    self._put_back()
            finally:
                self._work.control.end()
                self._bar.close()
                self._frame = None
                self._work.piece = None

    def _put_back(self) -> None:
        # what a function that was interrupted on its way out may have left
        paddle.set_grad_enabled(self._gradients)
        for layer, mode in self._modes:
            layer.training = mode
        self._work.bench.undo()
