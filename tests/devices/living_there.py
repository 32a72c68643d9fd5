"""What is asked of every link of the chain when the model lives on one device and Paddle's default is another.

Run by `test_other_device.py` in a process of its own, with the devices' names in its environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from sklearn.datasets import load_digits

import prunelab as pl
from prunelab.graph.model_copy import copy_of
from prunelab.surgery.compare import relative_error

DEFAULT, HOME = os.environ["DEFAULT_DEVICE"], os.environ["HOME_DEVICE"]
DATA_CRITERIA = "taylor taylor_activation fisher obd hrank apoz activation similarity cluster reconstruction".split()


class Images(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm1 = nn.Conv2D(1, 16, 3, padding=1), nn.BatchNorm2D(16)
        self.second, self.norm2 = nn.Conv2D(16, 16, 3, padding=1), nn.BatchNorm2D(16)
        self.dropout, self.hidden, self.out = nn.Dropout(0.1), nn.Linear(16 * 16, 32), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        x = nn.functional.relu(self.norm1(self.first(x)))
        x = nn.functional.relu(x + self.norm2(self.second(x)))
        x = nn.functional.relu(self.hidden(nn.functional.max_pool2d(x, 2).flatten(1)))
        return self.out(self.dropout(x))


class Words(nn.Layer):
    """Its LSTM begins with states, its attention with a mask, that its forward makes wherever Paddle makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(30, 16), nn.LSTM(16, 12)
        self.block, self.out = nn.TransformerEncoderLayer(12, 2, 24, dropout=0.1), nn.Linear(12, 5)

    def forward(self, ids: Any) -> Any:
        h, _ = self.lstm(self.embedding(ids))
        mask = paddle.triu(paddle.full([ids.shape[1], ids.shape[1]], -1e9), 1)
        return self.out(self.block(h, mask).mean(1))


def images() -> tuple[Any, Any, Any]:
    digits = load_digits()
    return Images(), (digits.images[:200, None] / 16).astype("float32"), digits.target[:200].astype("int64")


def words() -> tuple[Any, Any, Any]:
    ids = np.random.default_rng(0).integers(0, 30, (96, 7))
    return Words(), ids, ids.sum(1) % 5


@pytest.fixture(params=[images, words])
def case(request: pytest.FixtureRequest) -> Any:
    paddle.set_device(HOME)
    paddle.seed(0)
    model, x, y = request.param()
    for parameter in model.parameters():  # Paddle makes those of an LSTM on the CPU
        there = parameter._copy_to(model.out.weight.place, True)
        parameter.get_tensor()._share_data_with(there.get_tensor())
    model.eval()
    paddle.set_device(DEFAULT)
    yield Case(model, x, y)
    assert paddle.get_device() == DEFAULT


class Case:
    """A model with its data, and where each of its tensors lives."""

    def __init__(self, model: Any, x: Any, y: Any) -> None:
        self.model, self.x, self.y, self.data = model, x, y, (x, y)
        self.places = places(model)
        self.input = paddle.to_tensor(x[:3], place=model.out.weight.place)

    def stays(self, model: Any) -> None:
        """Each tensor of ``model`` lives where the dense model's of its name does."""
        assert places(model) == self.places

    def plan(self, **options: Any) -> Any:
        return pl.propose(pl.trace(self.model, self.x[:2]), **{"sparsity": 0.5, **options})


def places(model: Any) -> dict[str, str]:
    held = (*model.named_parameters(), *model.named_buffers())
    return {name: str(t.place) for name, t in held if t._is_initialized() and "dropout_state" not in name}


def test_the_graph_runs_there(case: Any) -> None:
    ours, theirs = pl.trace(case.model, case.x[:2]).run(case.input), case.model(case.input)
    assert str(ours.place) == str(case.model.out.weight.place)
    assert np.array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("criterion", DATA_CRITERIA)
def test_criteria_look_at_data_there(case: Any, criterion: str) -> None:
    assert case.plan(criterion=criterion, data=case.data).groups
    case.stays(case.model)


@pytest.mark.parametrize("granularity", ["auto", "element", "2:4", "block:4x4"])
def test_masked_equals_compacted_there(case: Any, granularity: str) -> None:
    plan = case.plan(granularity=granularity, **({"sparsity": None} if granularity == "2:4" else {}))
    with pl.mask(case.model, plan):
        case.stays(case.model)
        masked = case.model(case.input)
    case.stays(case.model)
    small = pl.compact(case.model, plan)
    case.stays(small)
    ours = small(case.input)  # a mask that the class's own forward makes may take it to the default device
    assert str(ours.place) in (str(case.input.place), str(masked.place))
    assert relative_error(ours, masked) <= 1e-4


@pytest.mark.parametrize("steps", [0, 4])
def test_repair_stays_there(case: Any, steps: int) -> None:
    case.stays(pl.repair(case.model, case.plan(), case.data, steps=steps))
    case.stays(case.model)


@pytest.mark.parametrize("teaches", [False, True])
def test_training_stays_there(case: Any, teaches: bool) -> None:
    student = copy_of(case.model)
    case.stays(student)
    pl.finetune(student, case.data, epochs=1, plan=case.plan(), val=case.data, metric="loss",
                **({"teacher": case.model} if teaches else {}))
    case.stays(student)


def test_numbers_come_from_there(case: Any) -> None:
    plain = pl.evaluate(case.model, case.data, ("accuracy", "loss"))
    table = pl.sensitivity(case.model, case.data, ratios=[0.5])
    assert plain["loss"] > 0
    assert len(table.groups) > 0
    assert pl.latency(case.model, case.x[:1], runs=3).median_ms > 0
    assert pl.confusion(case.model, case.data).matrix.sum() == len(case.y)
    case.stays(case.model)


def test_a_lab_stays_there(case: Any, tmp_path: Path) -> None:
    lab = pl.Lab(case.model, train=case.data, val=case.data, workspace=tmp_path / "w")
    case.stays(lab.model)
    first, second = [g.name for g in lab.graph.prunable][:2]
    lab.step(first, ratio=0.5, repair=True, finetune=1)
    case.stays(lab.model)
    before = [t.numpy() for t in lab.model.parameters()]
    lab.step(second, ratio=0.5, finetune=1)
    lab.back()
    case.stays(lab.model)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, lab.model.parameters(), strict=True))
    lab.run(to=0.5, steps=2)
    case.stays(lab.compact())
    lab.close()
    reopened = pl.Lab(case.model, train=case.data, val=case.data, workspace=tmp_path / "w")
    case.stays(reopened.model)
    reopened.close()


def test_what_is_exported_is_right(case: Any, tmp_path: Path) -> None:
    small = pl.compact(case.model, case.plan())
    made = pl.export(small, tmp_path / "out", formats=("paddle", "onnx", "safetensors", "python"), inputs=case.x[:2])
    assert set(made.parity) == {"paddle", "onnx", "safetensors", "python"}
    case.stays(small)


def test_the_laws_hold_there(case: Any) -> None:
    verdict = pl.testing.check_model(case.model, case.x[:2])
    assert verdict, str(verdict)
