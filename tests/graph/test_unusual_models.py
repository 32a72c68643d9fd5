"""Models that are not the usual ones: other names for self, half precision, clashing names, cut already."""

from __future__ import annotations

import functools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from networks import Residual
from paddle import nn

import prunelab as pl
from prunelab.graph.half import half_of
from prunelab.surgery import GraphLayer
from prunelab.testing import laws


class Me(nn.Layer):
    """The first parameter of its forward is not "self"."""

    def __init__(me):
        super().__init__()
        me.a, me.b = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(me, x, scale=1.0):
        return me.b(F.relu(me.a(x))) * scale


class Heir(Me):
    """Its forward is its parent's."""


@pytest.mark.parametrize("cls", [Me, Heir])
def test_a_forward_may_call_the_model_what_it_likes(cls):
    assert laws.check_all(laws.stir(cls()), (1, 4))["form"] == cls.__name__


def logged(forward):
    """A decorator as people write it: it takes whatever it is given."""
    @functools.wraps(forward)
    def called(self, *inputs, **options):
        return forward(self, *inputs, **options)

    return called


class Starred(Me):
    def forward(self, *inputs):
        return self.b(F.relu(self.a(sum(inputs[1:], inputs[0]))))


class Decorated(Me):
    @logged
    def forward(self, x, scale=1.0):
        return self.b(F.relu(self.a(x))) * scale


@pytest.mark.parametrize(("cls", "inputs"), [(Starred, (1, 4)), (Starred, [(1, 4), (1, 4), (1, 4)]),
                                             (Decorated, (1, 4))])
def test_a_forward_may_take_any_number_of_inputs(cls, inputs, tmp_path):
    model = laws.stir(cls()).eval()
    assert laws.check_all(model, inputs)["form"] == cls.__name__
    out = pl.export(model, tmp_path / "out", formats=("paddle",), inputs=inputs)
    assert out.parity["paddle"] < 1e-5


