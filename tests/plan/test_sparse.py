"""Plans that mask weights in their place."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import IDS, Recurrent, Residual
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, PlanError, UnknownNameError
from prunelab.graph.sparse import Layout, Pattern, expand, n_units, rows
from prunelab.plan import thresholds
from prunelab.plan.thresholds import lowest
from prunelab.testing import laws

IMAGES = (1, 3, 16, 16)
SCHEMA = json.loads((Path(pl.__file__).parent / "plan" / "plan.schema.json").read_text())


class Net(nn.Layer):
    """Sizes that no tile divides; inputs that four divides but in the first layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 12, 3, groups=2)
        self.c, self.d = nn.Linear(12, 10), nn.Linear(10, 3)

    def forward(self, x):
        h = F.relu(self.b(F.relu(self.a(x)))).mean([2, 3])
        return self.d(F.sigmoid(self.c(h)))


@pytest.fixture
def model():
    return laws.stir(Net()).eval()


PATTERNS = ("element", "kernel", "block", "block:8x1", "2:4", "1:2")


@pytest.mark.parametrize("granularity", PATTERNS)
def test_the_laws(model, granularity, tmp_path):
    graph = pl.trace(model, (1, 3, 8, 8))
    target = {} if ":" in granularity and "x" not in granularity else {"sparsity": 0.5}
    plan = pl.propose(graph, granularity=granularity, **target)
    masked = [g for g in plan.groups if g.n_removed]
    assert masked
    small = laws.check_exact(graph, plan)
    laws.check_exact(graph, plan, form="graph")
    zeros = sum(int((p.numpy() == 0).sum()) for p in small.parameters())
    cost = graph.cost(plan)
    assert (cost.params, cost.macs) == (graph.cost().params, graph.cost().macs)
    assert cost.nonzero == cost.params - zeros
    assert cost == plan.cost
    laws.check_cost(graph, plan, small)
    jsonschema.validate(plan.to_json(), SCHEMA)
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan
    for g in masked:
        assert "weights left" in g.picture()._repr_html_()
        assert f"({g.granularity})" in str(g.picture())


def test_an_element_plan_takes_the_smallest_of_each_weight(model):
    plan = pl.propose(pl.trace(model, (1, 3, 8, 8)), sparsity=0.75, granularity="element")
    for g in plan.groups:
        weight = np.abs(dict(model.named_parameters())[g.parameter].numpy())
        assert weight[g.zeros].max() < weight[~g.zeros].min()
        assert g.ratio == pytest.approx(0.75, abs=1 / g.units)


def test_one_ranking_over_all_weights(model):
    plan = pl.propose(pl.trace(model, (1, 3, 8, 8)), sparsity=0.5, granularity="element", scope="global")
    weights = dict(model.named_parameters())
    gone = np.concatenate([np.abs(weights[g.parameter].numpy())[g.zeros] for g in plan.groups])
    kept = np.concatenate([np.abs(weights[g.parameter].numpy())[~g.zeros] for g in plan.groups])
    assert gone.max() < kept.min()
    assert gone.size == (gone.size + kept.size) // 2


