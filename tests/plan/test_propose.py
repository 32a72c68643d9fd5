from __future__ import annotations

import re

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import FusedQKV, Residual, SharedModule

import prunelab as pl
from prunelab.criteria import score
from prunelab.errors import InputError, OptionError, PlanError, UnknownNameError
from prunelab.plan import layers


@pytest.fixture(scope="module")
def graph():
    model = paddle.vision.models.resnet18()
    model.eval()
    return pl.trace(model, (1, 3, 64, 64))


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("kind", ["macs", "params"])
@given(value=st.floats(0, 0.95))
def test_targets_are_met_and_hardly_passed(graph, scope, kind, value):
    plan = pl.propose(graph, scope=scope, **{kind: value})
    gone = 1 - getattr(plan.cost, kind) / getattr(plan.dense_cost, kind)
    assert value - 1e-9 <= gone <= value + 0.02


def test_local_takes_the_ratio_of_each_group(graph):
    assert {g.ratio for g in pl.propose(graph, sparsity=0.25).groups} == {0.25}


def test_the_units_of_lowest_score_go(graph):
    plan = pl.propose(graph, "l2_weight", sparsity=0.5)
    scores = score(graph, graph.group("layer1.0.conv1"), "l2_weight")
    gone = list(plan.removed("layer1.0.conv1"))
    assert scores[gone].max() <= np.delete(scores, gone).min()


def test_global_empties_no_group(graph):
    plan = pl.propose(graph, scope="global", sparsity=0.9)
    assert all(len(g.removed) < g.units for g in plan.groups)
    assert len({g.ratio for g in plan.groups}) > 3
    assert abs(plan.sparsity - 0.9) < 0.01


def test_ratios_by_layer_group_and_pattern(graph):
    plan = pl.propose(graph, ratios={"layer1.0.conv1": 0.5, "layer3.*": 0.25})
    assert plan.ratio("layer1.0.conv1") == 0.5
    assert plan.ratio("layer3.1.conv1") == 0.25
    assert plan.ratio("layer2.0.conv1") == 0
    tied = pl.propose(graph, ratios={"layer1.1.conv2": 0.5})
    assert tied.ratio("conv1") == 0.5, "the layer's outputs are the stem's group"


def test_round_to_keeps_multiples(graph):
    assert all((g.units - len(g.removed)) % 8 == 0 for g in pl.propose(graph, sparsity=0.6, round_to=8).groups)


@pytest.fixture(scope="module")
def small():
    return pl.trace(SharedModule(), (1, 3, 16, 16))


@settings(max_examples=30)
@given(value=st.floats(0.01, 0.9), round_to=st.sampled_from([2, 3, 8, 16]))
def test_rounding_does_not_undershoot_the_target(small, value, round_to):
    half_a_unit = 0.5 / sum(g.units for g in small.prunable)
    try:
        plan = pl.propose(small, sparsity=value, round_to=round_to)
    except OptionError as error:
        most = float(re.search(r"ask for at most ([\d.]+)", str(error))[1])
        assert most < value
        assert pl.propose(small, sparsity=most, round_to=round_to).sparsity >= most - half_a_unit
    else:
        assert plan.sparsity >= value - half_a_unit
        assert all((g.units - len(g.removed)) % round_to == 0 or not g.removed for g in plan.groups)


def test_numpys_numbers_and_no_ignored_layers(graph):
    assert pl.propose(graph, sparsity=np.float32(0.5), round_to=np.int64(8), ignore=None) == pl.propose(
        graph, sparsity=0.5, round_to=8)


def test_a_model_instead_of_its_graph_is_told_to_be_traced(graph):
    with pytest.raises(InputError, match=r"graph is a ResNet; trace the model first: graph = pl\.trace\(model"):
        pl.propose(graph.model, sparsity=0.5)


def test_ignored_layers_stay_whole(graph):
    plan = pl.propose(graph, sparsity=0.5, ignore=["conv1", "layer4.*"])
    assert {g.ratio for g in plan.groups if g.name == "conv1" or g.name.startswith("layer4")} == {0.0}
    assert plan.ratio("layer1.0.conv1") == 0.5


def test_start_keeps_what_is_gone(graph):
    first = pl.propose(graph, "random", sparsity=0.3)
    second = pl.propose(graph, sparsity=0.6, start=first)
    assert all(set(a.removed) <= set(b.removed) for a, b in zip(first.groups, second.groups, strict=True))
    assert abs(second.sparsity - 0.6) < 0.01