class Half(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.norm = nn.Conv2D(3, 8, 3, padding=1), nn.BatchNorm2D(8), nn.LayerNorm(8)
        self.inner, self.out = nn.Linear(8, 12), nn.Linear(12, 3)

    def forward(self, x):
        return self.out(F.gelu(self.inner(self.norm(F.gelu(self.bn(self.conv(x))).mean([2, 3])))))


class Spelled(Half):
    """Its forward spells a width, so that only a graph can be smaller."""

    def forward(self, x):
        h = F.gelu(self.bn(self.conv(x))).mean([2, 3]).reshape([-1, 2, 4])
        return self.out(F.gelu(self.inner(h.reshape([-1, 8]))))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("cls", [Half, Spelled])
def test_half_precision_needs_no_kernels(dtype, cls):
    """What is told and cut of it is what is told and cut of the same model in float32."""
    model = laws.stir(cls()).to(dtype=dtype).eval()
    wide = cls()
    wide.set_state_dict({k: v.astype("float32") for k, v in model.state_dict().items()})
    wide.eval()
    before = laws.bits(model)
    graph, wide_graph = pl.trace(model, (1, 3, 8, 8)), pl.trace(wide, (1, 3, 8, 8))
    assert graph.groups == wide_graph.groups
    assert (graph.fingerprint, graph.cost().macs) == (wide_graph.fingerprint, wide_graph.cost().macs)
    assert graph.cost().bytes < wide_graph.cost().bytes
    assert graph.input_specs[0].dtype == dtype
    plan = pl.propose(graph, sparsity=0.5)
    assert plan.groups == pl.propose(wide_graph, sparsity=0.5).groups
    small, wide_small = pl.compact(model, plan), pl.compact(wide, plan)
    assert type(small) is type(wide_small)
    for (name, tensor), other in zip(small.state_dict().items(), wide_small.state_dict().values(), strict=True):
        assert dtype in str(tensor.dtype), name
        assert np.array_equal(tensor.astype("float32").numpy(), other.numpy())
    with pl.mask(model, plan):
        assert int((model.inner.weight.astype("float32") == 0).sum()) > 0
    assert laws.bits(model) == before
    element = pl.compact(model, pl.propose(graph, sparsity=0.5, granularity="element"))
    assert int((element.inner.weight.astype("float32") == 0).sum()) == 48
    assert half_of(element) == dtype


def test_names_that_clash():
    """Two halves whose tensors have the same names of Paddle's."""
    one, other = Me(), Me()
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        q.name = p.name
    model = nn.Sequential(one, nn.Linear(3, 4), other)
    found = laws.check_all(laws.stir(model), (1, 4))
    assert found["groups"] == 4


def test_two_models_of_one_class_take_one_plan():
    one, other = laws.stir(Me(), 1).eval(), laws.stir(Me(), 2).eval()
    plan = pl.propose(pl.trace(one, (1, 4)), sparsity=0.5)
    x = paddle.randn([5, 4])
    for model in (one, other):
        small = pl.compact(model, plan)
        with pl.mask(model, plan):
            np.testing.assert_allclose(small(x).numpy(), model(x).numpy(), rtol=1e-4, atol=1e-6)


def test_a_paddle_model_in_train_mode():
    network = Residual()
    network.train()
    model = paddle.Model(network)
    plan = pl.propose(pl.trace(model, (1, 3, 16, 16)), sparsity=0.5)
    small = pl.compact(model, plan)
    assert all(layer.training for layer in (*network.sublayers(), *small.sublayers()))


@pytest.mark.parametrize("form", ["auto", "graph"])
def test_a_second_cut(form):
    model = laws.stir(Residual()).eval()
    graph = pl.trace(model, (1, 3, 16, 16))
    small = pl.compact(model, pl.propose(graph, sparsity=0.3), form=form)
    again = pl.trace(small, (1, 3, 16, 16))
    plan = pl.propose(again, sparsity=0.5)
    laws.check_cost(again, plan, laws.check_exact(again, plan, form))
    assert isinstance(small, GraphLayer) == (form == "graph")


class Chain(nn.Layer):
    """An einsum of three tensors, whose cheapest order changes with the batch."""

    def __init__(self):
        super().__init__()
        normal = nn.initializer.Normal(std=0.4)
        self.a, self.out = nn.Linear(6, 8), nn.Linear(5, 3)
        self.w, self.v = (self.create_parameter([8, n], default_initializer=normal) for n in (8, 5))

    def forward(self, x):
        return self.out(paddle.einsum("bi,ij,jk->bk", self.a(x), self.w, self.v))


def test_an_einsum_of_many_takes_any_batch():
    model = laws.stir(Chain()).eval()
    graph = pl.trace(model, (1, 6))
    assert graph.input_specs[0].batch_axis == 0
    laws.check_runs(graph, (1, 2, 3, 7, 40))
    laws.check_all(model, (1, 6))


def tensors_in(nest, found=None):
    """What a deep nest of outputs holds, by a function that calls itself."""
    found = [] if found is None else found
    if hasattr(nest, "matmul"):
        found.append(nest)
    elif isinstance(nest, dict):
        [tensors_in(part, found) for part in nest.values()]
    elif isinstance(nest, (list, tuple)):
        [tensors_in(part, found) for part in nest]
    return found


class GathersItsOutputs(Me):
    def forward(self, x):
        h = F.relu(self.a(x))
        assert h.mean() < 1e9, "too large"  # which only what is rewritten can have
        return tensors_in([[[(self.b(h), {"more": [None, [None, [None, (h.mean(1),)]]]})]]])


def test_a_helper_that_calls_itself_is_rewritten_once():
    assert laws.check_all(laws.stir(GathersItsOutputs()), (1, 4))["gone"] > 0.4


class Counts(Me):
    """Asks for a tensor's length where Paddle rewrites nothing."""

    def __init__(self):
        super().__init__()
        self.mean = lambda rows: rows.sum(0) / len(rows)

    def forward(self, x):
        return self.b(self.mean(F.relu(self.a(x)).transpose([1, 0, 2])))


def test_a_lambda_may_ask_for_the_length_of_a_tensor():
    found = laws.check_all(laws.stir(Counts()), (1, 5, 4))
    assert found["gone"] > 0.4
    assert not hasattr(paddle.pir.Value, "__len__")


class Shifts(Me):
    """A default is a tensor that was made once, when the class was; a cache that is empty is one too (a conformer)."""

    def forward(self, x, shift=paddle.rand([3]), *, cache=paddle.zeros([0, 0])):  # noqa: B008 - as it is written there
        cache = paddle.squeeze(cache.unsqueeze(0), axis=0)
        h = paddle.concat([x, cache], -1) if cache.shape[1] > 0 else x
        return self.b(F.relu(self.a(h))) + shift


def test_defaults_are_the_tensors_that_they_were():
    for _ in range(2):
        assert laws.check_all(laws.stir(Shifts()), (1, 4))["gone"] > 0.4
