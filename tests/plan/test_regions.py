"""A region of the images: what is computed of them, through convolutions, pools and attention."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from networks import IDS, Recurrent
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, PlanError, UnknownNameError
from prunelab.plan.layers import layers
from prunelab.surgery import zero_cut
from prunelab.testing import laws

SCHEMA = json.loads((Path(pl.__file__).parent / "plan" / "plan.schema.json").read_text())


class Pooled(nn.Layer):
    """A residual network with biases, strides, both pools, and a mean over what is left."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2D(3, 8, 7, stride=2, padding=3), nn.BatchNorm2D(8)
        self.a, self.b = nn.Conv2D(8, 8, 3, padding=2, dilation=2), nn.Conv2D(8, 12, 3, stride=2, padding=1)
        self.short, self.pool = nn.Conv2D(8, 12, 1, stride=2), nn.AdaptiveAvgPool2D(1)
        self.out = nn.Linear(12, 4)

    def forward(self, x):
        h = F.max_pool2d(F.sigmoid(self.norm(self.stem(x))), 3, 2, padding=1)
        h = F.relu(h + self.a(h))
        return self.out(self.pool(F.relu(self.b(h) + self.short(h))).flatten(1))


class LeNet(nn.Layer):
    """Windows without padding; the maps themselves go into a linear layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2D(1, 6, 5), nn.Conv2D(6, 8, 5), nn.Linear(8 * 4 * 4, 10)

    def forward(self, x):
        h = F.avg_pool2d(F.tanh(self.a(x)), 2)
        return self.c(F.avg_pool2d(F.sigmoid(self.b(h)), 2).flatten(1))


class Tokens(nn.Layer):
    """A vision transformer: positions that are learnt, a class token, attention over what is left."""

    def __init__(self, mean=False):
        super().__init__()
        self.patch, self.mean = nn.Conv2D(3, 16, 4, stride=4), mean
        self.token, self.places = self.create_parameter([1, 1, 16]), self.create_parameter([1, 17 - mean, 16])
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 24, normalize_before=True), 2)
        self.out = nn.Linear(16, 4)

    def forward(self, x):
        h = self.patch(x).flatten(2).transpose([0, 2, 1])
        if not self.mean:
            h = paddle.concat([self.token.expand([h.shape[0], 1, 16]), h], 1)
        h = self.encoder(h + self.places)
        return self.out(h.mean(1) if self.mean else h[:, 0] + h.mean(1))


class UNet(nn.Layer):
    """Down and up again: the map that comes out is of the region."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 6, 3, padding=1), nn.Conv2D(6, 8, 3, stride=2, padding=1)
        self.c, self.up = nn.Conv2D(8, 8, 3, stride=2, padding=1), nn.Conv2DTranspose(8, 8, 2, stride=2)
        self.d, self.e = nn.Conv2D(16, 6, 3, padding=1), nn.Conv2D(12, 2, 1)

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.relu(self.b(a))
        h = F.relu(self.d(paddle.concat([self.up(self.c(b)), b], 1)))
        return self.e(paddle.concat([F.interpolate(h, scale_factor=2), F.interpolate(b, size=a.shape[2:])[:, :6]], 1))


class Sums(nn.Layer):
    """Positions that are added up, and an input of numbers beside the image."""

    def __init__(self):
        super().__init__()
        self.a, self.more, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Linear(5, 8), nn.Linear(8, 4)

    def forward(self, x, y):
        h = F.gelu(self.a((x - 0.5) / 0.2))
        weights = F.softmax(h.mean(1).flatten(1), -1)
        seen = paddle.matmul(h.flatten(2), weights.unsqueeze(-1)).squeeze(-1)
        return self.out(seen + self.more(y) + h.sum([2, 3]) * 0.01)


