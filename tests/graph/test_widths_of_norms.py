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


class OneGroup(nn.Layer):
    """A group norm of one group, as pooling transformers have it; one perhaps without a gain."""

    def __init__(self, gain=None):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 1), nn.Conv2D(8, 4, 3)
        self.n, self.plain = nn.GroupNorm(1, 8), nn.GroupNorm(1, 8, weight_attr=gain, bias_attr=gain)

    def forward(self, x):
        h = self.a(x)
        y = self.n(h)
        h = h + self.b(F.avg_pool2d(y, 3, 1, 1) - y)
        return self.c(self.plain(h))


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


class ByHand(Block):
    """Layer norms in four writings; the mean of squares about the mean counts what is gone."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.gain = norm, self.create_parameter([16])

    def forward(self, x):
        h = self.inp(x)
        return self.out(self.gain * self.norm(h + self.down(F.gelu(self.up(h)))))


def by_variance(x):
    return (x - x.mean(-1, keepdim=True)) / paddle.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)


def by_deviation(x):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5)


def by_squares(x):
    centred = x - x.mean(-1, keepdim=True)
    return centred * paddle.rsqrt(paddle.square(centred).mean(-1, keepdim=True) + 1e-5)


def by_products(x):
    mean = x.mean(-1)
    centred = mean.unsqueeze(-1) - x
    return centred / ((centred * centred).sum(-1, keepdim=True) / 16 + 1e-5)


class ChannelsFirst(nn.Layer):
    """A layer norm over channels of maps, and a convolution whose weight is standardised over its inputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2D(3, 8, 3), nn.Conv2D(8, 6, 3), nn.Conv2D(6, 4, 1)

    def forward(self, x):
        h = self.a(x)
        mean = h.mean(1, keepdim=True)
        h = F.gelu((h - mean) / paddle.sqrt((h - mean).pow(2).mean(1, keepdim=True) + 1e-6))
        w = self.b.weight
        w = (w - w.mean([1, 2, 3], keepdim=True)) / paddle.sqrt(w.var([1, 2, 3], unbiased=False, keepdim=True) + 1e-6)
        # zeros once more, since the norm's result is not zero where cut
        return self.c(F.relu(F.conv2d(h * self.a.bias.reshape([1, -1, 1, 1]), w)))


class AnotherMean(Block):
    """Squares about the mean over something else: no sum of which is known."""

    def forward(self, x):
        h = self.inp(x)
        return self.out((h - h.mean(1, keepdim=True).mean(-1, keepdim=True)).pow(2).mean(-1, keepdim=True) * h)


CASES = {
    **{norm.__name__: (lambda norm=norm: ByHand(norm), (1, 5, 6), "GraphLayer")
       for norm in (by_variance, by_deviation, by_squares, by_products)},
    "channels first": (ChannelsFirst, (1, 3, 8, 8), "GraphLayer"),
    "before the layers": (Block, (1, 5, 6), "Block"),
    "after the layers": (lambda: Block(first=False), (1, 5, 6), "Block"),
    "RMS norms written by hand": (lambda: Block(RMSNorm), (1, 5, 6), "GraphLayer"),
    "no gain": (lambda: Block(Bare), (1, 5, 6), "GraphLayer"),
    "over maps": (OverMaps, (1, 3, 6, 6), "OverMaps"),
    "one group": (OneGroup, (1, 3, 6, 6), "OneGroup"),
    "one group, no gain": (lambda: OneGroup(False), (1, 3, 6, 6), "GraphLayer"),
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


def test_squares_about_another_mean_are_frozen():
    found = laws.check_all(laws.stir(AnotherMean()), (1, 5, 6))
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


class WritesOverWhatWasNormed(nn.Layer):
    """The class token alone is normed, and written over what was normed (XCiT's class attention)."""

    def __init__(self):
        super().__init__()
        self.inp, self.n, self.out = nn.Linear(6, 16), nn.LayerNorm(16), nn.Linear(16, 3)

    def forward(self, x):
        h = F.relu(self.inp(x)) * 2
        h[:, 0:1] = self.n(h[:, 0:1])
        return self.out(h)


def test_what_was_normed_may_be_written_over():
    assert laws.check_all(laws.stir(WritesOverWhatWasNormed()), (1, 5, 6))["gone"] > 0.4


def test_only_widths():
    graph = pl.trace(Block(), (1, 5, 6))
    plan = pl.propose(graph, sparsity=0.5, granularity="width")
    assert [g.name for g in plan.groups if g.removed] == ["inp"]