@pytest.mark.parametrize(("granularity", "n", "m"), [("2:4", 2, 4), ("n:m", 2, 4), ("1:4", 1, 4), ("3:4", 3, 4)])
def test_n_of_m_inputs_stay_and_they_are_the_largest(model, granularity, n, m):
    plan = pl.propose(pl.trace(model, (1, 3, 8, 8)), granularity=granularity)
    assert [g.name for g in plan.groups] == ["b.weight", "c.weight"]  # three inputs, and ten, are no multiple of four
    weight, kept = model.c.weight.numpy(), ~plan.group("c.weight").zeros
    assert (kept.reshape(12 // m, m, 10).sum(axis=1) == n).all()
    runs, left = np.abs(weight).reshape(12 // m, m, 10), kept.reshape(12 // m, m, 10)
    assert (np.where(left, runs, np.inf).min(axis=1) >= np.where(left, 0, runs).max(axis=1)).all()
    kept = ~plan.group("b.weight").zeros
    assert (kept.reshape(12, 4 // m, m, 9).sum(axis=2) == n).all()


def test_a_kernel_is_one_output_and_one_input(model):
    plan = pl.propose(pl.trace(model, (1, 3, 8, 8)), sparsity=0.5, granularity="kernel")
    assert [g.name for g in plan.groups] == ["a.weight", "b.weight"]
    zeros = plan.group("a.weight").zeros.reshape(8, 3, 9)
    assert (zeros.all(axis=2) == zeros.any(axis=2)).all()
    assert zeros.any(axis=2).sum() == 12


SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3))


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.sampled_from(["element", "kernel", "block:2x3", "block"]), st.permutations(range(4)),
       st.integers(0, 9))
def test_units_and_weights_say_the_same(shape, granularity, axes, seed):
    """What is masked is what the rows of the masked units hold, whatever the axes' order."""
    pattern, layout = Pattern.parse(granularity), Layout(shape, axes[0], axes[1])
    rng = np.random.default_rng(seed)
    weight = rng.uniform(1, 2, shape)
    gone = rng.random(n_units(pattern, layout)) < 0.5
    zeros = expand(pattern, layout, gone)
    assert zeros.shape == shape
    units = rows(pattern, layout, weight)
    assert units.shape[0] == gone.size
    assert units[gone].sum() == pytest.approx(weight[zeros].sum())
    masked = rows(pattern, layout, np.where(zeros, 0, weight))
    assert ((masked.sum(axis=1) == 0) == gone).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=30), min_size=1, max_size=4), st.data())
def test_the_lowest_are_those_of_a_sort(lists, data):
    scores = [np.array(one, float) for one in lists]
    together = np.concatenate(scores)
    k = data.draw(st.integers(0, together.size))
    chosen = np.concatenate(lowest(scores, k))
    order = np.argsort(together, kind="stable")
    expected = np.zeros(together.size, bool)
    expected[order[:k]] = True
    assert (chosen == expected).all()


@pytest.mark.parametrize("k", [1, 777, 600_000, 1_199_999, 1_200_000])
@pytest.mark.parametrize("draw", ["normal", "ties", "sorted", "mostly masked"])
def test_the_lowest_of_many_are_those_of_a_sort(k, draw):
    rng = np.random.default_rng(1)
    n = 1_200_000
    scores = {"normal": rng.standard_normal(n, np.float32), "ties": rng.integers(0, 5, n).astype(np.float32),
              "sorted": np.arange(n, dtype=np.float32),
              "mostly masked": np.where(rng.random(n) < 0.9, -np.inf, rng.random(n)).astype(np.float32)}[draw]
    lists = [scores[:1000].reshape(10, 100), scores[1000:1000], scores[1000:]]
    chosen = lowest(lists, k)
    assert [c.shape for c in chosen] == [s.shape for s in lists]
    expected = np.zeros(n, bool)
    expected[np.argsort(scores, kind="stable")[:k]] = True
    assert (np.concatenate([c.ravel() for c in chosen]) == expected).all()


def test_a_band_that_misses_is_found_out(monkeypatch):
    """A sample may be unlucky: then all scores are partitioned."""
    scores = [np.arange(1_200_000, dtype=np.float32)]
    monkeypatch.setattr(thresholds, "_band", lambda scores, k, n: (0.0, 10.0))
    assert lowest(scores, 600_000)[0].nonzero()[0].tolist() == list(range(600_000))


def test_params_are_of_all_parameters(model):
    graph = pl.trace(model, (1, 3, 8, 8))
    plan = pl.propose(graph, params=0.5, granularity="element", scope="global")
    assert plan.cost.nonzero == pytest.approx(plan.dense_cost.params / 2, abs=1)
    with pytest.raises(OptionError, match="cannot be met"):
        pl.propose(graph, params=0.99, granularity="element")


