"""Streaming metrics equal scikit-learn's on everything at once, whatever the batches."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle import nn
from scipy.special import softmax
from sklearn import metrics as sk

import prunelab as pl
from prunelab.errors import DataError, MissingExtraError, OptionError
from prunelab.evaluate import METRICS
from prunelab.evaluate.metric import Samplewise

N, CLASSES = 40, 7
SCORES = {
    "accuracy": lambda y, z: sk.accuracy_score(y, z.argmax(1)),
    "top5": lambda y, z: sk.top_k_accuracy_score(y, z, k=5, labels=range(CLASSES)),
    "perplexity": lambda y, z: np.exp(sk.log_loss(y, softmax(z, 1), labels=range(CLASSES))),
    **{f"{kind}{suffix}": (lambda y, z, f=f, a=a: f(y, z.argmax(1), average=a, zero_division=0))
       for kind, f in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))
       for suffix, a in (("", "macro"), ("_micro", "micro"), ("_weighted", "weighted"))},
}  # fmt: skip


def model(n_out: int = CLASSES) -> nn.Layer:
    return nn.Linear(4, n_out)


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, 4)).astype(np.float32), rng.integers(0, CLASSES - 1, N)


def parts(arrays: tuple[np.ndarray, np.ndarray], cuts: list[int]) -> list[tuple[np.ndarray, ...]]:
    edges = sorted({0, N, *cuts})
    return [tuple(a[i:j] for a in arrays) for i, j in itertools.pairwise(edges)]


@settings(max_examples=8)
@given(st.lists(st.integers(1, N - 1), max_size=4), st.integers(0, 99))
def test_scores_of_classes_equal_scikit_learns(cuts: list[int], seed: int) -> None:
    layer, (x, y) = model(), data(seed)
    logits = layer(paddle.to_tensor(x)).numpy().astype(np.float64)
    found = pl.evaluate(layer, parts((x, y), cuts), list(SCORES))
    assert found == pytest.approx({name: f(y, logits) for name, f in SCORES.items()}, rel=1e-5)


def test_scores_of_numbers_equal_scikit_learns() -> None:
    layer, (x, _) = model(3), data()
    y = np.random.default_rng(1).normal(size=(N, 3)).astype(np.float32)
    told = layer(paddle.to_tensor(x)).numpy()
    found = pl.evaluate(layer, parts((x, y), [7, 30]), ("mae", "mse"))
    assert found == pytest.approx({"mae": sk.mean_absolute_error(y, told), "mse": sk.mean_squared_error(y, told)},
                                  rel=1e-5)


def test_average_precision_equals_scikit_learns_over_the_classes_that_occur() -> None:
    layer, (x, _) = model(), data()
    y = (np.random.default_rng(1).random((N, CLASSES)) < 0.3).astype(np.int64)
    y[:, 2] = 0
    told, there = layer(paddle.to_tensor(x)).numpy(), y.any(0)
    expected = sk.average_precision_score(y[:, there], told[:, there], average="macro")
    found = pl.evaluate(layer, parts((x, y), [9]), "map", loss="bce_with_logits")
    assert found["map"] == pytest.approx(expected)
    assert np.isnan(pl.evaluate(layer, [(x, y * 0)], "map")["map"])


def test_ignored_labels_and_sequences() -> None:
    x = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, CLASSES, (5, 6))
    layer, some = model(), y.copy()
    some[:, 4:] = -100
    for name in ("f1", "recall_micro", "top5", "perplexity", "accuracy"):
        assert pl.evaluate(layer, [(x, some)], name) == pytest.approx(
            pl.evaluate(layer, [(x[:, :4], y[:, :4])], name), rel=1e-6)


@pytest.mark.parametrize("name", [n for n in METRICS if n != "map_boxes"])
def test_a_metric_says_which_way_is_better_and_its_rows_add_up(name: str) -> None:
    metric, (x, y) = METRICS[name](None), data()
    logits = model()(paddle.to_tensor(x))
    labels = paddle.to_tensor(np.eye(CLASSES, dtype=np.float32)[y] if name in ("map", "mae", "mse") else y)
    perfect = paddle.to_tensor(30 * np.eye(CLASSES, dtype=np.float32)[y])
    if name in ("mae", "mse"):
        perfect = labels
    better, worse = METRICS[name](None), METRICS[name](None)
    better.update(perfect, labels, N)
    worse.update(logits, labels, N)
    assert (better.result() > worse.result()) == metric.higher_is_better
    assert isinstance(metric, Samplewise) == (name in ("accuracy", "loss", "top5", "mae", "mse"))
    if isinstance(metric, Samplewise):
        totals, weights = metric.rows(logits, labels, N)
        assert totals.shape == weights.shape == (N,)
        assert totals.sum() / weights.sum() == pytest.approx(worse.result(), rel=1e-6)


@pytest.mark.parametrize("batch", [N, 1])
def test_one_class_and_one_batch_or_one_sample_a_batch_are_data_too(batch: int) -> None:
    x = data()[0]
    one = [(x[k : k + batch], np.zeros(len(x[k : k + batch]), np.int64)) for k in range(0, N, batch)]
    found = pl.evaluate(model(), one, ["accuracy", "loss", "f1", "precision_micro", "recall_weighted", "top5"])
    assert all(np.isfinite(v) for v in found.values())
    layer = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1D(6), nn.ReLU(), nn.Linear(6, CLASSES))
    result = pl.finetune(layer, one, epochs=2)
    assert np.isfinite(result.batch_losses).all()
    assert pl.sensitivity(layer, one, ratios=0.5, confidence=1).dense <= 1


def test_confusion_and_what_changes_between_two_models() -> None:
    x, y = data()
    dense, other = model(), model()
    told = dense(paddle.to_tensor(x)).numpy().argmax(1)
    found = pl.confusion(dense, parts((x, y), [13]), names="abcdefg")
    np.testing.assert_array_equal(found.matrix, sk.confusion_matrix(y, told, labels=range(CLASSES)))
    assert np.isnan(found.recalls[CLASSES - 1])
    changes = found.changes(pl.confusion(other, (x, y), names="abcdefg"))
    after = sk.recall_score(y, other(paddle.to_tensor(x)).numpy().argmax(1), average=None, labels=range(CLASSES),
                            zero_division=0)
    np.testing.assert_allclose(changes.table["after"].to_numpy()[:-1], after[:-1])
    assert list(changes.table.index) == list("abcdefg")
    worst = changes.table["change"].fillna(0).idxmin()
    assert str(changes).splitlines()[2].split()[0] == worst
    assert found._repr_html_().count("<title>") == CLASSES**2
    assert "label" in str(found)
    assert "points" in changes._repr_html_()
    with pytest.raises(OptionError, match="counted on data with other labels"):
        found.changes(pl.confusion(dense, (x, (y + 1) % CLASSES)))
    with pytest.raises(OptionError, match="names has 2 classes, and the outputs have 7"):
        pl.confusion(dense, (x, y), names=["a", "b"])


def test_of_many_classes_the_most_confused_are_drawn() -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    picture = pl.confusion(model(200), (x, np.random.default_rng(1).integers(0, 200, 300))).plot()
    assert len(picture.drawn) == 60
    assert "140 classes that are confused less are left out" in str(picture)


X, Y = data()


@pytest.mark.parametrize(("metric", "labels", "message"), [
    ("f1", Y + 5, r"a label is \d+, and the outputs have the classes 0 to 6"),
    ("f1", Y - 1, r"a label is -1, and the outputs have the classes 0 to 6"),
    ("accuracy", np.where(Y == 3, 9, Y), "a label is 9, and the outputs have the classes 0 to 6"),
    ("accuracy", np.where(Y == 3, -2, Y), "a label is -2, and the outputs have the classes 0 to 6"),
    ("top5", np.where(Y == 3, 7, -100), "a label is 7, and the outputs have the classes 0 to 6"),
    ("f1", Y[:, None, None], "f1 cannot be computed from the outputs"),
    ("f1", np.full(N, -100), "no labels that count, and f1 needs them"),
    ("map", Y, r"map cannot be computed from the outputs \(40, 7\) float32 and the labels \(40,\)"),
    ("map", np.full((N, CLASSES), 2), "a label is 2, and map needs 0 and 1"),
    ("mae", Y, "mae cannot be computed .* give labels of the outputs' shape"),
    ("perplexity", Y.astype(np.float32), "needs integer classes"),
])
def test_labels_that_do_not_fit_are_told(metric: str, labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        pl.evaluate(model(), [(X, labels)], metric)


def test_the_five_best_of_few_are_no_metric() -> None:
    with pytest.raises(DataError, match="the outputs have 3 classes, and the label is always among 5"):
        pl.evaluate(model(3), [(X, Y % 3)], "top5")


class Detector(nn.Layer):
    """Gives the boxes it is shown, as PaddleDetection's models do."""

    def forward(self, x: Any) -> Any:
        return {"bbox": x.reshape([-1, 6]), "bbox_num": paddle.full([x.shape[0]], x.shape[1], "int32")}


