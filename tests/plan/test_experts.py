"""Experts that go: gates, stacked weights, lists of layers, and choices of a few."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from networks import Residual
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, PlanError
from prunelab.surgery import zero_cut
from prunelab.testing import laws

SCHEMA = json.loads((Path(pl.__file__).parent / "plan" / "plan.schema.json").read_text())
N = 6


class Mixture(nn.Layer):
    """A gate over a list of experts; `share` says how their outputs meet."""

    def __init__(self, share, bias=None):
        super().__init__()
        self.inp, self.gate, self.out = nn.Linear(5, 8), nn.Linear(8, N, bias_attr=bias), nn.Linear(8, 3)
        self.experts = nn.LayerList([nn.Sequential(nn.Linear(8, 7), nn.GELU(), nn.Linear(7, 8)) for _ in range(N)])
        self.share = share

    def forward(self, x):
        h = self.inp(x)
        return self.out(h + self.share(self, h))


def sliced(m, h):
    w = F.softmax(m.gate(h))
    return sum(w[..., k: k + 1] * m.experts[k](h) for k in range(N))


def indexed(m, h):
    w, y = F.softmax(m.gate(h) / 0.7), 0
    for k in range(N):
        y = y + m.experts[k](h) * w[..., k].unsqueeze(-1)
    return y


def split(m, h):
    w = paddle.split(F.softmax(m.gate(h)), N, -1)
    return paddle.add_n([w[k] * m.experts[k](h) for k in range(N)])


def unbound(m, h):
    w = paddle.unbind(F.softmax(m.gate(h)), -1)
    return sum(paddle.einsum("b,bd->bd", w[k], m.experts[k](h)) for k in range(N))


def stacked(m, h):
    outs = paddle.stack([e(h) for e in m.experts], -2)
    return (outs * F.softmax(m.gate(h)).unsqueeze(-1)).sum(-2)


def stacked_matmul(m, h):
    outs = paddle.stack([e(h) for e in m.experts], -2)
    return paddle.matmul(F.softmax(m.gate(h)).unsqueeze(-2), outs).squeeze(-2)


def concatenated(m, h):
    outs = paddle.concat([e(h).unsqueeze(-1) for e in m.experts], -1)
    return (outs * F.softmax(m.gate(h)).unsqueeze(-2)).sum(-1)


def top_two(m, h):
    """As Mixtral's: the two largest scores share, and each expert asks whether it was chosen."""
    scores, chosen = paddle.topk(m.gate(h), 2)
    weights, y = F.softmax(scores), paddle.zeros_like(h)
    for k in range(N):
        mine = (weights * (chosen == k).astype("float32")).sum(-1, keepdim=True)
        y = y + mine * m.experts[k](h)
    return y


def top_two_one_hot(m, h):
    shares, chosen = paddle.topk(F.softmax(m.gate(h)), 2)
    shares = shares / shares.sum(-1, keepdim=True)
    weights = (F.one_hot(chosen, N) * shares.unsqueeze(-1)).sum(-2)
    return (paddle.stack([e(h) for e in m.experts], -2) * weights.unsqueeze(-1)).sum(-2)


def top_two_written(m, h):
    scores = m.gate(h)
    largest, chosen = paddle.topk(scores, 2)
    weights = paddle.put_along_axis(paddle.zeros_like(scores), chosen, F.softmax(largest), -1)
    return sum(weights[..., k: k + 1] * m.experts[k](h) for k in range(N))


def top_two_hidden(m, h):
    """Scores below the second largest are hidden from the softmax."""
    scores = m.gate(h)
    least = paddle.topk(scores, 2)[0][..., -1:]
    hidden = paddle.where(scores < least, paddle.full_like(scores, -1e9), scores)
    w = F.softmax(hidden)
    return sum(w[..., k: k + 1] * m.experts[k](h) for k in range(N))


LISTS = {f.__name__: f for f in (sliced, indexed, split, unbound, stacked, stacked_matmul, concatenated, top_two,
                                 top_two_one_hot, top_two_written, top_two_hidden)}


