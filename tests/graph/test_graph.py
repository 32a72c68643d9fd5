from __future__ import annotations

import linecache
from typing import Any

import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import NETWORKS, FusedQKV, Recurrent, Residual
from paddle import nn

import prunelab as pl
from prunelab.errors import InputError, PlanError, UnknownNameError
from prunelab.testing import laws


@pytest.fixture(scope="module")
def resnet():
    model = paddle.vision.models.resnet50()
    model.eval()
    return pl.trace(model, (1, 3, 224, 224))


def test_the_published_counts_of_resnet50(resnet):
    cost = resnet.cost()
    assert cost.params == 25_557_032
    assert cost.macs == 4_089_184_256  # 4.09 G: the convolutions and the last layer at 224 x 224
    assert cost.bytes == 4 * (25_557_032 + 2 * 26_560)  # with the batch norms' means and variances


def test_groups_are_named_after_the_layer_that_makes_them(resnet):
    first = resnet.groups[0]
    assert first.name == "conv1"
    assert first.units == 64
    assert {str(m) for m in first.members} >= {"conv1.weight[0]", "bn1.weight[0]", "layer1.0.conv1.weight[1]"}
    assert resnet.group("layer1.2.conv3").name == "layer1.0.conv3", "a residual sum ties its branches"
    assert [g.name for g in resnet.groups if not g.prunable] == ["fc"]
    assert resnet.group("fc").reason == "the model's output"


@given(st.lists(st.tuples(st.integers(0, 36), st.floats(0, 0.9)), max_size=8), st.booleans())
def test_what_a_plan_costs_does_not_depend_on_what_was_asked_before(resnet, changes, dense_between):
    plan = pl.propose(resnet, sparsity=0.0)
    for index, ratio in changes:
        group = plan.groups[index]
        plan = plan.with_removed(resnet, {group.name: range(int(ratio * group.units))})
        fresh = resnet.structure.costs.cost(resnet.kept(plan))
        assert resnet.cost(plan) == fresh
        if dense_between:
            assert resnet.cost().params == 25_557_032


def test_granularities():
    graph = pl.trace(FusedQKV(), (1, 3, 16, 16))
    assert {g.granularity for g in graph.prunable} == {"head", "channel", "width"}
    make, inputs = NETWORKS["lstm"]
    assert pl.trace(make(), inputs).group("rnn").granularity == "hidden"


def test_an_unknown_layer_names_the_nearest(resnet):
    with pytest.raises(UnknownNameError, match=r"did you mean 'layer1.0.conv1'"):
        resnet.group("layer1.0.conv11")


def test_until_and_given_go_to_the_middle_and_on(resnet):
    x = paddle.randn([2, 3, 64, 64])
    graph = pl.trace(resnet.model, (1, 3, 64, 64))
    middle = graph.run(x, until="layer2.0.bn1")
    expected = []
    hook = resnet.model.layer2[0].bn1.register_forward_post_hook(lambda layer, inputs, output: expected.append(output))
    whole = resnet.model(x)
    hook.remove()
    assert bool((middle == expected[0]).all())
    a, b = graph.run(x, until=["conv1", "fc"])
    assert tuple(a.shape) == (2, 64, 32, 32)
    assert bool((b == whole).all()), "a linear layer's output has its bias"
    last = graph.run(x, until="layer4.2.bn3")
    rest = graph.run(x, given={"layer4.2.bn3": last * 0})
    assert not bool((rest == whole).all())
    assert bool((graph.run(x, given={"layer4.2.bn3": last}) == whole).all())


@pytest.mark.parametrize(("shape", "says"), [((2, 3, 64), "(2, 3, 64)"), ((2, 4, 16, 16), "(batch, 3, 16, 16)")])
def test_run_refuses_other_shapes(shape, says):
    with pytest.raises(InputError) as error:
        pl.trace(Residual(), (1, 3, 16, 16)).run(paddle.zeros(shape))
    assert says in str(error.value)


def test_run_refuses_another_number_of_inputs():
    with pytest.raises(InputError, match="0 inputs were given; the graph takes 1: x"):
        pl.trace(Residual(), (1, 3, 16, 16)).run()


