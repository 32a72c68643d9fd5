"""The residual width: cut through layer norms, RMS norms and means that go on counting what is gone."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.surgery.norms import WidthLayerNorm
from prunelab.testing import laws


class RMSNorm(nn.Layer):
    def __init__(self, n):
        super().__init__()
        self.gain = self.create_parameter([n])

    def forward(self, x):
        return x * paddle.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain


class Bare(nn.Layer):
    """A layer norm without gain and bias: what it gives is not zero where cut."""

    def __init__(self, n):
        super().__init__()

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:])


class Block(nn.Layer):
    def __init__(self, norm=nn.LayerNorm, first=True):
        super().__init__()
        self.inp, self.up, self.down, self.out = (nn.Linear(*n) for n in ((6, 16), (16, 24), (24, 16), (16, 3)))
        self.n1, self.n2, self.first = norm(16), norm(16), first

    def forward(self, x):
        h = self.inp(x)
        if self.first:
            return self.out(self.n2(h + self.down(F.gelu(self.up(self.n1(h))))))
        return self.out(self.n2(self.n1(h + self.down(F.gelu(self.up(h))))))


class OverMaps(nn.Layer):
    """Statistics over channels and space together."""

    def __init__(self):
        super().__init__()
        self.a, self.n, self.b = nn.Conv2D(3, 8, 3, padding=1), nn.LayerNorm([8, 6, 6]), nn.Conv2D(8, 4, 3)

    def forward(self, x):
        return self.b(self.n(self.a(x)))


class Counted(nn.Layer):
    """A sum that is divided by a number of positions, counted when it runs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.a(x)
        size = h.pow(2).sum(-1, keepdim=True) / paddle.numel(h).astype("float32")
        return self.b(h / (1 + size * paddle.numel(x[:, :1]).astype("float32")))


class AfterSigmoid(Block):
    """A sigmoid is one half where cut, which a mean over it would see."""

    def forward(self, x):
        h = F.sigmoid(self.inp(x))
        return self.out(h / h.mean(-1, keepdim=True))


CASES = {
    "before the layers": (Block, (1, 5, 6), "Block"),
    "after the layers": (lambda: Block(first=False), (1, 5, 6), "Block"),
    "RMS norms written by hand": (lambda: Block(RMSNorm), (1, 5, 6), "GraphLayer"),
    "no gain": (lambda: Block(Bare), (1, 5, 6), "GraphLayer"),
    "over maps": (OverMaps, (1, 3, 6, 6), "OverMaps"),
    "counted": (Counted, (1, 6), "GraphLayer"),
}


@pytest.mark.parametrize("name", CASES)
def test_widths_go(name):
    make, inputs, form = CASES[name]
    found = laws.check_all(laws.stir(make()), inputs)
    assert found["gone"] > 0.4
    assert found["form"] == form


def test_a_mean_of_what_is_not_zero_where_cut_is_frozen():
    found = laws.check_all(laws.stir(AfterSigmoid()), (1, 6))
    assert "a mean over values that are not zero where cut" in found["graph"].group("inp").reason


def cut(model, seed=0):
    graph = pl.trace(model, (1, 5, 6))
    return pl.compact(model, laws.half_of_every_group(graph, seed))


def test_a_second_cut_counts_the_first_dense_width():
    small = cut(laws.stir(Block()).eval())
    smaller = cut(small, 1)
    assert isinstance(smaller.n2, WidthLayerNorm)
    assert (smaller.n2.dense_width, list(smaller.n2.weight.shape)) == (16, [4])


def test_a_width_is_exact_far_from_zero():
    """A mean a hundred times the deviation: a variance by mean(x^2) - m^2 would have no digit left in float32."""
    model = laws.stir(Block()).eval()
    for parameter in (model.inp.bias, model.down.bias):
        parameter.set_value(parameter + 100)
    graph = pl.trace(model, (1, 5, 6))
    laws.check_exact(graph, laws.half_of_every_group(graph))


def test_only_widths():
    graph = pl.trace(Block(), (1, 5, 6))
    plan = pl.propose(graph, sparsity=0.5, granularity="width")
    assert [g.name for g in plan.groups if g.removed] == ["inp"]
