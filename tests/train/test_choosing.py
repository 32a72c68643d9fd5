"""Of several ways to spread a budget, the one is chosen that repair makes up for best."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import InputError, OptionError, UnknownNameError
from prunelab.plan import EvenMacs
from prunelab.train import propose_repaired


class Bottleneck(nn.Layer):
    """Two branches: the output of the first is all of the second's, but for what is nearly nothing."""

    def __init__(self) -> None:
        super().__init__()
        paddle.seed(0)
        self.needed, self.idle, self.out = nn.Linear(12, 24), nn.Linear(12, 24), nn.Linear(24, 4)
        self.idle.weight.set_value(self.idle.weight * 1e-3)
        self.last = nn.Linear(24, 4)

    def forward(self, x):
        return self.out(nn.functional.tanh(self.needed(x))) + self.last(nn.functional.tanh(self.idle(x)))


@pytest.fixture(scope="module")
def graph() -> pl.Graph:
    model = Bottleneck()
    model.eval()
    return pl.trace(model, (1, 12))


DATA = np.random.default_rng(0).normal(size=(256, 12)).astype("float32")


def judged(graph: pl.Graph, plan: pl.Plan) -> float:
    """The part of the outputs' variance that the repaired network misses."""
    with paddle.no_grad():
        small = pl.compact(pl.repair(graph.model, plan, (DATA,)), plan)(paddle.to_tensor(DATA)).numpy()
        dense = graph.model(paddle.to_tensor(DATA)).numpy()
    return float(np.square(small - dense).sum() / np.square(dense - dense.mean()).sum())


def test_the_plan_is_the_one_whose_repaired_network_is_nearest(graph: pl.Graph) -> None:
    seen: dict[str, float] = {}

    def note(plan: pl.Plan, missed: float) -> None:
        seen[plan.made["scope"]] = missed
        assert missed == pytest.approx(judged(graph, plan), rel=1e-3)

    scopes = ("local", "global", "uniform_macs")
    plan = propose_repaired(graph, data=(DATA,), params=0.5, scopes=scopes, on_plan=note)
    # the others cut both branches alike, which are alike in all but in what they do: one plan, that is tried once
    assert list(seen) == ["local", "global"]
    assert plan.made["scope"] == min(seen, key=seen.__getitem__) == "global"
    assert plan.ratio("idle") > plan.ratio("needed")
    assert seen["global"] < 0.75 * seen["local"]
    assert graph.cost(plan).params <= 0.5 * graph.cost().params
    back = propose_repaired(graph, data=(DATA,), params=0.5, scopes=scopes[::-1])
    assert [g.removed for g in back.groups] == [g.removed for g in plan.groups]


def test_what_cannot_meet_the_target_is_left_out(graph: pl.Graph) -> None:
    losses: dict[str, Any] = {}
    plan = propose_repaired(graph, "l1_weight", data=(DATA,), macs=0.5, scopes=("sensitivity", "local"), losses=losses)
    assert plan.made["scope"] == "local"
    with pytest.raises(OptionError, match=r"macs=0\.999 cannot be met"):
        propose_repaired(graph, "l1_weight", data=(DATA,), macs=0.999)


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"scopes": "local"}, OptionError, "scopes is 'local'; give several"),
    ({"scopes": ()}, OptionError, "give several to choose from"),
    ({"scopes": ("locl",)}, UnknownNameError, "did you mean 'local'"),
])
def test_what_cannot_be_chosen_from_is_refused(graph: pl.Graph, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        propose_repaired(graph, data=(DATA,), macs=0.5, **options)
    with pytest.raises(InputError, match="trace the model first"):
        propose_repaired(graph.model, data=(DATA,), macs=0.5)


def test_a_strong_pull_cuts_groups_alike_and_none_gives_even_macs() -> None:
    layers = [layer for i, o in ((1, 40), (40, 60), (60, 50), (50, 70))
              for layer in (nn.Conv2D(i, o, 3, padding=1), nn.ReLU())]
    graph = pl.trace(nn.Sequential(*layers), (1, 1, 8, 8))

    def spread(scope: Any) -> float:
        ratios = [g.ratio for g in pl.propose(graph, macs=0.8, scope=scope).groups]
        return max(ratios) - min(ratios)

    assert spread(EvenMacs(pull=0)) > spread("uniform_macs") > spread(EvenMacs(pull=10)) + 0.02
    alike = pl.propose(graph, macs=0.8, scope=EvenMacs(pull=1e4))
    assert {g.name: g.n_removed for g in alike.groups} == pytest.approx(
        {g.name: g.n_removed for g in pl.propose(graph, macs=0.8).groups}, abs=1)
    assert pl.propose(graph, macs=0.8, scope=EvenMacs(pull=0.5)).made["scope"] == "uniform_macs, pull=0.5"
    for pull in (-1, True, float("inf"), "much"):
        with pytest.raises(OptionError, match="pull is"):
            EvenMacs(pull=pull)