class Stacked(nn.Layer):
    """Experts in one weight; `share` says how it is read."""

    def __init__(self, share):
        super().__init__()
        self.inp, self.gate, self.out = nn.Linear(5, 8), nn.Linear(8, N), nn.Linear(8, 3)
        normal = nn.initializer.Normal(std=0.4)
        self.w1 = self.create_parameter([N, 8, 7], default_initializer=normal)
        self.b1 = self.create_parameter([N, 1, 7], default_initializer=normal)
        self.w2 = self.create_parameter([N, 7, 8], default_initializer=normal)
        self.share = share

    def forward(self, x):
        h = self.inp(x)
        return self.out(h + self.share(self, h))


def by_einsum(m, h):
    hidden = F.gelu(paddle.einsum("bd,edf->bef", h, m.w1) + m.b1.squeeze(1))
    outs = paddle.einsum("bef,efd->bed", hidden, m.w2)
    return paddle.einsum("be,bed->bd", F.softmax(m.gate(h)), outs)


def by_bmm(m, h):
    many = h.unsqueeze(0).expand([N, h.shape[0], h.shape[1]])
    outs = paddle.bmm(F.sigmoid(paddle.bmm(many, m.w1) + m.b1), m.w2)
    return (outs * F.softmax(m.gate(h)).t().unsqueeze(-1)).sum(0)


def by_matmul(m, h):
    outs = paddle.matmul(F.relu(paddle.matmul(h.unsqueeze(0), m.w1) + m.b1), m.w2)
    return (outs.transpose([1, 0, 2]) * F.softmax(m.gate(h)).unsqueeze(-1)).sum(1)


def switch(m, h):
    """Each sample to its best expert, whose weights are read by its number."""
    scores = m.gate(h)
    best = paddle.argmax(scores, -1)
    hidden = F.relu(paddle.matmul(h.unsqueeze(1), paddle.gather(m.w1, best)))
    return paddle.matmul(hidden, paddle.gather(m.w2, best)).squeeze(1)


