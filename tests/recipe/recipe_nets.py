"""A network and its data, as a recipe names them: ``recipe_nets.py:net``."""

from __future__ import annotations

import numpy as np
from paddle import nn


def net(width: int = 6) -> nn.Layer:
    return nn.Sequential(nn.Conv2D(1, width, 3), nn.ReLU(), nn.Conv2D(width, 4, 3), nn.ReLU(), nn.Flatten(),
                         nn.Dropout(0.2), nn.Linear(16, 3))


def data(n: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None, None, None], 0.5, (n, 1, 6, 6)).astype(np.float32), labels
