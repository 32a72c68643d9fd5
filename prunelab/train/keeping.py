"""A model's tensors put by, to be put back bit for bit: where something goes wrong, and where an epoch was the best."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import paddle


class Keeper:
    """The parameters and buffers of a layer as they are now, on their place."""

    def __init__(self, layer: Any) -> None:
        self._tensors = [t for t in (*layer.parameters(), *layer.buffers()) if t._is_initialized()]
        self.keep()

    def keep(self) -> None:
        """Put by what they are now."""
        self._kept = [t.detach().clone() for t in self._tensors]

    def spoilt(self) -> list[Any]:
        """The tensors that hold a number that is not finite, and held none when they were put by."""
        pairs = [(t, kept) for t, kept in zip(self._tensors, self._kept, strict=True) if t.is_floating_point()]
        if not pairs:
            return []
        with paddle.no_grad():
            bad = paddle.stack([~t.isfinite().all() & kept.isfinite().all() for t, kept in pairs])
        return [t for (t, _), is_bad in zip(pairs, bad.tolist(), strict=True) if is_bad]

    def restore(self) -> None:
        """Make them what was put by, bit for bit."""
        with paddle.no_grad():
            for tensor, value in zip(self._tensors, self._kept, strict=True):
                paddle.assign(value, output=tensor)


class Best:
    """The best epoch so far, by the metric ``name`` on validation data, and its tensors; epoch -1 is the start, None
    before anything counts."""

    def __init__(self, layer: Any, name: str, judge: Callable[[], float], higher_is_better: bool, *,
                 from_start: bool = True) -> None:
        self.name = name
        self._keeper, self._judge = Keeper(layer), judge
        self._sign = 1.0 if higher_is_better else -1.0
        self.epoch: int | None = None
        self.value, self.since = math.nan, 0
        if from_start:
            self.epoch, self.value = -1, judge()

    def forget(self) -> None:
        """What came before no longer compares."""
        self.epoch, self.value, self.since = None, math.nan, 0

    def look(self, epoch: int) -> float:
        """The metric now; where it is the best, the tensors are put by."""
        value = self._judge()
        self.since += 1
        # a metric that is not a number is never the best, whatever was before
        better = math.isnan(self.value) or self._sign * value > self._sign * self.value
        if self.epoch is None or (better and not math.isnan(value)):
            self._keeper.keep()
            self.epoch, self.value, self.since = epoch, value, 0
        return value

    def restore(self) -> None:
        """Put the best epoch's tensors back; where none counts, leave them as they are."""
        if self.epoch is not None:
            self._keeper.restore()


@contextlib.contextmanager
def all_or_nothing(layer: Any, best: Callable[[], Best | None]) -> Iterator[Keeper]:
    """Whatever is raised inside leaves the tensors as they were; an interrupt leaves the best, where one is judged."""
    start = Keeper(layer)
    try:
        yield start
    except BaseException as error:
        found = best()
        if isinstance(error, KeyboardInterrupt) and found is not None and found.epoch is not None:
            found.restore()
        else:
            start.restore()
        raise
