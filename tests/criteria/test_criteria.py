from __future__ import annotations

import numpy as np
import paddle
import pytest

import prunelab as pl
from prunelab.criteria import CRITERIA, Material, score

WEIGHTS = np.array([[3.0, -4.0], [0.0, 1.0], [-2.0, -2.0]])


def scores(name, weights=WEIGHTS):
    return CRITERIA[name](Material({"w[0]": weights}, len(weights), np.random.default_rng(0)))


@pytest.mark.parametrize(("name", "expected"), [
    ("l1_weight", [7, 1, 4]), ("l2_weight", [5, 1, np.sqrt(8)]), ("mean", [3.5, 0.5, 2]),
])
def test_values_worked_out_by_hand(name, expected):
    assert np.allclose(scores(name), expected)


@pytest.mark.parametrize("name", ["l1_weight", "l2_weight", "mean"])
def test_magnitudes_ignore_signs_and_scale_with_weights(name):
    assert np.allclose(scores(name, -WEIGHTS), scores(name))
    assert np.allclose(scores(name, 3 * WEIGHTS), 3 * scores(name))


def test_random_is_uniform_and_its_own_for_each_group_and_seed():
    nn = paddle.nn
    model = nn.Sequential(nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 400), nn.Linear(400, 2))
    graph = pl.trace(model, (1, 4))
    a, b = (score(graph, g, "random", seed=5) for g in graph.prunable[:2])
    assert not np.array_equal(a, b)
    assert np.array_equal(a, score(graph, graph.prunable[0], "random", seed=5))
    assert not np.array_equal(a, score(graph, graph.prunable[0], "random", seed=6))
    assert 0 <= a.min() < 0.05 < 0.95 < a.max() < 1
    assert abs(a.mean() - 0.5) < 0.05


def test_a_units_weights_are_those_of_every_layer_that_makes_it():
    class Two(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = paddle.nn.Linear(3, 4), paddle.nn.Linear(5, 4), paddle.nn.Linear(4, 2)

        def forward(self, x, y):
            return self.out(self.a(x) + self.b(y))

    model = Two()
    graph = pl.trace(model, [(1, 3), (1, 5)])
    expected = abs(model.a.weight.numpy()).sum(0) + abs(model.b.weight.numpy()).sum(0)
    assert np.allclose(score(graph, graph.group("a")), expected)
    assert graph.weights("a").shape == (4, 8)
