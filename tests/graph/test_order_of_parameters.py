"""A network is read in its own order, whatever was built in the process before it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import paddle
from paddle import nn

import prunelab as pl
from prunelab.evaluate.identity import model_identity
from prunelab.plan import Plan


class Adds(nn.Layer):
    """Layers whose names straddle a power of ten, and constants."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 4, 1), nn.Conv2D(4, 2, 1)
        self.first, self.second = paddle.full([2, 1, 1], 2.0), paddle.full([2, 1, 1], 3.0)

    def forward(self, x):
        return self.b(self.a(x)) * self.first + self.second


def read_after(n_layers: int, tensors: Mapping[str, np.ndarray]) -> tuple[pl.Graph, bool]:
    """The graph of a network that is built after so many layers, and whether Paddle's names of its layers, as words,
    are in their order."""
    with paddle.utils.unique_name.guard():
        for _ in range(n_layers):
            nn.Conv2D(1, 1, 1)
        model = Adds()
        model.set_state_dict(tensors)
        return pl.trace(model, (1, 3, 4, 4)), model.a.weight.name < model.b.weight.name


def test_what_is_read_does_not_depend_on_how_many_layers_there_were_before() -> None:
    tensors = {name: tensor.numpy() for name, tensor in Adds().state_dict().items()}
    (first, is_in_order), (later, is_still) = read_after(0, tensors), read_after(9, tensors)
    assert is_in_order
    assert not is_still
    assert later.program.parameters == first.program.parameters
    assert model_identity(later, Plan.empty(later)) == model_identity(first, Plan.empty(first))
