"""Losses by name: what Paddle's functions give, without its silent broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, OptionError, UnknownNameError
from prunelab.evaluate.loss import LOSSES, loss_function

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
FUNCTIONS = {"mse": nn.MSELoss(), "l1": nn.L1Loss(), "bce_with_logits": nn.BCEWithLogitsLoss(),
             "cross_entropy": nn.CrossEntropyLoss()}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_a_name_is_what_paddles_loss_gives(name: str) -> None:
    model = nn.Linear(4, 3)
    y = np.arange(6) % 3 if name == "cross_entropy" else (X[:, :3] > 0).astype(np.float32)
    expected = FUNCTIONS[name](model(paddle.to_tensor(X)), paddle.to_tensor(y)).item()
    assert pl.evaluate(model, (X, y), "loss", name)["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("labels", [X[:, 0], X[:, :1], X[:, 0].astype(np.float64)])
def test_a_last_axis_of_one_may_be_missing_and_nothing_is_broadcast(labels: Any) -> None:
    model = nn.Linear(4, 1)
    expected = np.abs(model(paddle.to_tensor(X)).numpy()[:, 0] - X[:, 0]).mean()
    assert pl.evaluate(model, (X, labels), "loss", "l1")["loss"] == pytest.approx(expected, rel=1e-5)
    squeezed = nn.Sequential(model, nn.Flatten(0))
    assert pl.evaluate(squeezed, (X, labels), "loss", "l1")["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("labels", [X[:, :2], X[:1], X[:, 0, None, None]])
def test_labels_of_another_shape_are_refused(labels: Any) -> None:
    with pytest.raises(DataError, match=r"mse cannot be computed from the outputs \(6, 3\)"):
        pl.evaluate(nn.Linear(4, 3), [(X, labels)], "loss", "mse")


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        ("msee", UnknownNameError, "unknown loss 'msee'; did you mean 'mse'.*; or give a function"),
        ("smooth_l1_loss", UnknownNameError, r"loss=paddle\.nn\.functional\.smooth_l1_loss"),
        (nn.CrossEntropyLoss, OptionError, r"loss is the class CrossEntropyLoss; give an object of it"),
        (5, OptionError, "loss is 5; give one of cross_entropy, mse"),
    ],
)
def test_what_is_no_loss_is_refused_in_words(loss: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        loss_function(loss)
    for call in (pl.evaluate, pl.finetune):
        with pytest.raises(error, match=message):
            call(nn.Linear(4, 3), (X, np.arange(6) % 3), loss=loss)


def test_a_loss_without_labels_is_called_with_the_outputs_alone() -> None:
    model = nn.Linear(4, 4)
    found = pl.evaluate(model, [X], "loss", lambda outputs: (outputs**2).mean())
    assert found["loss"] == pytest.approx((model(paddle.to_tensor(X)).numpy() ** 2).mean(), rel=1e-5)
    with pytest.raises(DataError, match="no labels, and mse needs them"):
        pl.evaluate(model, [X], "loss", "mse")
