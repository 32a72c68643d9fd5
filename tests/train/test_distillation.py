"""A student learns a teacher's outputs, and what readers of cut groups make of them."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, OptionError
from prunelab.train import Distillation


def net(seed: int = 0, n_out: int = 3) -> nn.Layer:
    paddle.seed(seed)
    return nn.Sequential(nn.Conv2D(1, 6, 3, padding=1), nn.BatchNorm2D(6), nn.ReLU(), nn.Conv2D(6, 8, 3), nn.ReLU(),
                         nn.Conv2D(8, 4, 3), nn.Flatten(), nn.Linear(4 * 4, n_out))  # fmt: skip


def data(n: int = 48) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None, None, None], 0.5, (n, 1, 6, 6)).astype(np.float32), labels


def bits(model: nn.Layer) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in (*model.named_parameters(), *model.named_buffers())}


def first_loss(student: nn.Layer, teacher: Any, batches: Any = None, **options: Any) -> float:
    return pl.finetune(student, batches or [data()], teacher=teacher, **options).batch_losses[0]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_the_loss_is_the_formula() -> None:
    x, y = np.float32([[1.0, -2.0], [0.5, 0.0]]), np.int64([1, 2])
    student, teacher = nn.Linear(2, 3), nn.Linear(2, 3)
    s, t = (m(paddle.to_tensor(x)).numpy().astype(float) for m in (student, teacher))
    hard = -np.log(softmax(s))[np.arange(2), y].mean()
    p, q = softmax(t / 3.0), softmax(s / 3.0)
    expected = 0.25 * hard + 0.75 * 9.0 * (p * np.log(p / q)).sum(1).mean()
    how = Distillation(teacher=teacher, logits=0.75, temperature=3.0)
    assert first_loss(student, how, [(x, y)]) == pytest.approx(expected, rel=1e-5)


class TwoHeads(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.kind, self.size = nn.Linear(4, 3), nn.Linear(4, 1)

    def forward(self, x):
        return {"kind": self.kind(x), "size": 100 * self.size(x)}


def test_of_several_outputs_all_are_taught_each_relative_to_its_own_spread() -> None:
    x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")

    def loss(outputs: Any, labels: Any = None) -> Any:
        return outputs["kind"].square().mean()

    student, teacher = TwoHeads(), TwoHeads()
    s, t = ({k: v.numpy() for k, v in m(paddle.to_tensor(x)).items()} for m in (student, teacher))
    expected = np.mean([((s[k] - t[k]) ** 2).mean() / t[k].var() for k in t])
    how = Distillation(teacher=teacher, logits=1.0)
    assert first_loss(copy.deepcopy(student), how, [(x,)], loss=loss) == pytest.approx(expected, rel=1e-4)
    pl.finetune(student, [(x,)], epochs=300, lr=0.02, loss=loss, teacher=how)
    for k, outputs in student(paddle.to_tensor(x)).items():
        assert float((outputs - paddle.to_tensor(t[k])).square().mean()) < 0.05 * t[k].var(), k


def test_without_end_the_temperature_compares_outputs_and_is_the_limit() -> None:
    x, y = np.float32([[1.0, -2.0], [0.5, 0.0]]), np.int64([1, 2])
    student, teacher = nn.Linear(2, 3), nn.Linear(2, 3)
    s, t = (m(paddle.to_tensor(x)).numpy().astype(float) for m in (student, teacher))
    gap = (s - t) - (s - t).mean(1, keepdims=True)
    hot, endless = (first_loss(copy.deepcopy(student), Distillation(teacher=teacher, logits=1.0, temperature=at),
                               [(x, y)]) for at in (50.0, math.inf))
    assert endless == pytest.approx(np.square(gap).mean() / 2, rel=1e-5)
    assert hot == pytest.approx(endless, rel=0.05)
    moved = copy.deepcopy(teacher)
    moved.bias.set_value(moved.bias + 4.0)
    same = first_loss(student, Distillation(teacher=moved, logits=1.0, temperature=math.inf), [(x, y)])
    assert same == pytest.approx(endless, rel=1e-5), "what is added to all outputs alike changes no class"


def test_of_numbers_it_is_the_squared_difference_and_labels_may_be_absent() -> None:
    x = np.float32([[1.0, -2.0], [0.5, 0.0]])
    student, teacher = nn.Linear(2, 3), nn.Linear(2, 3)
    s, t = (m(paddle.to_tensor(x)).numpy() for m in (student, teacher))
    how = Distillation(teacher=teacher, logits=1.0)
    assert first_loss(student, how, [(x,)], loss="mse") == pytest.approx(np.square(s - t).mean(), rel=1e-5)


def test_a_student_becomes_its_teacher_and_the_teacher_stays() -> None:
    teacher, student = net(1), net(2)
    teacher.train()
    before = bits(teacher)
    x = data()[0]
    result = pl.finetune(student, [x[k : k + 16] for k in range(0, 48, 16)], epochs=60, lr=0.02,
                         teacher=Distillation(teacher=teacher, logits=1.0))
    assert result.epoch_losses[-1] < 0.05 * result.epoch_losses[0]
    assert bits(teacher) == before
    assert teacher.training


def plan_of(model: nn.Layer) -> Any:
    return pl.propose(pl.trace(model, (1, 1, 6, 6)), sparsity=0.5)


def features(teacher: Any, plan: Any = None) -> Distillation:
    return Distillation(teacher=teacher, logits=0.0, features=1.0, plan=plan)


def plain(student: nn.Layer) -> float:
    return pl.finetune(copy.deepcopy(student), [data()]).batch_losses[0]


@pytest.mark.parametrize("form", ["masked", "compact", "graph"])
def test_features_are_compared_where_readers_of_cut_groups_keep_units(form: str) -> None:
    teacher = net()
    teacher.eval()
    plan = plan_of(teacher)
    x = paddle.to_tensor(data()[0])
    student = copy.deepcopy(teacher)
    if form != "masked":
        student = pl.compact(teacher, plan, form="graph" if form == "graph" else "auto")
    else:
        with pl.mask(teacher, plan):
            student = copy.deepcopy(teacher)
    for layer in student.sublayers(include_self=True):
        if isinstance(layer, nn.BatchNorm2D):
            layer._momentum = 1.0
    gaps = []
    kept = [[u for u in range(n) if u not in plan.removed(name)] for name, n in (("3", 8), ("5", 4))]
    student.train()
    with paddle.no_grad():
        if form == "graph":
            graph = pl.trace(student, (1, 1, 6, 6))
            hidden = graph.run(x, until=["3", "5", "7"])
        else:
            copied = copy.deepcopy(student)
            hidden = [copied[: k + 1](x) for k in (3, 5, 7)]
        taught = [teacher[: k + 1](x) for k in (3, 5, 7)]
    for mine, theirs, units in zip(hidden, taught, [*kept, None], strict=True):
        a, b = mine.numpy(), theirs.numpy()
        if units is not None:
            b = b[:, units]
            a = a[:, units] if form == "masked" else a
        gaps.append(np.square(a - b).mean() / np.square(b).mean())
    told = first_loss(student, features(teacher, plan), plan=plan if form == "masked" else None) - plain(student)
    assert told == pytest.approx(np.mean(gaps), rel=0.05)


def test_features_without_a_plan_compare_only_what_has_the_same_shape() -> None:
    teacher = net()
    small = pl.compact(teacher, plan_of(teacher))
    assert first_loss(small, features(teacher)) > 0  # the last layer reads a cut group and keeps its outputs
    with pytest.raises(OptionError, match="no operator that reads a cut group has outputs to compare"):
        first_loss(copy.deepcopy(teacher), features(teacher))


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"logits": 1.5}, OptionError, r"logits is 1\.5; it is a number in \[0, 1\]"),
    ({"features": -1}, OptionError, "features is -1"),
    ({"temperature": 0}, OptionError, "temperature is 0"),
    ({"teacher": "dense"}, Exception, "the model is a str"),
])
def test_what_cannot_be_is_refused(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Distillation(**{"teacher": net(), **options})


def test_a_teacher_that_does_not_fit_is_refused_and_nothing_changes() -> None:
    student = net()
    before = bits(student)
    with pytest.raises(OptionError, match="the teacher is the model that is trained"):
        pl.finetune(student, [data()], teacher=student)
    with pytest.raises(DataError, match=r"the teacher's outputs are \(48, 5\) float32 and the model's \(48, 3\)"):
        pl.finetune(student, [data()], teacher=net(n_out=5))
    assert bits(student) == before
