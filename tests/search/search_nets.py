"""A small net for digits, trained once for all tests of a process, and its data."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import paddle
from paddle import nn

import prunelab as pl


def net() -> nn.Layer:
    return nn.Sequential(
        nn.Conv2D(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2D(8, 12, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(108, 16), nn.ReLU(), nn.Linear(16, 10),
    )  # fmt: skip


@functools.cache
def weights() -> dict[str, Any]:
    paddle.seed(0)
    model = net()
    pl.finetune(model, pl.datasets.digits("train"), 6, lr=3e-3, seed=0)
    return {name: np.array(t.numpy()) for name, t in model.state_dict().items()}


def trained() -> nn.Layer:
    model = net()
    model.set_state_dict(weights())
    return model


@functools.cache
def digits(n: int = 180) -> tuple[np.ndarray, np.ndarray]:
    images = pl.datasets.digits("val")
    return images.images[:n], images.labels[:n]


def frame(study: pl.Study) -> Any:
    """All that a study says but for how long it took."""
    return study.trials.drop(columns="seconds")


class Sized(nn.Layer):
    """A network whose layers' own numbers its constructor takes."""

    def __init__(self, width: int = 8, kernel: int = 3, norm: str = "batch", classes: int = 10) -> None:
        super().__init__()
        made = {"batch": nn.BatchNorm2D, "group": lambda n: nn.GroupNorm(2, n)}[norm]
        self.conv1, self.norm1 = nn.Conv2D(1, width, kernel, padding=kernel // 2), made(width)
        self.conv2, self.norm2 = nn.Conv2D(width, 2 * width, kernel, stride=2, padding=kernel // 2), made(2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Any) -> Any:
        x = nn.functional.relu(self.norm1(self.conv1(x)))
        return self.head(nn.functional.relu(self.norm2(self.conv2(x))).mean([2, 3]))


@functools.cache
def training(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    images = pl.datasets.digits("train")
    return images.images[:n], images.labels[:n]
