"""A small network for panels, and hands: what a person would click, and waiting for what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle

import prunelab as pl
from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab


class Net(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = paddle.nn.Conv2D(1, 8, 3, padding=1), paddle.nn.Conv2D(8, 6, 3, padding=1)
        self.fc = paddle.nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.fc(paddle.nn.functional.relu(self.second(paddle.nn.functional.relu(self.first(x)))).mean([2, 3]))


def small_lab(**options: Any) -> Lab:
    """A Lab of `Net` on 64 random samples."""
    x = np.random.default_rng(0).normal(size=(64, 1, 6, 6)).astype("float32")
    data = x, np.arange(64) % 3
    return pl.Lab(Net(), **{"train": data, "val": data, **options})


def part(panel: Panel, name: str) -> Any:
    """A part by its class's name, also one that is in no table."""
    return next(p for p in panel.desk.parts if type(p).__name__ == name)


def wait(until: Callable[[], object], seconds: float = 20) -> None:
    """Until it is true."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def finish(panel: Panel) -> None:
    """Wait for the queue; the last thing that a worker does is to tell that it has nothing to do."""
    wait(lambda: panel.desk.worker.current is None and panel.desk.worker._thread is None)
    wait(lambda: part(panel, "Footer")._stop.disabled)


def slide(panel: Panel, ratio: float) -> None:
    """Move the slider of the step."""
    part(panel, "Step")._ratio.value = ratio
