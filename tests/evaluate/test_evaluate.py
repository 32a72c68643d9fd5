"""Metrics are means over all samples, whatever the batches; the model is left as it was."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, InputError, OptionError, UnknownNameError


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


def broken(outputs: Any, labels: Any) -> float:
    return 1 / 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": "acuracy"}, UnknownNameError, "did you mean 'accuracy'"),
        ({"metrics": [3]}, OptionError, "metric is 3; give one of accuracy, loss"),
        ({"data": []}, DataError, "the data has no batches"),
        ({"data": [X]}, DataError, "the batches have no labels, and accuracy needs them"),
        ({"data": [X], "metrics": "loss"}, DataError, "the batches have no labels, and cross_entropy needs"),
        ({"data": [(X, Y.astype(np.float32))]}, DataError, r"labels are \(6,\) float32"),
        ({"data": [(X[:, :2], Y)]}, InputError, r"Sequential does not take the batch's inputs \(6, 2\) float32"),
        ({"data": [(X, Y + 7)], "metrics": "loss"}, DataError, r"cross_entropy cannot be computed .* \(6, 3\) float32"),
        ({"data": [(X, Y[:, None, None])]}, DataError, "accuracy cannot be computed"),
        ({"data": [(X, Y[:5])]}, DataError, r"accuracy .* \(5,\) int64: .* give labels of the shape \(6,\)"),
        ({"data": [(X, Y[:1])]}, DataError, r"accuracy .* \(1,\) int64: .* give labels of the shape \(6,\)"),
        ({"data": [(X, Y[:1])], "metrics": "loss"}, DataError, r"cross_entropy .* give labels of the shape \(6,\)"),
        ({"data": [(X, np.eye(3, dtype=np.int64)[Y])]}, DataError, r"one-hot labels give y\.argmax\(-1\)"),
        ({"data": [(X, np.eye(3, dtype=np.float32)[Y])]}, DataError, r"one-hot labels give y\.argmax\(-1\)"),
        ({"model": nn.Conv2D(1, 3, 1), "data": [(X[:, None, None], np.zeros((6, 1, 4), int))]}, DataError,
         r"the last axis; for classes on axis 1 give loss=lambda out, y: .*axis=1"),
        ({"loss": lambda outputs, labels: outputs}, DataError, r"gave \(6, 3\) float32; it gives one number"),
        ({"metrics": 3}, OptionError, "metrics is 3; give one of accuracy, loss"),
        ({"metrics": [len, len]}, OptionError, "two metrics are called 'len'"),
        ({"metrics": [broken]}, DataError, "the metric broken cannot be computed .*: division by zero"),
        ({"metrics": broken}, DataError, "the metric broken cannot be computed"),
        ({"metrics": lambda outputs, labels: None}, DataError, "the metric <lambda> gave None; it gives one number"),
        ({"metrics": lambda outputs, labels: outputs}, DataError, r"the metric <lambda> gave \(6, 3\) float32"),
        ({"metrics": lambda outputs, labels: labels.numpy()}, DataError, r"gave an array of shape \(6,\)"),
        ({"model": 5}, InputError, "the model is a int"),
        ({"model": nn.Linear(4, 1)}, DataError, "needs a logit for each class .* loss='bce_with_logits' or 'mse'"),
        ({"data": [((255 * X).astype(np.uint8), Y)]}, InputError, r"give input 0 as such, x\.astype\('float32'\)"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pl.evaluate(**{"model": net(), "data": [(X, Y)], **options})


def test_a_message_of_paddle_is_one_line_without_places_in_its_source() -> None:
    for data in ([(X[:, :2], Y)], [(X.astype(np.int64), Y)]):
        with pytest.raises(InputError) as raised:
            pl.evaluate(net(), data)
        assert "/paddle/" not in str(raised.value)
        assert "\n" not in str(raised.value)
        assert "Hint" not in str(raised.value)


@pytest.mark.parametrize("give", [float, np.float32, lambda v: np.array([v]), lambda v: paddle.to_tensor([v])])
def test_a_metric_may_give_any_kind_of_number(give: Any) -> None:
    def mae(outputs: Any, labels: Any) -> Any:
        return give(float((outputs - outputs).abs().mean()) + 0.5)

    assert pl.evaluate(net(), [(X, Y), (X[:1], Y[:1])], mae) == {"mae": pytest.approx(0.5)}


@dataclass
class Scores:
    loss: Any
    logits: Any


def test_outputs_in_a_dataclass_are_judged_by_the_first_that_is_given() -> None:
    class Recorded(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.main = nn.Linear(4, 3)

        def forward(self, x):
            return Scores(None, self.main(x))

    model = Recorded()
    assert pl.evaluate(model, (X, Y)) == pl.evaluate(model.main, (X, Y))
    before = pl.evaluate(model, (X, Y), "loss")["loss"]
    pl.finetune(model, (X, Y), epochs=3)
    assert pl.evaluate(model, (X, Y), "loss")["loss"] < before


def test_outputs_in_a_dict_are_judged_by_the_first() -> None:
    class Named(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.main = nn.Linear(4, 3)

        def forward(self, x):
            return {"logits": self.main(x), "hidden": x}

    model = Named()
    assert pl.evaluate(model, (X, Y)) == pl.evaluate(model.main, (X, Y))
    with pytest.raises(DataError, match=r"\{logits: \(6, 3\) float32, hidden: \(6, 4\) float32\}.*'dict'"):
        pl.evaluate(model, (X, Y), loss=nn.CrossEntropyLoss())
