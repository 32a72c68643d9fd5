"""Whatever a model holds, Paddle's state_dict leaves out or names twice comes back: kinds of tensors and of layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paddle
import pytest
from lab_nets import batched, data, everything
from paddle import nn
from paddle.nn.functional import relu

import prunelab as pl


class WeightNorm(nn.Layer):
    """Computes its weight at every forward, and hangs a new tensor in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.utils.weight_norm(nn.Linear(36, 8)), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.b(relu(self.a(x.flatten(1))))


class SpectralNorm(WeightNorm):
    """Writes its buffers in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.utils.spectral_norm(nn.Linear(36, 8))


class Recurrent(nn.Layer):
    """Holds a tensor for dropout that is empty until it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.l, self.b = nn.LSTM(6, 8, num_layers=2, dropout=0.5), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.b(self.l(x.squeeze(1))[0][:, -1])


class Tied(nn.Layer):
    """Uses one weight twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = nn.Linear(36, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.c.weight = self.b.weight

    def forward(self, x: Any) -> Any:
        return self.d(relu(self.c(relu(self.b(relu(self.a(x.flatten(1))))))))


class Odd(nn.Layer):
    """Buffers that are not saved, plain tensors, and types that NumPy or safetensors hardly know."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(36, 8), nn.Linear(8, 3)
        self.register_buffer("scale", paddle.ones([8]), persistable=False)
        self.plain = paddle.ones([8], dtype="float64")
        for name, tensor in {
            "complex": paddle.to_tensor([1 + 2j, 0j]), "bfloat": paddle.ones([3]).astype("bfloat16"),
            "half_size": paddle.ones([3]).astype("float16"), "none": paddle.zeros([0, 3]), "count": paddle.to_tensor(5),
            "flags": paddle.to_tensor([True, False, True]), "small": paddle.to_tensor([1, 2]).astype("int8"),
        }.items():  # fmt: skip
            self.register_buffer(name, tensor)

    def forward(self, x: Any) -> Any:
        return self.b(relu(self.a(x.flatten(1))) * self.scale * self.plain.astype("float32"))


@pytest.mark.parametrize("kind", [WeightNorm, SpectralNorm, Recurrent, Tied, Odd])
def test_everything_of_a_model_comes_back(kind: type[nn.Layer], tmp_path: Path) -> None:
    paddle.seed(0)
    options: dict[str, Any] = {"train": batched(), "val": data(12, 1), "workspace": tmp_path}
    opened = pl.Lab(kind(), **options)
    hashes = {"s0": everything(opened)}
    layers = [group.name for group in opened.graph.prunable]
    for work in (lambda: opened.step(layers[0], ratio=0.4, finetune=1), lambda: opened.finetune(1),
                 lambda: opened.step(layers[-1], ratio=0.6)):  # fmt: skip
        state = work()
        hashes[state.id] = everything(opened)
    for name in ("s0", "s2", "s1", "s3", "s2"):
        opened.goto(name)
        assert everything(opened) == hashes[name], name
    assert opened.replay("s3").same
    opened.close()
    again = pl.Lab(kind(), **options)
    assert everything(again) == hashes["s2"]
    again.close()
    assert pl.doctor(tmp_path).ok
