"""Each allocation keeps its own law, on a network with groups of unlike cost."""

from __future__ import annotations

import itertools

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import FusedQKV, Residual
from paddle import nn

import prunelab as pl
from prunelab.criteria import L1Weight
from prunelab.errors import OptionError
from prunelab.plan.allocation import Limits
from prunelab.plan.bearable import bearable_ratio
from prunelab.plan.budget import Term, assign, assign_cost
from prunelab.plan.clusters import within
from prunelab.plan.isomorphic import kind_of
from prunelab.plan.scopes import SCOPES
from prunelab.plan.uniform import UniformMacs, uniform_shares


@pytest.fixture(scope="module")
def chain() -> pl.Graph:
    paddle.seed(0)
    model = nn.Sequential(nn.Conv2D(1, 8, 3), nn.ReLU(), nn.Conv2D(8, 24, 3), nn.ReLU(), nn.Conv2D(24, 16, 3),
                          nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))  # fmt: skip
    model.eval()
    return pl.trace(model, (1, 1, 8, 8))


LOSSES = {"0": {0.25: 1.0, 0.5: 2.0, 0.875: 8.0}, "2": {0.25: 0.1, 0.5: 0.2, 0.9: 2.0},
          "4": {0.25: 0.3, 0.5: 1.5, 0.9: 9.0}}
X = np.random.default_rng(0).normal(size=(64, 1, 8, 8)).astype(np.float32)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["macs", "params", "memory"])
@given(value=st.floats(0.05, 0.8))
@settings(max_examples=5)
def test_every_scope_meets_a_target_and_hardly_passes_it(chain: pl.Graph, scope: str, kind: str, value: float) -> None:
    plan = pl.propose(chain, scope=scope, losses=LOSSES, data=[X], **{kind: value})
    of = {"memory": "bytes"}.get(kind, kind)
    gone = 1 - getattr(plan.cost, of) / getattr(plan.dense_cost, of)
    assert value - 1e-9 <= gone <= value + 0.1


@pytest.mark.parametrize("scope", SCOPES)
def test_a_floor_holds_in_every_group(chain: pl.Graph, scope: str) -> None:
    plan = pl.propose(chain, scope=scope, losses=LOSSES, data=[X], macs=0.6, floor=0.25)
    assert all(1 - g.ratio >= 0.25 for g in plan.groups)
    with pytest.raises(OptionError, match=r"cannot be met: at most 0\.\d+ .* (0|2|4)") as raised:
        pl.propose(chain, scope=scope, losses=LOSSES, data=[X], macs=0.95, floor=0.5)
    assert "floor" in str(raised.value)


def test_global_takes_scores_as_they_are_where_these_compare(chain: pl.Graph) -> None:
    plan = pl.propose(chain, L1Weight(normalize="max"), scope="global", sparsity=0.4)
    scores = {g.name: pl.criteria.score(chain, g, L1Weight(normalize="max")) for g in chain.prunable}
    gone = np.concatenate([s[list(plan.removed(n))] for n, s in scores.items()])
    stays = np.concatenate([np.delete(s, plan.removed(n)) for n, s in scores.items()])
    assert gone.max() <= stays.min()


def test_isomorphic_ranks_what_is_alike_together_and_heads_by_themselves() -> None:
    graph = pl.trace(FusedQKV(), (1, 3, 16, 16))
    kinds = {g.name: kind_of(graph, g) for g in graph.prunable}
    assert len(set(kinds.values())) == len(kinds)
    plan = pl.propose(graph, scope="isomorphic", sparsity=0.5)
    assert all(abs(g.ratio - 0.5) <= 0.5 / g.units + 1e-9 for g in plan.groups), "each is alone of its kind"
    twin = nn.Sequential(*(layer for _ in range(3) for layer in (nn.Linear(8, 8), nn.ReLU())), nn.Linear(8, 2))
    twin[0].weight.set_value(twin[0].weight * 0.01)
    graph = pl.trace(twin, (1, 8))
    assert len({kind_of(graph, g) for g in graph.prunable}) == 1
    plan = pl.propose(graph, scope="isomorphic", sparsity=0.5)
    assert plan.ratio("0") == 7 / 8, "all small units of the twin of small weights go first, but its last"


def test_uniform_macs_leaves_each_operator_the_same_fraction(chain: pl.Graph) -> None:
    shares = uniform_shares(chain, ("0", "2", "4"))
    kept = {n: 0.5**s for n, s in shares.items()}
    assert kept["0"] * kept["2"] == pytest.approx(0.5, abs=0.02), "the convolution that has nearly all the MACs"
    assert kept["2"] * kept["4"] == pytest.approx(0.5, abs=0.02)
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    deep = uniform_shares(pl.trace(model, (1, 10)), ("0", "2"))
    assert deep["0"] == pytest.approx(deep["2"], rel=1e-3)
    layers = [layer for i, o in ((1, 16), (16, 32), (32, 48), (48, 48))
              for layer in (nn.Conv2D(i, o, 3, padding=1), nn.ReLU())]
    plain = uniform_shares(pl.trace(nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * 64, 10)), (1, 1, 8, 8)),
                           ("0", "2", "4", "6"))
    assert max(plain.values()) < 0.7, "every other layer of a chain would go whole, and the rest would stay"
    residual = pl.trace(Residual(), (1, 3, 16, 16))
    assert all(s >= 0 for s in uniform_shares(residual, tuple(g.name for g in residual.prunable)).values())