def test_frozen_groups_say_why():
    make, inputs = NETWORKS["channel_softmax"]
    assert pl.trace(make(), inputs).group("a").reason == "a softmax over it"

    class Odd(nn.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.b(paddle.linalg.svd(self.a(x))[2][:, :6])

    assert pl.trace(Odd(), (6, 4)).group("a").reason == "a decomposition of all of a matrix"


def test_a_graph_says_itself(resnet):
    assert "37 of 38 groups prunable, 25,557,032 params" in repr(resnet)
    assert "64 channels" in str(resnet.groups[0])


def test_the_cache_does_not_keep_a_model_alive():
    import gc
    import weakref

    model = Recurrent(nn.LSTM)
    pl.trace(model, NETWORKS["lstm"][1])
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


class Explained(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(*n) for n in ((6, 8), (8, 8), (8, 5), (5, 3)))

    def forward(self, x):
        h = F.relu(self.a(x))
        return self.d(F.softmax(self.c(h + self.b(h)), -1))


def test_what_ties_two_parameters_is_told_with_its_operators():
    graph = pl.trace(Explained(), (1, 6))
    told = graph.explain("a", "b")
    assert told.title == "a.weight and b.weight shrink together:"
    assert [link.operator for link in told.links] == ["matmul", "add", "relu", "matmul"]
    assert told.links[0].members == ("a.weight[1]",)
    assert all("test_graph.py, line" in link.line for link in told.links)
    assert "<li>" in told._repr_html_()


def test_what_a_notebooks_cell_made_is_told_by_its_code():
    code = "def forward(self, x):\n    return self.a(x).tanh()\n"
    path = "/tmp/ipykernel_7/2319174892.py"
    linecache.cache[path] = (len(code), None, code.splitlines(True), path)  # as IPython does
    made: dict[str, Any] = {}
    exec(compile(code, path, "exec"), made)  # noqa: S102
    told = pl.trace(type("Typed", (Explained,), made)(), (1, 6)).explain("a")
    assert told.links[0].line == " (cell, line 2: return self.a(x).tanh())"


def test_a_group_tells_all_operators_it_passes():
    told = str(pl.trace(Explained(), (1, 6)).explain("a"))
    assert told.startswith("a: 8 units")
    assert "c.weight[0]" in told


def test_a_frozen_group_tells_the_way_to_what_froze_it():
    told = pl.trace(Explained(), (1, 6)).explain("c")
    assert [link.operator for link in told.links] == ["matmul", "add", "softmax"]
    assert told.end == "→ a softmax over it"


class Fused(nn.Layer):
    """Queries, keys and values from one matrix of 3 x 4 heads x 8."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(6, 96), nn.Linear(32, 5)

    def forward(self, x):
        q, k, v = self.qkv(x).reshape([x.shape[0], -1, 3, 4, 8]).transpose([2, 0, 3, 1, 4]).unbind(0)
        heads = F.softmax(q @ k.transpose([0, 1, 3, 2]), -1) @ v
        return self.out(heads.transpose([0, 2, 1, 3]).flatten(2))


def test_a_layer_with_several_groups_tells_each():
    graph = pl.trace(Fused(), (1, 7, 6))
    told = graph.explain("qkv")
    assert [one.title for one in told] == [
        "qkv:channel is frozen:", "qkv:head: 4 units, which pass these operators:",
        "qkv:channel2: 8 units, which pass these operators:"]
    assert "softmax" in str(told[1])
    assert "out.weight[0]" in str(told[2])
    assert told[1].title in str(told)
    assert told._repr_html_().count("<ol>") == 3
    assert graph.explain("qkv:head").title == told[1].title


def test_what_nothing_ties_is_told_so():
    graph = pl.trace(Explained(), (1, 6))
    with pytest.raises(PlanError, match="nothing ties"):
        graph.explain("a.weight", "d.weight")
    with pytest.raises(UnknownNameError, match="did you mean 'b"):
        graph.explain("a", "bb")


@pytest.mark.parametrize(("ask", "error"), [
    (lambda graph: graph.cost("p.json"), PlanError), (lambda graph: graph.group(["a"]), UnknownNameError),
])
def test_what_is_no_plan_and_no_name(ask, error):
    with pytest.raises(error):
        ask(pl.trace(Explained(), (1, 6)))


class Frozen(nn.Layer):
    """No gradient passes what stands under ``no_grad``; one does pass beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.a(x)
        with paddle.no_grad():
            scale = paddle.clip(h, 0.5, 2.0)
            parts = paddle.split(h, 2, axis=1)
        return self.b(h * scale + paddle.concat(parts, axis=1))


def test_the_graph_has_the_gradients_of_a_forward_that_keeps_some_back() -> None:
    model = Frozen()
    model.eval()
    graph = pl.trace(model, (1, 6))
    laws.check_gradients(graph)
    laws.check_gradients(pl.trace(pl.compact(model, pl.propose(graph, sparsity=0.5), form="graph"), (1, 6)))