def test_ratios_and_ignore_name_layers_and_weights(model):
    graph = pl.trace(model, (1, 3, 8, 8))
    plan = pl.propose(graph, granularity="element", ratios={"a": 0.5, "d.weight": 0.2})
    assert {g.name for g in plan.groups if g.n_removed} == {"a.weight", "d.weight"}
    plan = pl.propose(graph, granularity="element", sparsity=0.5, ignore=["a", "c*"])
    assert {g.name for g in plan.groups} == {"b.weight", "d.weight"}


def test_masked_weights_of_a_cut_network(model):
    """Channels go first, then single weights of what is left."""
    graph = pl.trace(model, (1, 3, 8, 8))
    cut = pl.propose(graph, sparsity=0.4)
    plan = pl.propose(graph, sparsity=0.5, granularity="element", start=cut)
    assert plan.removed("c") == cut.removed("c")
    small = laws.check_exact(graph, plan)
    laws.check_cost(graph, plan, small)
    zeros = sum(int((p.numpy() == 0).sum()) for p in small.parameters())
    assert graph.cost(plan).nonzero == graph.cost(plan).params - zeros
    assert pl.Plan.from_json(plan.to_json()) == plan


def test_what_was_masked_stays_masked(model):
    graph = pl.trace(model, (1, 3, 8, 8))
    first = pl.propose(graph, criterion="random", sparsity=0.3, granularity="element")
    more = pl.propose(graph, sparsity=0.6, granularity="element", start=first)
    for g in first.groups:
        assert (more.group(g.name).gone | ~g.gone).all()
    with pytest.raises(OptionError, match="go on with the same granularity"):
        pl.propose(graph, sparsity=0.6, granularity="block", start=first)


@pytest.mark.parametrize("scope", ["local", "global"])
def test_what_was_masked_stays_masked_where_other_layers_are_asked_for(model, scope):
    graph = pl.trace(model, (1, 3, 8, 8))
    first = pl.propose(graph, granularity="element", ratios={"a": 0.5})
    more = pl.propose(graph, granularity="element", ratios={"c": 0.4}, start=first)
    assert {g.name: g.n_removed for g in more.groups if g.n_removed} == {
        "a.weight": first.group("a.weight").n_removed, "c.weight": round(0.4 * more.group("c.weight").units)}
    less = pl.propose(graph, granularity="element", sparsity=0.0, scope=scope, start=first)
    assert less.group("a.weight").bits == first.group("a.weight").bits


def test_units_go_after_masks(model):
    graph = pl.trace(model, (1, 3, 8, 8))
    masks = pl.propose(graph, granularity="element", sparsity=0.5)
    plan = pl.propose(graph, sparsity=0.4, start=masks)
    assert plan.group("a.weight") == masks.group("a.weight")
    assert plan.removed("c") == pl.propose(graph, sparsity=0.4).removed("c") != ()
    laws.check_cost(graph, plan, laws.check_exact(graph, plan))


def test_a_mask_holds_through_training_with_momentum(model):
    graph = pl.trace(model, (1, 3, 8, 8))
    plan = pl.propose(graph, sparsity=0.5, granularity="element")
    data = [(paddle.randn([4, 3, 8, 8]), paddle.to_tensor([0, 1, 2, 0])) for _ in range(3)]
    small = pl.compact(model, plan)
    pl.finetune(small, data, epochs=2, lr=0.1, optimizer="momentum", plan=plan)
    for g in plan.groups:
        weight = dict(small.named_parameters())[g.parameter].numpy()
        assert (weight[g.zeros] == 0).all()
        assert (weight[~g.zeros] != dict(model.named_parameters())[g.parameter].numpy()[~g.zeros]).any()


def test_recurrent_weights():
    graph = pl.trace(laws.stir(Recurrent(nn.LSTM)).eval(), IDS)
    plan = pl.propose(graph, granularity="element", sparsity=0.5)
    assert {"rnn.weight_ih_l0", "rnn.weight_hh_l0"} <= {g.name.replace("0.cell.", "") for g in plan.groups}
    laws.check_exact(graph, plan)


