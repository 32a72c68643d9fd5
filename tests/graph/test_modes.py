"""A model whose parts are in several modes: the graph and a GraphLayer have each part in its own."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.surgery import GraphLayer
from prunelab.testing import laws


class Tuned(nn.Layer):
    """A body that is frozen, and a head that learns; the forward spells a width."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), nn.BatchNorm2D(8), nn.ReLU(), nn.Dropout(0.5),
                                  nn.Conv2D(8, 8, 1))
        self.head = nn.Sequential(nn.Conv2D(8, 8, 1), nn.BatchNorm2D(8), nn.ReLU(), nn.Conv2D(8, 2, 1))

    def forward(self, x):
        return self.head(F.relu(self.body(x).reshape([0, 2, 4, 6, 6]).reshape([0, 8, 6, 6])))


@pytest.mark.parametrize("frozen", ["body", "head", "both", "neither", "a norm"])
def test_each_part_is_in_its_own_mode(frozen):
    model = laws.stir(Tuned()).eval()
    graph = pl.trace(model, (2, 3, 6, 6))
    plan = pl.propose(graph, sparsity=0.5)
    model.train()
    for name in {"both": ["body", "head"], "neither": [], "a norm": ["body.1"]}.get(frozen, [frozen]):
        dict(model.named_sublayers())[name].eval()
    small = pl.compact(model, plan)
    assert isinstance(small, GraphLayer)
    x = paddle.to_tensor(np.random.default_rng(0).standard_normal((4, 3, 6, 6)).astype("float32"))
    if frozen in ("body", "both"):  # no dropout draws
        assert np.array_equal(graph.run(x).numpy(), model(x).numpy())
        with pl.mask(model, plan):
            masked = model(x)
        np.testing.assert_allclose(small(x).numpy(), masked.numpy(), rtol=1e-4, atol=1e-5)
    norms = {name: part.training for name, part in model.named_sublayers() if type(part) is nn.BatchNorm2D}
    before = {name: small.state_dict()[f"{name}._mean"].numpy().copy() for name in norms}
    small(x)
    for name, trains in norms.items():
        moved = not np.array_equal(before[name], small.state_dict()[f"{name}._mean"].numpy())
        assert moved == trains, name
    small.train()
    small.body.eval()  # as of any model
    before = small.state_dict()["body.1._mean"].numpy().copy()
    small(x)
    assert np.array_equal(before, small.state_dict()["body.1._mean"].numpy())
    assert np.array_equal(small(x).numpy(), small(x).numpy())


class Refines(nn.Layer):
    """Each step starts from the one before without its gradients, and all steps are given (DINO's boxes)."""

    def __init__(self):
        super().__init__()
        self.inp, self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x):
        h = F.relu(self.inp(x))
        first = F.sigmoid(self.a(h))
        second = F.sigmoid(self.b(h) + first.detach())
        return paddle.stack([first, second], 1)


def test_what_was_detached_once_keeps_its_own_gradients():
    assert laws.check_all(laws.stir(Refines()), (1, 6))["gone"] > 0.3