def test_the_same_seed_gives_the_same_plan(graph):
    first, again, other = (pl.propose(graph, "random", sparsity=0.5, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.groups != other.groups


def test_granularity_takes_only_these_groups():
    graph = pl.trace(FusedQKV(), (1, 3, 16, 16))
    plan = pl.propose(graph, sparsity=0.5, granularity="head")
    assert {graph.group(g.name).granularity for g in plan.groups if g.removed} == {"head"}


def test_a_granularity_that_the_model_lacks_is_told():
    graph = pl.trace(FusedQKV(), (1, 3, 16, 16))
    with pytest.raises(OptionError, match="FusedQKV has no hidden that can be cut: it has none"):
        pl.propose(graph, sparsity=0.5, granularity="hidden")


@pytest.mark.parametrize(("options", "error", "says"), [
    ({}, OptionError, "give one of sparsity, macs, params, memory, latency, ratios"),
    ({"sparsity": 0.5, "macs": 0.5}, OptionError, "sparsity and macs"),
    ({"sparsity": 1.0}, OptionError, "sparsity is 1.0"),
    ({"sparsity": -0.1}, OptionError, "sparsity is -0.1"),
    ({"sparsity": "half"}, OptionError, "'half'"),
    ({"ratios": 0.5}, OptionError, "give a dict"),
    ({"ratios": {"conv1": 1.5}}, OptionError, "the ratio of 'conv1' is 1.5"),
    ({"ratios": {"conf1": 0.5}}, UnknownNameError, "did you mean 'conv1'"),
    ({"ratios": {"fc": 0.5}}, OptionError, "frozen by the model's output"),
    ({"sparsity": 0.5, "criterion": "l1_wait"}, UnknownNameError, "did you mean 'l1_weight'"),
    ({"sparsity": 0.5, "scope": "globe"}, UnknownNameError, "did you mean 'global'"),
    ({"sparsity": 0.5, "granularity": "heads"}, UnknownNameError, "did you mean 'head'"),
    ({"sparsity": 0.5, "round_to": 0}, OptionError, "round_to is 0"),
    ({"sparsity": 0.5, "ignore": "layer9"}, UnknownNameError, "in ignore"),
    ({"macs": 0.9999999}, OptionError, "cannot be met"),
    ({"memory": 0.9999999}, OptionError, "memory=0.9999999 cannot be met"),
    ({"sparsity": 0.95, "round_to": 64}, OptionError, "cannot be met: at most 0.7"),
    ({"sparsity": 0.5, "ignore": 5}, OptionError, "ignore is 5; give layers"),
    ({"sparsity": 0.5, "start": "p.json"}, PlanError, "start is the path 'p.json'; read it first"),
    ({"sparsity": 0.5, "criterion": 3}, OptionError, "criterion is 3"),
])
def test_what_cannot_be_asked(graph, options, error, says):
    with pytest.raises(error) as raised:
        pl.propose(graph, **options)
    assert says in str(raised.value)


def test_a_criterion_of_ones_own():
    class First:
        name = "first"

        def __call__(self, material):
            return -np.arange(material.units)

    graph = pl.trace(SharedModule(), (1, 3, 16, 16))
    assert pl.propose(graph, First(), sparsity=0.5).removed("a.0") == (4, 5, 6, 7)

    class Wrong(First):
        def __call__(self, material):
            return np.zeros(3)

    class Infinite(First):
        def __call__(self, material):
            return np.full(material.units, np.nan)

    with pytest.raises(OptionError, match=r"shape \(3,\)"):
        pl.propose(graph, Wrong(), sparsity=0.5)
    with pytest.raises(OptionError, match="nan"):
        pl.propose(graph, Infinite(), sparsity=0.5)


def test_the_model_is_left_as_it_was():
    from prunelab.testing.laws import bits

    model = Residual()
    before = bits(model)
    pl.propose(pl.trace(model, (1, 3, 16, 16)), sparsity=0.5)
    assert bits(model) == before


class Positions(paddle.nn.Layer):
    """Tokens plus positions that are a parameter of the model itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = paddle.nn.Linear(4, 6), paddle.nn.Linear(6, 3)
        self.position = self.create_parameter([1, 5, 6])

    def forward(self, x):
        return self.b(self.a(x) + self.position)


def test_a_parameter_of_the_model_itself_is_tied_by_its_own_name():
    row = next(iter(layers(pl.trace(Positions(), (2, 5, 4)))))
    assert set(row.tied) == {"position", "a", "b"}
