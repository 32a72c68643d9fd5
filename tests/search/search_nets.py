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