def test_boxes_by_pycocotools() -> None:
    pytest.importorskip("pycocotools", reason="the extra 'detection' is not installed")
    shown = np.float32([[[0, 0.9, 10, 10, 30, 30], [1, 0.8, 5, 5, 20, 20]],
                        [[0, 0.7, 0, 0, 8, 8], [1, 0.6, 40, 40, 60, 60]]])
    truth = np.float32([[[0, 10, 10, 30, 30], [1, 5, 5, 20, 20]], [[0, 0, 0, 8, 8], [-1, 0, 0, 0, 0]]])
    assert pl.evaluate(Detector(), [(shown, truth)], "map_boxes")["map_boxes"] == pytest.approx(1.0)
    truth[0, 1] = [1, 200, 200, 220, 220]
    halves = [(shown[:1], truth[:1]), (shown[1:], truth[1:])]
    assert pl.evaluate(Detector(), halves, "map_boxes")["map_boxes"] == pytest.approx(0.5)
    with pytest.raises(DataError, match=r"map_boxes needs labels \(images, boxes, 5\)"):
        pl.evaluate(Detector(), [(shown, truth[0])], "map_boxes")
    with pytest.raises(DataError, match=r"map_boxes needs outputs \(boxes, counts\)"):
        pl.evaluate(nn.Linear(6, 6), [(shown, truth)], "map_boxes")


def test_boxes_without_pycocotools_name_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'prunelab\[detection\]'"):
        pl.evaluate(Detector(), [(np.zeros((1, 1, 6), np.float32), np.zeros((1, 1, 5), np.float32))], "map_boxes")
