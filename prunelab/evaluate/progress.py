"""How far a long measurement is, told to a function or by tqdm's bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """How far it is: ``fraction`` of the work in [0, 1], what is done now, the seconds it took and those it will take
    (None before the first part is done)."""

    fraction: float
    label: str
    elapsed_s: float
    remaining_s: float | None


Listener = Callable[[Progress], object]


class Meter:
    """Work in parts of known weight; each part done is told."""

    def __init__(self, total: float, listener: Listener | None) -> None:
        self._total, self._done, self._start = total, 0.0, time.perf_counter()
        self._bar = Bar() if listener is None else None
        self._tell = listener or self._bar

    def done(self, weight: float, label: str) -> None:
        """A part is done."""
        self._done += weight
        fraction = min(self._done / self._total, 1.0) if self._total else 1.0
        elapsed = time.perf_counter() - self._start
        remaining = elapsed * (1 - fraction) / fraction if fraction else None
        if self._tell is not None:
            self._tell(Progress(fraction, label, elapsed, remaining))

    def spare(self, weight: float) -> None:
        """A part of the total will not be needed."""
        self._total -= weight

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


class Bar:
    """tqdm's bar with the time left: the notebook's own in a notebook, a line in a terminal, nothing where the output
    is a file."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, progress: Progress) -> None:
        if self._bar is None:
            from tqdm.auto import tqdm

            in_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
            self._bar = tqdm(total=1.0, leave=False, disable=not in_notebook and not sys.stderr.isatty(),
                             bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}")
        self._bar.set_description_str(progress.label, refresh=False)
        self._bar.update(progress.fraction - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