STACKS = {f.__name__: f for f in (by_einsum, by_bmm, by_matmul, switch)}
NETWORKS = {**{k: lambda f=f: Mixture(f) for k, f in LISTS.items()},
            **{k: lambda f=f: Stacked(f) for k, f in STACKS.items()},
            "no bias": lambda: Mixture(sliced, False), "no bias, chosen": lambda: Mixture(top_two, False)}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_laws(name, tmp_path):
    paddle.seed(3)
    model = laws.stir(NETWORKS[name]()).eval()
    graph = pl.trace(model, (1, 5))
    before = laws.bits(model)
    plan = pl.propose(graph, granularity="expert", sparsity=0.5)
    group = plan.group("gate")
    assert (group.granularity, group.n_removed) == ("expert", N // 2)
    small = laws.check_exact(graph, plan)
    laws.check_exact(graph, plan, form="graph")
    laws.check_cost(graph, plan, small)
    laws.check_lives(graph, plan, small)
    assert laws.bits(model) == before
    cost, dense = graph.cost(plan), graph.cost()
    assert cost.params < 0.75 * dense.params
    assert cost.macs < (dense.macs if name == "switch" else 0.75 * dense.macs)
    jsonschema.validate(plan.to_json(), SCHEMA)
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan
    assert "3 of 6 units left" in str(group.picture())


@pytest.mark.parametrize("name", NETWORKS)
def test_any_experts_and_channels_go_together(name):
    model = laws.stir(NETWORKS[name](), 1).eval()
    graph = pl.trace(model, (1, 5))
    cut = pl.propose(graph, sparsity=0.4)
    for seed, sparsity in enumerate((0.2, 0.5, 0.67)):
        plan = pl.propose(graph, "random", granularity="expert", sparsity=sparsity, start=cut, seed=seed)
        laws.check_cost(graph, plan, laws.check_exact(graph, plan))


def test_the_others_share_what_an_expert_had():
    model = Mixture(sliced).eval()
    graph = pl.trace(model, (1, 5))
    plan = pl.Plan.empty(graph.opened("expert")).with_removed(graph, {"gate": [1, 4]})
    x = paddle.randn([4, 5])
    h = model.inp(x)
    kept = [0, 2, 3, 5]
    w = F.softmax(paddle.index_select(model.gate(h), paddle.to_tensor(kept), 1))
    expected = model.out(h + sum(w[:, j: j + 1] * model.experts[k](h) for j, k in enumerate(kept)))
    np.testing.assert_allclose(pl.compact(model, plan)(x).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
    assert not any(name.startswith(("experts.1.", "experts.4.")) for name in pl.compact(model, plan).state_dict())


def test_a_choice_of_two_keeps_two():
    graph = pl.trace(Mixture(top_two).eval(), (1, 5))
    plan = pl.propose(graph, granularity="expert", sparsity=0.9)
    assert len(plan.group("gate").kept) == 2
    with pytest.raises(PlanError, match="keeps 1 of its units; keep at least 2"):
        plan.with_removed(graph, {"gate": range(5)})


def test_the_smallest_experts_go():
    model = Mixture(sliced).eval()
    with paddle.no_grad():
        for k in (0, 3):
            for p in model.experts[k].parameters():
                p.set_value(p * 0.01)
    plan = pl.propose(pl.trace(model, (1, 5)), granularity="expert", sparsity=1 / 3)
    assert plan.removed("gate") == (0, 3)


def test_a_mask_leaves_no_forward_behind_and_has_gradients():
    model = Mixture(sliced, False).eval()
    graph = pl.trace(model, (1, 5))
    plan = pl.propose(graph, granularity="expert", sparsity=0.5)
    x = paddle.randn([2, 5])
    with pl.mask(model, plan):
        model(x).sum().backward()
    assert "forward" not in vars(model)
    assert float(model.inp.weight.grad.abs().sum()) > 0
    gone = plan.removed("gate")[0]
    assert float(model.experts[gone][0].weight.grad.abs().sum()) < 1e-20  # Paddle's softmax gives 1e-28


def test_what_no_weight_can_hold_is_refused():
    model = Mixture(sliced, False).eval()
    plan = pl.propose(pl.trace(model, (1, 5)), granularity="expert", sparsity=0.5)
    before = laws.bits(model)
    with pytest.raises(PlanError, match="no bias"):
        zero_cut(model, plan)
    assert laws.bits(model) == before
    model = Mixture(sliced).eval()
    plan = pl.propose(pl.trace(model, (1, 5)), granularity="expert", sparsity=0.5)
    small, x = pl.compact(model, plan), paddle.randn([2, 5])
    expected = small(x)
    zero_cut(model, plan)
    np.testing.assert_allclose(model(x).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


FROZEN = {
    "normed share": (lambda m, h: sum(
        F.sigmoid(F.softmax(m.gate(h))[..., k: k + 1] * m.experts[k](h)) for k in range(N)), "share"),
    "divided share": (lambda m, h: sum(
        (lambda s: s / s.sum(-1, keepdim=True))(F.softmax(m.gate(h))[..., k: k + 1] * m.experts[k](h))
        for k in range(N)), "divide"),
    "max of shares": (lambda m, h: F.softmax(m.gate(h)).max(-1, keepdim=True) * m.experts[0](h), "max"),
    "numbers": (lambda m, h: paddle.argmax(m.gate(h), -1, keepdim=True).astype("float32") * h, "multiply"),
    "scores in a sum": (lambda m, h: (
        lambda z: F.softmax(z).sum(-1, keepdim=True) * h + F.sigmoid(z).sum(-1, keepdim=True))(m.gate(h)), "sigmoid"),
}


@pytest.mark.parametrize("name", FROZEN)
def test_experts_that_cannot_go_say_why(name):
    share, why = FROZEN[name]
    graph = pl.trace(Mixture(share).eval(), (1, 5))
    with pytest.raises(OptionError, match=f"gate is frozen by .*{why}"):
        pl.propose(graph, granularity="expert", sparsity=0.5)


def test_other_granularities_are_as_ever():
    graph = pl.trace(Mixture(stacked).eval(), (1, 5))
    assert graph.group("gate").reason == "a softmax over it"
    names = {g.name for g in graph.prunable}
    assert {g.name for g in graph.opened("expert").prunable} == names | {"gate"}
    assert {g.name for g in graph.opened("expert").at("auto") if g.prunable} == names
    with pytest.raises(OptionError, match="no expert that can be cut: it has none"):
        pl.propose(pl.trace(Residual().eval(), (1, 3, 16, 16)), granularity="expert", sparsity=0.5)
