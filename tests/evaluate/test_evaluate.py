"""Metrics are means over all samples, whatever the batches; the model is left as it was."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, InputError, OptionError, UnknownNameError
from prunelab.evaluate import METRICS


def net() -> nn.Layer:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1D(8), nn.Dropout(0.5), nn.Linear(8, 3))


def data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)).astype(np.float32), rng.integers(0, 3, n)


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(1, 22), max_size=4))
def test_metrics_do_not_depend_on_how_the_samples_are_batched(cuts: list[int]) -> None:
    x, y = data(23)
    model = net()
    model.eval()
    logits = model(paddle.to_tensor(x)).numpy().astype(np.float64)
    expected = {
        "accuracy": (logits.argmax(1) == y).mean(),
        "loss": np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(23), y]),
    }
    edges = sorted({0, 23, *cuts})
    parts = [(x[a:b], y[a:b]) for a, b in itertools.pairwise(edges)]
    for loss in (None, nn.CrossEntropyLoss()):
        found = pl.evaluate(model, parts, loss=loss)
        assert found == pytest.approx(expected, rel=1e-5)


def test_the_mode_of_each_layer_and_the_bits_are_left() -> None:
    model = net()
    model.train()
    model[1].eval()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    random = paddle.get_rng_state()[0]
    pl.evaluate(model, data(9))
    assert [layer.training for layer in model.sublayers(include_self=True)] == [True, True, False, True, True]
    assert all((before[k] == v.numpy()).all() for k, v in model.state_dict().items())
    assert str(paddle.get_rng_state()[0]).split()[4:] == str(random).split()[4:]
    assert all(p.grad is None for p in model.parameters())


def test_labels_of_one_column_and_ignored_labels() -> None:
    x, y = data(6)
    model = net()
    whole = pl.evaluate(model, [(x, y)])
    assert pl.evaluate(model, [(x, y[:, None])]) == whole
    some = y.copy()
    some[4:] = -100
    assert pl.evaluate(model, [(x, some)]) == pytest.approx(pl.evaluate(model, [(x[:4], y[:4])]), rel=1e-6)
    none = np.full(6, -100)
    assert pl.evaluate(model, [(x, y), (x, none)]) == pytest.approx(whole, rel=1e-6)


def test_a_function_is_a_metric_and_a_loss_of_ones_own_is_weighted_by_samples() -> None:
    x, y = data(5)

    def size(outputs: Any, labels: Any) -> Any:
        return outputs.mean() * 0 + labels.shape[0]

    found = pl.evaluate(net(), [(x, y), (x[:1], y[:1])], metrics=[size, "loss"], loss=size)
    assert found == {"size": pytest.approx((5 * 5 + 1) / 6), "loss": pytest.approx((5 * 5 + 1) / 6)}


def test_a_paddle_model_and_a_single_name_do_too() -> None:
    model = net()
    assert pl.evaluate(paddle.Model(model), data(7), "accuracy").keys() == {"accuracy"}


def test_several_outputs_are_judged_by_the_first() -> None:
    class Auxiliary(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.main, self.other = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return [self.main(x), self.other(x)]

    model = Auxiliary()
    assert pl.evaluate(model, data(8)) == pl.evaluate(model.main, data(8))


def test_regression_by_a_loss_of_ones_own() -> None:
    x, _ = data(8)
    model = nn.Linear(4, 1)
    expected = ((model(paddle.to_tensor(x)).numpy() - 1) ** 2).mean()
    found = pl.evaluate(model, [(x, np.ones((8, 1), np.float32))], metrics=("loss",), loss=nn.MSELoss())
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


X, Y = data(6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": "acuracy"}, UnknownNameError, "did you mean 'accuracy'"),
        ({"metrics": [3]}, OptionError, "metric is 3; give one of accuracy, loss"),
        ({"data": []}, DataError, "the data has no batches"),
        ({"data": [X]}, DataError, "the batches have no labels, and accuracy needs them"),
        ({"data": [X], "metrics": "loss"}, DataError, "the batches have no labels, and the default loss"),
        ({"data": [(X, Y.astype(np.float32))]}, DataError, r"labels are \(6,\) float32"),
        ({"data": [(X[:, :2], Y)]}, InputError, r"Sequential does not take the batch's inputs \(6, 2\) float32"),
        ({"data": [(X, Y + 7)], "metrics": "loss"}, DataError, r"cross entropy cannot be computed .* \(6, 3\) float32"),
        ({"data": [(X, Y[:, None, None])]}, DataError, "accuracy cannot be computed"),
        ({"loss": lambda outputs, labels: outputs}, DataError, r"the loss gave \(6, 3\) float32; it gives one number"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pl.evaluate(net(), **{"data": [(X, Y)], **options})


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_of_the_table_streams(name: str) -> None:
    metric = METRICS[name](None)
    logits = paddle.to_tensor([[2.0, 0.0], [0.0, 2.0]])
    metric.update(logits, paddle.to_tensor([0, 1]), 2)
    once = metric.result()
    metric.update(logits, paddle.to_tensor([1, 0]), 2)
    assert metric.result() != once
