"""A row of the tables: something between two layers, and how many units of the first stay prunable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import paddle
from paddle import nn

# layout -> (the input's shape, the layer that makes eight units)
LAYOUTS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Layer]]] = {
    "vector": ((1, 6), lambda: nn.Linear(6, 8)),
    "tokens": ((1, 5, 6), lambda: nn.Linear(6, 8)),
    "line": ((1, 3, 9), lambda: nn.Conv1D(3, 8, 3, padding=1)),
    "maps": ((1, 3, 6, 6), lambda: nn.Conv2D(3, 8, 3, padding=1)),
    "last": ((1, 6, 6, 3), lambda: nn.Conv2D(3, 8, 3, padding=1, data_format="NHWC")),
    "volume": ((1, 2, 4, 4, 4), lambda: nn.Conv3D(2, 8, 3, padding=1)),
}
READERS = {"line": nn.Conv1D, "maps": nn.Conv2D, "volume": nn.Conv3D}


@dataclass(frozen=True)
class Row:
    """``units`` of the first layer's eight can go; ``why`` the others cannot."""

    layout: str
    function: Callable[..., Any] | partial[nn.Layer]
    units: int
    why: str

    def network(self, summed: bool = False) -> tuple[nn.Layer, tuple[int, ...]]:
        """The network, and the shape of its input. ``summed``: the result is added up, which must find zeros."""
        then = self.function() if isinstance(self.function, partial) else self.function
        return Between(self.layout, then, summed), LAYOUTS[self.layout][0]


def _rows(layout: str) -> Callable[..., Row]:
    def row(function: Any, units: int = 8, why: str = "") -> Row:
        return Row(layout, function, units, why)
    return row


vector, tokens, line, maps, last, volume = map(_rows, LAYOUTS)
made = partial  # a layer that is made anew for each network


class Weighted(nn.Layer):
    """A function of a value and of parameters of its own."""

    def __init__(self, function: Callable[..., Any], *shapes: Sequence[int]) -> None:
        super().__init__()
        self.function, self.n = function, len(shapes)
        normal = nn.initializer.Normal(std=0.5)
        for k, shape in enumerate(shapes):
            setattr(self, f"w{k}", self.create_parameter(list(shape), default_initializer=normal))

    def forward(self, h):
        return self.function(h, *[getattr(self, f"w{k}") for k in range(self.n)])


def weighted(function: Callable[..., Any], *shapes: Sequence[int]) -> partial[nn.Layer]:
    """A `Weighted` that is made anew for each network."""
    return partial(Weighted, function, *shapes)


class Between(nn.Layer):
    """A layer that makes units (`a`), something, and a layer that reads them (`b`)."""

    def __init__(self, layout: str, then: Callable[..., Any], summed: bool) -> None:
        super().__init__()
        shape, make = LAYOUTS[layout]
        self.a, self.then, self.summed = make(), then, summed
        self.eval()
        with paddle.no_grad():
            middle = self.then(self.a(paddle.randn([2, *shape[1:]])))
        self.train()
        as_maps = layout in READERS and len(middle.shape) == len(shape)
        self.b = READERS[layout](middle.shape[1], 4, 1) if as_maps else nn.Linear([1, *middle.shape][-1], 3)

    def forward(self, x):
        h = self.then(self.a(x)).astype("float32")
        h = h if h.shape else h.reshape([1])
        if self.summed:
            h = h * h  # else what is normalised would add up to nothing
            return h.flatten(1).sum(1) if len(h.shape) > 1 else h.sum()
        return self.b(h)