class Last(nn.Layer):
    """Channels last, depthwise, and a plain mean."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2D(3, 8, 3, stride=2, padding=1, data_format="NHWC")
        self.b = nn.Conv2D(8, 8, 5, padding=2, groups=8, data_format="NHWC")
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        return self.out(F.relu(self.b(F.relu(self.a(x)))).mean([1, 2]))


class Volume(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Conv3D(2, 6, 3, padding=1), nn.Linear(6, 4)

    def forward(self, x):
        return self.out(F.max_pool3d(F.relu(self.a(x)), 2).mean([2, 3, 4]))


NETWORKS = {
    "pooled": (Pooled, (1, 3, 64, 96), {"x:rows": 8, "x:columns": 12}),
    "lenet": (LeNet, (1, 1, 28, 28), {"x:rows": 7, "x:columns": 7}),
    "tokens": (Tokens, (1, 3, 16, 16), {"x:rows": 4, "x:columns": 4}),
    "tokens, mean": (lambda: Tokens(True), (1, 3, 16, 16), {"x:rows": 4, "x:columns": 4}),
    "unet": (UNet, (1, 3, 16, 24), {"x:rows": 4, "x:columns": 6}),
    "sums": (Sums, [(1, 3, 8, 8), (1, 5)], {"x:rows": 8, "x:columns": 8}),
    "last": (Last, (1, 16, 12, 3), {"x:rows": 8, "x:columns": 6}),
    "volume": (Volume, (1, 2, 4, 6, 8), {"x:depth": 2, "x:rows": 3, "x:columns": 4}),
    "resnet18": (paddle.vision.models.resnet18, (1, 3, 64, 96), {"x:rows": 2, "x:columns": 3}),
}


def smaller(model, plan, graph):
    """The smaller model, which computes what the model does where it knows of the region only."""
    small = laws.check_exact(graph, plan)
    laws.check_cost(graph, plan, small)
    return small


@pytest.mark.parametrize("name", NETWORKS)
def test_the_laws(name, tmp_path):
    make, inputs, units = NETWORKS[name]
    paddle.seed(5)
    model = laws.stir(make()).eval()
    graph = pl.trace(model, inputs)
    assert {g.name: g.units for g in graph.at("spatial") if g.prunable} == units
    before = laws.bits(model)
    plan = pl.propose(graph, granularity="spatial", sparsity=0.5)
    small = smaller(model, plan, graph)
    assert laws.bits(model) == before
    assert graph.cost(plan).macs < 0.7 * graph.cost().macs
    jsonschema.validate(plan.to_json(), SCHEMA)
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan
    group = next(g for g in plan.groups if g.n_removed)
    assert f"of {group.units} units left" in str(group.picture())
    if name in ("tokens", "lenet"):
        laws.check_lives(graph, plan, small)


@pytest.mark.parametrize("name", ["pooled", "lenet", "tokens", "unet"])
def test_any_region_and_channels_go_together(name):
    make, inputs, _ = NETWORKS[name]
    paddle.seed(6)
    model = laws.stir(make()).eval()
    graph = pl.trace(model, inputs)
    cut = pl.propose(graph, sparsity=0.4)
    for removed in ({"x:rows": [0]}, {"x:columns": [3]}, {"x:rows": [3], "x:columns": [0, 1]}):
        axes = {g.name: g.units for g in graph.at("spatial")}
        ends = {k: [u if u < 2 else axes[k] - 1 for u in v] for k, v in removed.items()}
        whole = pl.propose(graph, granularity="spatial", sparsity=0.0, start=cut)
        smaller(model, whole.with_removed(graph, ends), graph)


def test_a_network_of_one_region_is_the_network_on_a_crop():
    """With a mean over what is left, nothing else is different."""
    model = laws.stir(Pooled()).eval()
    graph = pl.trace(model, (1, 3, 64, 64))
    plan = pl.Plan.empty(graph.opened("spatial")).with_removed(graph, {"x:rows": [0, 7], "x:columns": [0, 1, 2]})
    x = paddle.randn([2, 3, 64, 64])
    small = pl.compact(model, plan)
    np.testing.assert_allclose(small(x).numpy(), model(x[:, :, 8:56, 24:]).numpy(), rtol=1e-4, atol=1e-5)


def test_the_region_lies_where_the_model_looks():
    """Only the lower right of the images is bright."""
    model = Pooled().eval()
    graph = pl.trace(model, (1, 3, 64, 64))
    images = np.zeros((6, 3, 64, 64), np.float32)
    images[:, :, 40:, 48:] = np.random.default_rng(0).uniform(1, 2, (6, 3, 24, 16))
    plan = pl.propose(graph, granularity="spatial", sparsity=0.75, data=[(paddle.to_tensor(images),)])
    assert plan.group("x:rows").kept == (4, 5, 6, 7)
    assert plan.group("x:columns").kept == (4, 5, 6, 7)
    assert plan.made["criterion"] == "saliency"
    middle = pl.propose(graph, granularity="spatial", sparsity=0.75)
    assert middle.group("x:rows").kept == (2, 3, 4, 5)


def test_the_table_of_layers_has_regions():
    graph = pl.trace(Pooled().eval(), (1, 3, 64, 64))
    plan = pl.propose(graph, granularity="spatial", sparsity=0.5)
    rows = {row.name: row for row in layers(graph, plan)}
    assert (rows["x:rows"].kept, rows["x:rows"].macs) == (5, plan.cost.macs)


def test_targets():
    graph = pl.trace(Pooled().eval(), (1, 3, 64, 64))
    plan = pl.propose(graph, granularity="spatial", macs=0.6)
    assert plan.cost.macs <= 0.4 * plan.dense_cost.macs
    plan = pl.propose(graph, granularity="spatial", ratios={"x:rows": 0.5})
    assert (plan.group("x:rows").kept, plan.group("x:columns").n_removed) == ((2, 3, 4, 5), 0)
    plan = pl.propose(graph, granularity="spatial", sparsity=0.5, ignore=["x:columns"])
    assert (plan.group("x:rows").n_removed, plan.group("x:columns").n_removed) == (4, 0)


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"params": 0.5}, OptionError, "leaves most of it"),
    ({"sparsity": 0.999}, OptionError, "cannot be met"),
    ({"sparsity": 0.5, "round_to": 8}, OptionError, "round_to is 8"),
    ({"sparsity": 0.5, "ignore": ["x:row"]}, UnknownNameError, "did you mean 'x:rows'"),
])
def test_mistakes(options, error, says):
    with pytest.raises(error, match=says):
        pl.propose(pl.trace(Pooled().eval(), (1, 3, 64, 64)), granularity="spatial", **options)


def test_a_region_is_one_stretch_that_windows_fit():
    model = LeNet().eval()
    graph = pl.trace(model, (1, 1, 28, 28))
    empty = pl.Plan.empty(graph.opened("spatial"))
    with pytest.raises(PlanError, match="one stretch"):
        empty.with_removed(graph, {"x:rows": [3]})
    with pytest.raises(PlanError, match="does not fit a window"):
        empty.with_removed(graph, {"x:rows": [0, 1, 2, 3, 4]})
    plan = empty.with_removed(graph, {"x:rows": [0]})
    with pytest.raises(PlanError, match="no weights of the full-size model can hold"):
        zero_cut(model, plan)
    with pl.mask(model, plan):
        assert "forward" in vars(model)
    assert "forward" not in vars(model)


class Frozen(nn.Layer):
    def __init__(self, then):
        super().__init__()
        self.a, self.then = nn.Conv2D(3, 4, 3, padding=1), then

    def forward(self, x):
        return self.then(self.a(x))


FROZEN = {
    "adaptive": (nn.AdaptiveAvgPool2D(2), "positions in space"),
    "bilinear": (lambda h: F.interpolate(h, scale_factor=2, mode="bilinear"), "positions in space"),
    "instance norm": (nn.InstanceNorm2D(4), "statistics"),
    "windows": (lambda h: h.reshape([-1, 4, 2, 4, 8]).mean([3, 4]), "regrouped"),
    "a maximum": (lambda h: h.max([2, 3]), "a max over it"),
    "averages without padding": (nn.AvgPool2D(3, 1, padding=1), "positions in space"),
    "reflected": (lambda h: F.pad(h, [1, 1, 1, 1], mode="reflect"), "positions in space"),
}


@pytest.mark.parametrize("name", FROZEN)
def test_what_sees_whole_maps_says_so(name):
    then, why = FROZEN[name]
    graph = pl.trace(Frozen(then).eval(), (1, 3, 8, 8))
    rows = graph.at("spatial")[0]
    assert (rows.name, rows.prunable) == ("x:rows", False)
    assert why in rows.reason


def test_a_network_without_maps_is_told_so():
    with pytest.raises(OptionError, match="no spatial that can be cut: it has none"):
        pl.propose(pl.trace(Recurrent(nn.LSTM).eval(), IDS), granularity="spatial", sparsity=0.5)
