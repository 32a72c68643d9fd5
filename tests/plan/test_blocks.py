"""Depth: residual branches that go as a whole."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from networks import IDS, NETWORKS, Encoder, EncoderDecoder, FusedQKV
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError
from prunelab.testing import laws


class Branch(nn.Layer):
    def __init__(self, last):
        super().__init__()
        self.a, self.b, self.last = nn.Linear(8, 12), nn.Linear(12, 8), last

    def forward(self, x):
        return self.last(self.b(F.relu(self.a(x))))


class Stack(nn.Layer):
    """Branches of which some cannot be silenced, or are read by others too."""

    def __init__(self):
        super().__init__()
        self.inp, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
        self.plain, self.halved = Branch(nn.Dropout(0.5)), Branch(lambda y: y * 0.5)
        self.sigmoid, self.shared, self.seen = Branch(nn.Sigmoid()), Branch(nn.Tanh()), Branch(nn.ReLU())

    def forward(self, x):
        h = self.inp(x)
        h = h + self.plain(h)
        h = F.relu(h + self.halved(h))
        h = h + self.sigmoid(h)
        h = h + self.shared(h)
        h = h + self.shared(h)
        seen = self.seen(h)
        return self.out(h + seen), seen


def blocks_of(model, inputs):
    found = pl.trace(model, inputs).at("layer")
    return found[0].labels if found else ()


def test_what_can_go_is_found_and_named():
    assert blocks_of(Stack(), (1, 6)) == ("plain", "halved")
    assert blocks_of(paddle.vision.models.resnet18(), (1, 3, 64, 64)) == (
        "layer1.0", "layer1.1", "layer2.1", "layer3.1", "layer4.1")


def check(model, inputs, sparsity=0.5, **options):
    model = laws.stir(model).eval()
    graph = pl.trace(model, inputs)
    plan = pl.propose(graph, sparsity=sparsity, granularity="layer", **options)
    assert plan.group("blocks").n_removed > 0
    before = laws.bits(model)
    small = laws.check_exact(graph, plan)
    assert laws.bits(model) == before
    laws.check_cost(graph, plan, small)
    laws.check_lives(graph, plan, small)
    assert graph.cost(plan).params < graph.cost().params
    assert graph.cost(plan).macs < graph.cost().macs
    assert len(small.state_dict()) < len(model.state_dict())
    return graph, plan, small


@pytest.mark.parametrize(("make", "inputs"), [
    (Stack, (1, 6)), (paddle.vision.models.resnet18, (1, 3, 64, 64)), (Encoder, IDS),
    (FusedQKV, (1, 3, 16, 16)), (paddle.vision.models.mobilenet_v3_small, (1, 3, 64, 64)),
])
def test_the_laws(make, inputs):
    check(make(), inputs)


def test_a_decoder_that_reads_an_encoder():
    _, inputs = next(entry for entry in NETWORKS.values() if entry[0] is EncoderDecoder)
    check(EncoderDecoder(), inputs, sparsity=0.6)


def test_blocks_and_channels_go_together():
    model = laws.stir(paddle.vision.models.resnet18()).eval()
    graph = pl.trace(model, (1, 3, 64, 64))
    plan = pl.propose(graph, sparsity=0.4, granularity="layer", start=pl.propose(graph, sparsity=0.5))
    assert plan.removed("layer1.0.conv1")
    small = laws.check_exact(graph, plan)
    laws.check_cost(graph, plan, small)


def test_a_plan_names_its_blocks(tmp_path):
    _, plan, _ = check(Stack(), (1, 6), ignore=["halved"])
    assert plan.group("blocks").removed == (0,)
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan
    assert plan.to_json()["groups"][-1]["labels"] == ["plain", "halved"]
    assert "blocks without plain" in plan.summary()
    assert "blocks without plain" in plan._repr_html_()


def test_a_target_of_params_counts_whole_blocks():
    graph = pl.trace(paddle.vision.models.resnet18(), (1, 3, 64, 64))
    plan = pl.propose(graph, params=0.1, granularity="layer")
    assert plan.cost.params <= 0.9 * plan.dense_cost.params


class Named(Stack):
    """A layer of the name that the group of branches would have."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Linear(8, 8)

    def forward(self, x):
        h, seen = super().forward(x)
        return self.blocks(F.relu(paddle.concat([h, seen[:, :5]], 1))), seen


def test_a_layer_keeps_its_name():
    graph = pl.trace(laws.stir(Named()).eval(), (1, 6))
    assert graph.group("blocks").makers
    assert [g.name for g in graph.at("layer")] == ["blocks:layer"]
    plan = pl.propose(graph, sparsity=0.5, granularity="layer")
    assert plan.removed("blocks:layer")
    laws.check_cost(graph, plan, laws.check_exact(graph, plan))


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"scope": "sensitivity"}, OptionError, "leave scope out"),
    ({"criterion": "taylor"}, OptionError, "compares weights"),
    ({"sparsity": None, "ratios": {"inp": 0.5}}, OptionError, "takes layers out whole"),
    ({"ignore": ["plan"]}, UnknownNameError, "did you mean 'plain'"),
    ({"ignore": ["*"]}, OptionError, "0 of 2 blocks may go"),
])
def test_mistakes(options, error, says):
    with pytest.raises(error) as raised:
        pl.propose(pl.trace(Stack(), (1, 6)), granularity="layer", **{"sparsity": 0.5, **options})
    assert says in str(raised.value)


def test_a_network_without_blocks_is_told_so():
    with pytest.raises(OptionError, match="no two residual branches"):
        pl.propose(pl.trace(nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3)), (1, 6)), sparsity=0.5, granularity="layer")
