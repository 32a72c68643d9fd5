"""The mean of the weights over a training: its formula, what judges it, and what it leaves alone."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError
from prunelab.train import SoftPruning


def data(n: int = 96) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None, None, None], 1.0, (n, 1, 6, 6)).astype("float32"), labels


BATCHES = [tuple(a[k : k + 16] for a in data()) for k in range(0, 96, 16)]


def net() -> nn.Layer:
    paddle.seed(0)
    return nn.Sequential(nn.Conv2D(1, 6, 3), nn.BatchNorm2D(6), nn.ReLU(), nn.Conv2D(6, 4, 3), nn.Flatten(),
                         nn.Linear(16, 3))  # fmt: skip


def tensors(model: nn.Layer) -> dict[str, np.ndarray]:
    # some of Paddle's batch norms hold their statistics among both
    return {name: t.numpy() for name, t in (*model.named_parameters(), *model.named_buffers())}


def test_later_steps_count_for_more_and_statistics_are_averaged_too() -> None:
    model, seen = net(), list[dict[str, np.ndarray]]()
    pl.finetune(model, BATCHES, epochs=2, lr=0.01, average=True, on_batch=lambda _: seen.append(tensors(model)))
    assert len(seen) == 12
    counts = np.array([k * (k + 1) for k in range(1, 13)], float)
    for name, found in tensors(model).items():
        expected = np.tensordot(counts / counts.sum(), np.stack([s[name] for s in seen]), 1)
        assert np.allclose(found, expected, atol=1e-5), name
    assert not np.allclose(seen[-1]["0.weight"], tensors(model)["0.weight"], atol=1e-5)
    assert any("_mean" in name for name in tensors(model))


def test_the_rate_stays_unless_a_schedule_is_given() -> None:
    def steps(**options: Any) -> np.ndarray:
        layer = nn.Linear(1, 1, bias_attr=False)
        seen = [layer.weight.item()]
        pl.finetune(layer, [(np.ones((1, 1), "float32"),)] * 4, optimizer="sgd", lr=0.1, **options,
                    loss=lambda outputs, labels=None: outputs.mean(),
                    on_batch=lambda _: seen.append(layer.weight.item()))
        return np.diff(seen)

    assert np.allclose(steps(average=True), -0.1, atol=1e-6)
    falling = steps()
    assert (np.diff(falling) > 0).all()
    assert np.allclose(steps(average=True, schedule="cosine"), falling, atol=1e-6)


def test_a_mean_is_nearer_to_what_noisy_steps_are_around() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 8)).astype("float32")
    y = (x @ rng.normal(size=(8, 1)) + rng.normal(size=(400, 1))).astype("float32")
    best = np.linalg.lstsq(x, y, rcond=None)[0]
    start = nn.Linear(8, 1, bias_attr=False)

    def away(average: bool) -> float:
        layer = copy.deepcopy(start)
        pl.finetune(layer, [(x[k : k + 4], y[k : k + 4]) for k in range(0, 400, 4)], epochs=5, lr=0.05, loss="mse",
                    schedule="constant", average=average)
        return float(np.square(layer.weight.numpy() - best).sum())

    assert away(True) < 0.5 * away(False)


def test_epochs_are_judged_by_the_mean_and_the_best_is_one() -> None:
    model, val = net(), data()
    result = pl.finetune(model, BATCHES, epochs=3, lr=0.003, average=True, val=val, seed=0)
    assert result.best_epoch == 2
    assert result.val_metrics[-1]["loss"] == pytest.approx(pl.evaluate(model, val, "loss")["loss"], rel=1e-6)
    plain = net()
    pl.finetune(plain, BATCHES, epochs=3, lr=0.003, average=True, seed=0)
    for name, found in tensors(plain).items():
        assert np.array_equal(found, tensors(model)[name]), f"judging changed the training of {name}"


def test_what_a_plan_cuts_stays_zero_and_an_error_leaves_all_as_it_was() -> None:
    model = net()
    plan = pl.propose(pl.trace(model, (1, 1, 6, 6)), sparsity=0.5)
    pl.finetune(model, BATCHES, lr=0.01, average=True, plan=plan)
    gone = list(plan.removed("0"))
    assert gone
    assert not model[0].weight.numpy()[gone].any()
    x = paddle.to_tensor(data()[0])
    model.eval()
    with paddle.no_grad():
        assert np.allclose(pl.compact(model, plan)(x).numpy(), model(x).numpy(), atol=1e-5)
    before = tensors(model)

    def stop(_: Any) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        pl.finetune(model, BATCHES, lr=0.01, average=True, on_epoch=stop)
    assert all((found == before[name]).all() for name, found in tensors(model).items())


def test_a_lab_takes_it_and_repeats_it() -> None:
    model = net()
    lab = pl.Lab(model, train=data(), val=data(), inputs=(1, 1, 6, 6), training={"average": True})
    state = lab.step("0", ratio=0.5, finetune=2)
    assert state.trained_with["average"] is True
    assert lab.replay().same


@pytest.mark.parametrize(("options", "message"), [
    ({"average": 1}, "average is 1; give True or False"),
    ({"average": True, "soft": SoftPruning(sparsity=0.5)}, "average and soft are both given"),
])
def test_what_has_no_mean_is_refused(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        pl.finetune(net(), BATCHES, **options)
