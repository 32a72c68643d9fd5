"""What paddle2onnx aborts its process on, or gets silently wrong, is right in every framework that has a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from export_nets import Then
from paddle import nn
from paddle.nn import functional as F

import prunelab as pl
from prunelab.export import TOLERANCE

EXTRAS = {"torchscript": "torch", "tensorflow": "tensorflow", "tflite": "tensorflow"}


def image(h: Any, channels: int) -> Any:
    side = int((16 // channels) ** 0.5)
    return h.reshape([-1, channels, side, side])


class Over(nn.Layer):
    """A layer over sequences of four, or images of four channels that come last."""

    def __init__(self, layer: nn.Layer, shape: list[int], which: Callable[[Any], Any]) -> None:
        super().__init__()
        self.linear, self.layer, self.shape, self.which = nn.Linear(16, 16), layer, shape, which

    def forward(self, x: Any) -> Any:
        return self.which(self.layer(self.linear(x).reshape(self.shape)))


SEQUENCE = [-1, 4, 4]
NETWORKS: dict[str, Callable[[], nn.Layer]] = {
    # aborts
    "celu": lambda: Then(F.celu),
    "softplus": lambda: Then(F.softplus),
    "maxout": lambda: Then(lambda h: F.maxout(image(h, 16), 2).flatten(1)),
    "swiglu": lambda: Then(lambda h: F.swiglu(h)),
    "channel_shuffle": lambda: Then(lambda h: F.channel_shuffle(image(h, 16), 2).flatten(1)),
    "channels last": lambda: Over(nn.Conv2D(4, 3, 2, padding=1, data_format="NHWC"), [-1, 2, 2, 4], lambda y: y),
    "RNN(GRUCell)": lambda: Over(nn.RNN(nn.GRUCell(4, 5)), SEQUENCE, lambda y: y[0]),
    "RNN(LSTMCell)": lambda: Over(nn.RNN(nn.LSTMCell(4, 5)), SEQUENCE, lambda y: y[0]),
    "RNN(SimpleRNNCell)": lambda: Over(nn.RNN(nn.SimpleRNNCell(4, 5)), SEQUENCE, lambda y: y[1]),
    "interpolate by a factor": lambda: Then(
        lambda h: F.interpolate(image(h, 1), scale_factor=2, mode="bilinear").flatten(1)),
    # silently wrong; LSTM with sequence_length is in test_formats
    "leaky_relu's slope": lambda: Then(lambda h: F.leaky_relu(h, 0.4)),
    "group_norm's epsilon": lambda: Then(lambda h: F.group_norm(image(h, 4), 2, 0.1).flatten(1)),
    "bi-GRU's final state": lambda: Over(nn.GRU(4, 5, 3, direction="bidirect"), SEQUENCE,
                                         lambda y: y[1].transpose([1, 0, 2])),
    "uneven mean": lambda: Then(lambda h: F.adaptive_avg_pool2d(image(h, 1), 3).flatten(1)),
    "uneven maximum": lambda: Then(lambda h: F.adaptive_max_pool2d(image(h, 1), 3).flatten(1)),
    "tanh-gelu": lambda: Then(lambda h: F.gelu(h, True)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fmt", ["onnx", *EXTRAS])
def test_a_hard_operator_is_right(fmt: str, name: str, tmp_path: Path) -> None:
    if fmt in EXTRAS:
        pytest.importorskip(EXTRAS[fmt], reason="an extra: pip install 'prunelab[torchscript,tensorflow]'")
    out = pl.export(NETWORKS[name](), tmp_path / "out", (fmt,), inputs=(2, 16), timing=None)
    assert out.parity[fmt] <= TOLERANCE
    assert out.manifest["formats"][fmt]["batch"]["free"]