class Bare(nn.Layer):
    """A matrix on the model itself: its units and its weights would have one name."""

    def __init__(self):
        super().__init__()
        self.w, self.o = self.create_parameter([6, 8]), nn.Linear(8, 3)

    def forward(self, x):
        return self.o(F.relu(paddle.matmul(x, self.w)))


def test_masks_do_not_take_the_place_of_units_of_the_same_name():
    graph = pl.trace(Bare().eval(), (1, 6))
    cut = pl.propose(graph, sparsity=0.5)
    plan = pl.propose(graph, sparsity=0.5, granularity="element", start=cut)
    assert plan.removed("w") == cut.removed("w") != ()
    assert plan.group("w:element").parameter == "w"
    laws.check_cost(graph, plan, laws.check_exact(graph, plan))
    assert pl.Plan.from_json(plan.to_json()) == plan


def test_a_plan_of_masks_and_one_of_units_are_compared(model):
    graph = pl.trace(model, (1, 3, 8, 8))
    cut, masked = pl.propose(graph, sparsity=0.5), pl.propose(graph, sparsity=0.5, granularity="element")
    name = next(g.name for g in cut.groups if g.removed)
    assert cut.diff(masked)[name] == (cut.removed(name), ())
    assert cut.diff(masked)["a.weight"] == ((), masked.removed("a.weight"))


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"granularity": "element", "sparsity": 0.5, "criterion": "hrank", "data": []}, OptionError, "compares weights"),
    ({"granularity": "element", "sparsity": 0.5, "floor": 0.5}, OptionError, "floor is 0.5"),
    ({"granularity": "element", "memory": 0.5}, OptionError, "all bytes"),
    ({"granularity": "block:0x2", "sparsity": 0.5}, OptionError, "'block:8x1'"),
    ({"granularity": "4:2"}, OptionError, "'2:4'"),
    ({"granularity": "2:4", "sparsity": 0.7}, OptionError, "leave the target out"),
    ({"granularity": "element", "macs": 0.5}, OptionError, "cut channels"),
    ({"granularity": "element"}, OptionError, "no target"),
    ({"granularity": "element", "sparsity": 0.5, "round_to": 8}, OptionError, "round_to"),
    ({"granularity": "elements", "sparsity": 0.5}, UnknownNameError, "did you mean 'element'"),
    ({"granularity": "5:7"}, OptionError, "no multiple of 7"),
    ({"granularity": "element", "ratios": {"aa": 0.5}}, UnknownNameError, "did you mean 'a"),
    ({"granularity": "element", "sparsity": 0.5, "scope": "globl"}, UnknownNameError, "did you mean 'global'"),
])
def test_mistakes(model, options, error, says):
    with pytest.raises(error) as raised:
        pl.propose(pl.trace(model, (1, 3, 8, 8)), **options)
    assert says in str(raised.value)


@pytest.mark.parametrize("change", [
    {"units": 12}, {"shape": [9, 9]}, {"granularity": "channel"}, {"removed": {"encoding": "gzip", "data": ""}},
    {"removed": {"encoding": "base64(zlib(bits))", "data": "eJwDAAAAAAE="}},
    {"removed": {"encoding": "base64(zlib(bits))", "data": "!"}},
    {"members": []},
])
def test_a_damaged_group_is_refused(model, change):
    data = pl.propose(pl.trace(model, (1, 3, 8, 8)), sparsity=0.5, granularity="element").to_json()
    data["groups"][0] = {**data["groups"][0], **change}
    with pytest.raises(PlanError):
        pl.Plan.from_json(data)


def test_real_families_are_exact():
    model = laws.stir(Residual()).eval()
    graph = pl.trace(model, IMAGES)
    for granularity in ("element", "kernel", "block"):
        laws.check_exact(graph, pl.propose(graph, sparsity=0.6, granularity=granularity, scope="global"))