def test_uniform_macs_takes_more_of_every_group_the_more_is_asked_for() -> None:
    layers = [layer for i, o in ((1, 40), (40, 60), (60, 50), (50, 70))
              for layer in (nn.Conv2D(i, o, 3, padding=1), nn.ReLU())]
    for graph in (pl.trace(nn.Sequential(*layers), (1, 1, 8, 8)), pl.trace(Residual(), (1, 3, 16, 16))):
        scores = {g.name: np.arange(float(g.units)) for g in graph.prunable}
        allocation = UniformMacs(scores, Limits(), graph)
        taken = [allocation.removed(amount) for amount in np.linspace(0, 1, 101)]
        assert not any(taken[0].values())
        assert all(set(a[name]) <= set(b[name]) for a, b in itertools.pairwise(taken) for name in scores)


def test_clusters_lose_the_same_ratio_each() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
    scores = np.arange(10.0)[::-1]
    order = np.argsort(within(scores, labels), kind="stable")
    assert np.bincount(labels[order[:5]]).tolist() == [2, 1, 2]
    assert within(scores, labels)[[0, 4, 6]].tolist() == [1, 1, 1], "the best of each goes last"


@pytest.mark.parametrize(("loss", "expected"), [(0.0, 0.0), (0.05, 0.125), (0.1, 0.25), (1.1, 0.7), (5.0, 0.9)])
def test_the_ratio_a_group_bears_lies_on_a_line_between_measured_ones(loss: float, expected: float) -> None:
    assert bearable_ratio(LOSSES["2"], loss) == pytest.approx(expected)


def test_a_loss_that_falls_by_chance_does_not_make_a_higher_ratio_safer() -> None:
    assert bearable_ratio({0.2: 1.0, 0.4: 0.1, 0.6: 2.0}, 0.5) == pytest.approx(0.1)


def test_sensitive_layers_are_cut_less(chain: pl.Graph) -> None:
    plan = pl.propose(chain, scope="sensitivity", losses=LOSSES, macs=0.5)
    assert plan.ratio("2") > plan.ratio("4") > plan.ratio("0")


def test_a_budget_is_the_best_of_all_assignments() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        names = ["a", "b", "c"]
        units = dict.fromkeys(names, 8)
        levels = {n: np.array([0, 2, 4, 6]) for n in names}
        losses = {n: np.concatenate([[0], np.cumsum(rng.uniform(0.1, 2, 3))]) for n in names}
        kept = {n: 8 - levels[n] for n in names}
        terms = [Term(("a", "b"), np.outer(kept["a"], kept["b"]) * 3.0),
                 Term(("b", "c"), np.outer(kept["b"], kept["c"]) * 1.0), Term(("c",), kept["c"] * 5.0)]
        allowed = 0.5 * (3 * 64 + 64 + 40)

        def cost(i: int, j: int, k: int, terms: list[Term] = terms) -> float:
            return terms[0].cost[i, j] + terms[1].cost[j, k] + terms[2].cost[k]

        best = min((losses["a"][i] + losses["b"][j] + losses["c"][k], i, j, k)
                   for i, j, k in itertools.product(range(4), repeat=3) if cost(i, j, k) <= allowed)
        found = assign(losses, levels, terms, allowed, units)
        assert found is not None
        chosen, gap = found
        total = sum(losses[n][list(levels[n]).index(chosen[n])] for n in names)
        assert total <= best[0] * (1 + 2e-3)
        assert gap <= 1e-3


def test_a_budget_ends_within_a_percent_of_its_target_and_says_how_good_it_is() -> None:
    model = nn.Sequential(nn.Linear(20, 96), nn.ReLU(), nn.Linear(96, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                          nn.Linear(64, 5))
    chain = pl.trace(model, (1, 20))
    units = {g.name: g.units for g in chain.prunable}
    for kind in ("macs", "params"):
        found = assign_cost(chain, units, LOSSES, Limits(), kind, 0.5)
        dense = getattr(chain.cost(), kind)
        assert 0.49 * dense <= found.cost <= 0.5 * dense
        assert found.gap <= 1e-3
        assert "proven optimal" in repr(found)
        for scope in ("local", "global"):
            plan = pl.propose(chain, scope=scope, **{kind: 0.5})
            lost = sum(np.interp(g.ratio, [0, *LOSSES[g.name]], [0, *LOSSES[g.name].values()]) for g in plan.groups)
            assert found.loss <= lost + 1e-9, scope


@pytest.mark.parametrize(("options", "says"), [
    ({"scope": "budget", "macs": 0.5}, "the scope needs measured losses; pass losses="),
    ({"scope": "sensitivity", "macs": 0.5, "losses": {"0": {0.5: 1.0}}}, "losses has nothing for 2 and 1 more groups"),
    ({"scope": "budget", "sparsity": 0.5, "losses": LOSSES}, "the scope budget meets macs="),
    ({"scope": "budget", "macs": 0.99, "losses": LOSSES}, "macs=0.99 cannot be met: at most 0.9"),
    ({"scope": "clusters", "macs": 0.5}, "the scope clusters needs activations; pass data="),
    ({"macs": 0.5, "floor": 1.5}, "floor is 1.5"),
])
def test_what_an_allocation_lacks_is_said(chain: pl.Graph, options: dict, says: str) -> None:
    with pytest.raises(OptionError) as raised:
        pl.propose(chain, **options)
    assert says in str(raised.value)
