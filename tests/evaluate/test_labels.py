"""Labels of several kinds for one loss, and what a model is judged by where nobody says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn
from paddle.io import Dataset

import prunelab as pl
from prunelab.errors import DataError
from prunelab.evaluate.evaluate import usual_metrics


class TwoHeads(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.kind, self.size = nn.Linear(6, 16), nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, x):
        h = F.relu(self.body(x))
        return self.kind(h), self.size(h)


def arrays(n: int = 96) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 6)).astype("float32")
    return x, (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0), x[:, 2:3] * x[:, 3:4]


class Pairs(Dataset):
    def __init__(self) -> None:
        super().__init__()
        self.x, self.kind, self.size = arrays()

    def __getitem__(self, k):
        return self.x[k], (self.kind[k], self.size[k])

    def __len__(self):
        return len(self.x)


def by_place(outputs: Any, labels: Any) -> Any:
    return F.cross_entropy(outputs[0], labels[0]) + F.mse_loss(outputs[1], labels[1])


def by_name(outputs: Any, labels: Any) -> Any:
    return by_place(outputs, (labels["kind"], labels["size"]))


def batched(form: Any) -> list[Any]:
    x, kind, size = arrays()
    return [(x[k : k + 32], form(kind[k : k + 32], size[k : k + 32])) for k in range(0, 96, 32)]


@pytest.mark.parametrize(("data", "loss"), [
    (batched(lambda kind, size: (kind, size)), by_place), (batched(lambda kind, size: [kind, size]), by_place),
    (batched(lambda kind, size: {"kind": kind, "size": size}), by_name), (Pairs(), by_place)])
def test_a_model_of_several_outputs_is_trained_judged_and_cut_by_labels_of_several_kinds(
        data: Any, loss: Any, tmp_path: Path) -> None:
    paddle.seed(0)
    model = TwoHeads()
    before = pl.evaluate(model, data, "loss", loss)["loss"]
    pl.finetune(model, data, epochs=20, lr=1e-2, loss=loss, seed=0)
    after = pl.evaluate(model, data, "loss", loss)["loss"]
    assert after < 0.7 * before
    graph = pl.trace(model, (1, 6))
    for criterion in ("taylor", "fisher", "sensitivity"):
        pl.propose(graph, criterion, sparsity=0.25, data=data, loss=loss)
    found = pl.sensitivity(model, data, metric="loss", loss=loss, ratios=(0.25, 0.5), cache=tmp_path)
    again = pl.sensitivity(model, data, metric="loss", loss=loss, ratios=(0.25, 0.5), cache=tmp_path)
    assert found.dense == again.dense == pytest.approx(after, rel=1e-5)
    estimated = pl.sensitivity(model, data, metric="loss", loss=loss, ratios=(0.5,), confidence=2.0, samples=80)
    assert np.isfinite(estimated.dense)
    lab = pl.Lab(model, train=data, val=data, loss=loss, metrics="loss")
    state = lab.step("body", ratio=0.5, repair=True, finetune=1)
    assert np.isfinite(state.metrics["loss"])


def test_one_array_a_sample_is_still_one_tensor() -> None:
    x, _, _ = arrays(4)
    rows = [np.full(3, k, "float32") for k in range(4)]
    assert pl.evaluate(nn.Linear(6, 3), [(x, rows)], "mse")["mse"] > 0


def test_what_compares_one_output_says_so_of_several_kinds_of_labels() -> None:
    for metric in ("accuracy", "mae"):
        with pytest.raises(DataError, match=f"{metric} compares one output with one tensor .* functions of"):
            pl.evaluate(TwoHeads(), Pairs(), metric)


@pytest.mark.parametrize(("loss", "expected"), [
    (None, ("accuracy", "loss")), ("cross_entropy", ("accuracy", "loss")), ("mse", ("loss",)),
    ("bce_with_logits", ("loss",)), (nn.CrossEntropyLoss(), ("accuracy", "loss")), (nn.MSELoss(), ("loss",)),
    (F.smooth_l1_loss, ("loss",)), (by_place, ("accuracy", "loss"))])
def test_a_loss_of_numbers_is_what_a_model_is_judged_by(loss: Any, expected: tuple[str, ...]) -> None:
    assert usual_metrics(loss) == expected


def test_a_regression_needs_no_metric_to_be_named(tmp_path: Path) -> None:
    x, _, y = arrays()
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
    assert set(pl.evaluate(model, (x, y), loss="mse")) == {"loss"}
    assert pl.sensitivity(model, (x, y), loss="mse", ratios=(0.5,)).metric == "loss"
    lab = pl.Lab(model, train=(x, y), val=(x, y), loss="mse", finetune=1)
    assert set(lab.step("0", ratio=0.5).metrics) == {"loss"}
    study = pl.search(model, (x, y), trials=3, loss="mse")
    assert set(study.front.columns) >= {"loss", "params"}
    assert set(pl.search(lab, trials=3).front.columns) >= {"loss", "params"}
    out = pl.export(model, tmp_path / "out", formats=("paddle",), inputs=(1, 6), data=(x, y), loss="mse", timing=None)
    assert "loss" in out.manifest["formats"]["paddle"]["validation"]["metrics"]
