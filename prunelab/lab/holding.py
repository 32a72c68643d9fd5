"""Holding a Lab up, and being told what it does, from any thread."""

from __future__ import annotations

from collections.abc import Callable

from prunelab.lab.opened import Opened
from prunelab.lab.progress import Listener
from prunelab.lab.state import State, stretches


class Holding(Opened):
    """Listeners, and stop, pause and resume."""

    @property
    def on_progress(self) -> list[Listener]:
        """Functions that are called with a `Progress` after each batch; append yours. Without any, tqdm shows a bar.

        They are called in the thread that works: they look, and start no other work.
        """
        return self._work.on_progress

    @property
    def on_change(self) -> list[Callable[[State], object]]:
        """Functions that are called with the current state, when one is recorded or gone to, and when a name is given
        or taken; append yours."""
        return self._work.on_change

    @property
    def training(self) -> tuple[tuple[int, float], ...]:
        """How the loss goes in the fine-tuning under way, as `State.training`; empty when none is."""
        return stretches(tuple(self._work.losses)) if self._work.working else ()

    def stop(self) -> None:
        """End the running work at its next batch, from any thread; it raises `Stopped`, in the last recorded state."""
        self._work.control.stop()

    def pause(self) -> None:
        """Hold the running work at its next batch, from any thread."""
        self._work.control.pause()

    def resume(self) -> None:
        """Let paused work go on."""
        self._work.control.resume()

    @property
    def working(self) -> str:
        """What the Lab is doing; empty when it is idle."""
        return self._work.working

    @property
    def paused(self) -> bool:
        """Whether the running work is held."""
        return self._work.control.paused
