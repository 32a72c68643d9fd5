"""Sizes, bounds and repeats that a forward computes: by ``paddle.shape``, which reading knows, or from values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import InputError
from prunelab.testing import laws


def number(h: Any, n: int) -> Any:
    """A tensor of ``n`` that depends on values."""
    return (h.abs().sum() * 0 + n).astype("int32")


COMPUTED: dict[str, Callable[[Any], Any]] = {
    "a tile": lambda h: h.tile([number(h, 2)]),
    "a tile by a tensor": lambda h: h.tile(paddle.stack([number(h, 2), number(h, 3)])),
    "a slice": lambda h: h[:, :, number(h, 1):number(h, 4)],
    "a strided slice": lambda h: h[:, :, number(h, 1):number(h, 5):2],
    "a reshape": lambda h: h.reshape([-1, number(h, 120)]),
    "an expand": lambda h: h.sum(-1, keepdim=True).expand([-1, -1, -1, number(h, 7)]),
    "a full": lambda h: h + paddle.full([number(h, 6), 1], 2.0),
    "an interpolation": lambda h: F.interpolate(h, size=[number(h, 8), number(h, 9)]),
    "a range": lambda h: h + paddle.arange(number(h, 5)).astype("float32"),
}


class Two(nn.Layer):
    def __init__(self, between: Callable[[Any], Any]) -> None:
        super().__init__()
        self.a, self.b, self.between = nn.Conv2D(3, 4, 1), nn.Conv2D(4, 4, 1), between

    def forward(self, x: Any) -> Any:
        return self.between(self.b(F.relu(self.a(x))))


@pytest.mark.parametrize("name", COMPUTED)
def test_what_is_computed_from_values_runs_as_the_model_does(name: str) -> None:
    model = laws.stir(Two(COMPUTED[name])).eval()
    graph = pl.trace(model, (1, 3, 6, 5))
    x = paddle.randn([1, 3, 6, 5])
    ours, theirs = graph.run(x), model(x)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert bool((ours == theirs).all())
    assert graph.group("a").prunable
    laws.check_exact(graph, pl.propose(graph, ratios={"a": 0.5}))


def grid(h: Any) -> Any:
    """A grid of positions, as a warp by a flow makes it."""
    size = paddle.shape(h)[2:]
    norm = size[::-1].reshape([1, 2, 1, 1])
    norm.stop_gradient = True
    rows = paddle.linspace(-1.0, 1.0, size[0]).reshape([-1, 1]).tile([size[1]])
    return h * rows / norm.astype(h.dtype).sum()


def test_sizes_that_are_used_as_a_tensor_are_known() -> None:
    model = laws.stir(Two(grid)).eval()
    graph = pl.trace(model, (1, 3, 6, 5))
    assert "shape64" not in {op.name for op in graph.program.ops}
    for batch in (1, 3):
        x = paddle.randn([batch, 3, 6, 5])
        assert bool((graph.run(x) == model(x)).all())
    laws.check_all(model, (1, 3, 6, 5))


def of_joined_sizes(h: Any) -> Any:
    """Sizes that are put together to a tensor, beside ones that a reshape takes (a task-aligned head)."""
    size = paddle.shape(h)
    batch, height, width = size[0:1], size[2:3], size[3:4]
    h = h.reshape([batch, 2, 2, height, width]).reshape([batch, -1, height, width])
    whole = paddle.concat([width, height, paddle.to_tensor([1], "int64")]).astype("float32")
    return h / whole.sum() + paddle.stack([size[2], size[3]]).astype("float32").sum()


def test_sizes_that_are_put_together_hide_no_width() -> None:
    graph = laws.check_all(laws.stir(Two(of_joined_sizes)).eval(), (1, 3, 6, 5))["graph"]
    assert "shape64" not in {op.name for op in graph.program.ops}
    assert "a reshape to a size that is computed" not in {g.reason for g in graph.groups}


class Tells(Two):
    """A head that gives the sizes of its maps too."""

    def forward(self, x: Any) -> Any:
        y = super().forward(x)
        return y, y.shape, y.shape[2:], y.shape[0]


def test_sizes_are_outputs_and_those_with_the_batch_are_of_the_given_one() -> None:
    model = laws.stir(Tells(F.relu)).eval()
    graph = pl.trace(model, (2, 3, 6, 5))
    x = paddle.randn([2, 3, 6, 5])
    assert [list(s) if isinstance(s, list) else s for s in graph.run(x)[1:]] == [[2, 4, 6, 5], [6, 5], 2]
    with pytest.raises(InputError, match="was traced for"):
        graph.run(paddle.randn([3, 3, 6, 5]))
    laws.check_all(model, (2, 3, 6, 5))


def beside_coordinates(h: Any) -> Any:
    """Where each position stands, as whole numbers divided by a number (CoordConv)."""
    place = paddle.arange(h.shape[2]) / (h.shape[2] + 9) + paddle.arange(h.shape[2]).astype("int32") / 7.0
    return h * place.reshape([1, 1, -1, 1])


def test_whole_numbers_are_divided_as_eager_mode_divides_them() -> None:
    model = laws.stir(Two(beside_coordinates)).eval()
    graph = pl.trace(model, (1, 3, 6, 5))
    x = paddle.randn([1, 3, 6, 5]) * 1000
    assert bool((graph.run(x) == model(x)).all())


def by_levels(h: Any) -> Any:
    """Maps that are parted by a table of their sizes (deformable attention over several levels)."""
    levels = paddle.stack([paddle.concat([paddle.shape(h)[2:3] - 2, paddle.shape(h)[3:4]]), paddle.to_tensor([2, 5])])
    assert int(levels.prod(1).sum()) == h.shape[2] * h.shape[3]
    parts = h.flatten(2).split([high * wide for high, wide in levels], axis=2)
    maps = [part.reshape((h.shape[0], h.shape[1], *levels[k])) for k, part in enumerate(parts)]
    return paddle.concat([F.avg_pool2d(m, 3, 1, 1).flatten(2) for m in maps], 2).reshape(h.shape)


def test_sizes_that_are_computed_from_spelled_ones_hide_no_width() -> None:
    found = laws.check_all(laws.stir(Two(by_levels)).eval(), (1, 3, 6, 5))
    assert found["gone"] > 0.4
    assert all(n >= 0 for op in found["graph"].program.ops if op.name in ("reshape", "split", "flatten", "concat")
               for value in op.outputs for n in found["graph"].program.shapes[value] or ())
