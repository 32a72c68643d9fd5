"""Small networks that are exported in the tests, and what a folder holds afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional

from prunelab.export import TimingOptions, run

DEFAULTS = ("paddle", "onnx")
BRIEFLY = TimingOptions(runs=5, warmup=1)
SCHEMA = json.loads(Path(run.__file__).with_name("manifest.schema.json").read_text(encoding="utf-8"))


def conv_net(width: int = 8) -> nn.Layer:
    """Convolutions with batch norms whose statistics, gains and biases are not the trivial ones."""
    net = nn.Sequential(nn.Conv2D(3, width, 3, padding=1), nn.BatchNorm2D(width), nn.ReLU(), nn.Conv2D(width, 8, 3),
                        nn.BatchNorm2D(8), nn.ReLU(), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(8, 5))
    for norm in (net[1], net[4]):
        for tensor in (norm._mean, norm._variance, norm.weight, norm.bias):
            tensor.set_value(paddle.rand(tensor.shape) + 0.5)
    return net


class Words(nn.Layer):
    """Classifies sequences of ids with an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm, self.head = nn.Embedding(20, 6), nn.LSTM(6, 7), nn.Linear(7, 3)

    def forward(self, ids: Any) -> Any:
        return self.head(self.lstm(self.embedding(ids))[0][:, -1])


class Two(nn.Layer):
    """Two inputs, and two outputs in a dict whose order is not that of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.extra = nn.Conv2D(1, 4, 3), nn.Linear(5, 4)

    def forward(self, image: Any, extra: Any) -> Any:
        hidden = self.image(image).mean([2, 3]) + self.extra(extra)
        return {"hidden": hidden, "all": [hidden.sum(1), functional.relu(hidden)]}


class Then(nn.Layer):
    """A linear layer, then ``function``."""

    def __init__(self, function: Callable[[Any], Any], n: int = 16) -> None:
        super().__init__()
        self.linear, self.function = nn.Linear(n, n), function

    def forward(self, x: Any) -> Any:
        return self.function(self.linear(x))


def rms_norm(y: Any) -> Any:
    return y * paddle.rsqrt(paddle.mean(y.pow(2), -1, keepdim=True) + 1e-6)


def ids(*shape: int) -> Any:
    return paddle.to_tensor(np.random.default_rng(1).integers(0, 20, shape))


def entries(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*"))
