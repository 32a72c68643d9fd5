"""Small nets and data for the Lab's tests, and the hash of everything that a state holds."""

from __future__ import annotations

import hashlib
import pickle
import random
from typing import Any

import numpy as np
import paddle
from paddle import nn

import prunelab as pl


def net(width: int = 6) -> nn.Layer:
    return nn.Sequential(
        nn.Conv2D(1, width, 3, padding=1), nn.BatchNorm2D(width), nn.Sigmoid(), nn.Conv2D(width, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(8, 3),
    )  # fmt: skip


def data(n: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None, None, None], 0.5, (n, 1, 6, 6)).astype(np.float32), labels


def batched(n: int = 24, size: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = data(n)
    return [(x[k : k + size], y[k : k + size]) for k in range(0, n, size)]


def lab(**options: Any) -> pl.Lab:
    paddle.seed(0)
    return pl.Lab(net(), **{"train": batched(), "val": data(12, 1), **options})


def bits(model: nn.Layer) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in (*model.named_parameters(), *model.named_buffers())}


def everything(opened: pl.Lab) -> str:
    """A hash of all that a state holds, read without the Lab's own means."""
    told = hashlib.sha256()
    for name, value in sorted(bits(opened.model).items()):
        told.update(name.encode() + value)
    told.update(repr([(g.name, g.removed) for g in opened.plan.groups]).encode())
    told.update(repr((opened.state.id, dict(opened.state.metrics), opened.state.cost, opened.state.seed)).encode())
    told.update(random_bits())
    return told.hexdigest()


def random_bits() -> bytes:
    paddles = [state.__getstate__() for state in paddle.get_rng_state()]
    return pickle.dumps((paddles, random.getstate(), [np.asarray(v).tolist() for v in np.random.get_state()[1:]]))
