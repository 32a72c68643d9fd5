"""Training learns, keeps a masked model masked, repeats with its seed, and happens whole or not at all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, OptionError, TrainingError, UnknownNameError
from prunelab.surgery import cut_masks, zero_cut
from prunelab.train import OPTIMIZERS


def net(seed: int = 0) -> nn.Layer:
    paddle.seed(seed)
    return nn.Sequential(
        nn.Conv2D(1, 6, 3, padding=1), nn.BatchNorm2D(6), nn.Sigmoid(), nn.Conv2D(6, 4, 3), nn.ReLU(), nn.Dropout(0.2),
        nn.Flatten(), nn.Linear(4 * 16, 3),
    )  # fmt: skip


def data(n: int = 48) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None, None, None], 0.5, (n, 1, 6, 6)).astype(np.float32), labels


def bits(model: nn.Layer) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in (*model.named_parameters(), *model.named_buffers())}


BATCHES = [(data()[0][k : k + 16], data()[1][k : k + 16]) for k in range(0, 48, 16)]


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, lambda p: paddle.optimizer.RMSProp(0.01, parameters=p)])
def test_every_optimizer_learns(optimizer: Any) -> None:
    model = net()
    model.eval()
    before = pl.evaluate(model, BATCHES)["loss"]
    result = pl.finetune(model, BATCHES, epochs=8, optimizer=optimizer, lr=0.05 if optimizer == "sgd" else None)
    assert pl.evaluate(model, BATCHES)["loss"] < before
    assert result.epoch_losses[-1] < result.epoch_losses[0]
    assert [len(epoch) for epoch in result.losses] == [3] * 8
    assert "8 epochs, 24 batches" in repr(result)
    assert not any(layer.training for layer in model.sublayers(include_self=True))
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, lambda p: paddle.optimizer.Momentum(0.1, parameters=p,
                                                                                        weight_decay=0.1)])
def test_a_masked_model_stays_masked_while_it_trains(optimizer: Any) -> None:
    model = net()
    graph = pl.trace(model, (1, 1, 6, 6))
    plan = pl.propose(graph, sparsity=0.5)
    masks = cut_masks(model, plan)
    pl.finetune(model, BATCHES, epochs=2, optimizer=optimizer, plan=plan)
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert masks
    for name, stays in masks.items():
        assert not named[name].numpy()[~stays].any(), name
        assert not np.signbit(named[name].numpy()[~stays]).any(), name
        assert named[name].numpy()[stays].any(), name
    x = paddle.to_tensor(data()[0])
    model.eval()
    small = pl.compact(model, plan)
    small.eval()
    np.testing.assert_allclose(small(x).numpy(), model(x).numpy(), rtol=1e-4, atol=1e-5)




def test_the_first_batch_is_trained_on_as_if_the_model_had_been_masked_before() -> None:
    trained = []
    for before in (True, False):
        model = net()
        plan = pl.propose(pl.trace(model, (1, 1, 6, 6)), sparsity=0.5)
        if before:
            zero_cut(model, plan)
        result = pl.finetune(model, BATCHES, epochs=1, plan=plan, seed=0)
        trained.append((result.losses, [p.numpy().tobytes() for p in model.parameters()]))
    assert trained[0] == trained[1]


def test_masks_without_a_plan() -> None:
    model = nn.Linear(4, 3)
    stays = np.ones((4, 3), bool)
    stays[1] = False
    x, y = np.ones((6, 4), np.float32), np.arange(6) % 3
    pl.finetune(model, [(x, y)], epochs=2, plan={"weight": stays})
    assert not model.weight.numpy()[1].any()
    with pytest.raises(UnknownNameError, match="unknown parameter 'wight' in the masks for Linear; did you mean"):
        pl.finetune(model, [(x, y)], plan={"wight": stays})
    with pytest.raises(OptionError, match=r"the mask of 'weight' has the shape \(3,\), and the parameter \(4, 3\)"):
        pl.finetune(model, [(x, y)], plan={"weight": stays[0]})
    with pytest.raises(OptionError, match="plan is 5; give a Plan"):
        pl.finetune(model, [(x, y)], plan=5)


@pytest.mark.parametrize("loss", [
    lambda outputs, labels: nn.functional.cross_entropy(outputs.detach(), labels),
    lambda outputs, labels: paddle.to_tensor(float(outputs.mean())),
    lambda outputs, labels: paddle.to_tensor(1.0, stop_gradient=False) * 2,
])
def test_a_loss_that_depends_on_no_parameter_is_refused(loss: Any) -> None:
    model = net()
    before = bits(model)
    with pytest.raises(TrainingError, match="depends on no parameter of Sequential: nothing would be learnt"):
        pl.finetune(model, BATCHES, loss=loss)
    assert bits(model) == before


def test_the_same_seed_gives_the_same_bits() -> None:
    trained = []
    for seed in (1, 1, 2):
        model = net()
        pl.finetune(model, data(200), epochs=1, seed=seed)
        trained.append(bits(model))
    assert trained[0] == trained[1] != trained[2]


def test_the_learning_rate_falls_along_a_cosine() -> None:
    rates: list[float] = []
    made: list[Any] = []

    def watch(done: Any) -> None:
        rates.append(made[0].get_lr())

    make, usual = OPTIMIZERS["sgd"]
    with pytest.MonkeyPatch.context() as patch:
        kept = lambda lr, p: made.append(make(lr, p)) or made[-1]  # noqa: E731
        patch.setattr("prunelab.train.optimizers.OPTIMIZERS", {"sgd": (kept, usual)})
        pl.finetune(net(), BATCHES, epochs=2, optimizer="sgd", lr=0.1, on_batch=watch)
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * k / 6)) for k in range(6)])


def test_a_scheduler_of_ones_own_steps_after_each_batch() -> None:
    scheduler = paddle.optimizer.lr.StepDecay(0.1, step_size=1, gamma=0.5)
    pl.finetune(net(), BATCHES, optimizer=lambda p: paddle.optimizer.SGD(scheduler, parameters=p))
    assert scheduler.get_lr() == pytest.approx(0.1 * 0.5**3)


def test_a_callback_sees_each_batch_and_may_end_the_training_and_keep_it() -> None:
    model = net()
    before = bits(model)
    seen: list[tuple[int, int, int | None]] = []

    def second(done: Any) -> bool:
        seen.append((done.epoch, done.batch, done.n_batches))
        return len(seen) == 4

    result = pl.finetune(model, BATCHES, epochs=5, on_batch=second)
    assert seen == [(0, 0, 3), (0, 1, 3), (0, 2, 3), (1, 0, 3)]
    assert result.stopped
    assert bits(model) != before


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_is_raised_on_the_way_leaves_the_model_as_it_was(error: type[BaseException]) -> None:
    model = net()
    model.train()
    before = bits(model)

    def fail(done: Any) -> None:
        if done.batch == 1:
            assert bits(model) != before
            raise error

    with pytest.raises(error):
        pl.finetune(model, BATCHES, on_batch=fail)
    assert bits(model) == before
    assert all(p.grad is None for p in model.parameters())
    assert all(layer.training for layer in model.sublayers(include_self=True))


@pytest.mark.parametrize(("bad", "value"), [(np.nan, "nan"), (np.inf, "inf")])
def test_a_loss_that_is_not_finite_is_named_and_leaves_the_model_as_it_was(bad: float, value: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1D(36), nn.Linear(36, 1))
    before = bits(model)
    targets = [np.zeros((16, 1), np.float32) for _ in range(3)]
    targets[2][5] = bad
    broken = [(x, y) for (x, _), y in zip(BATCHES, targets, strict=True)]
    with pytest.raises(TrainingError, match=f"the loss is {value} at batch 2 of epoch 0"):
        pl.finetune(model, broken, epochs=2, loss=nn.MSELoss())
    assert bits(model) == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": -1}, OptionError, "epochs is -1"),
        ({"epochs": 1.5}, OptionError, "epochs is 1.5"),
        ({"seed": 2**70}, OptionError, "seed is 1180591620717411303424; it is a whole number from 0 to"),
        ({"lr": 0}, OptionError, "lr is 0"),
        ({"lr": math.nan}, OptionError, "lr is nan"),
        ({"optimizer": "adamm"}, UnknownNameError, "did you mean 'adam'"),
        ({"schedule": "cosin"}, UnknownNameError, "did you mean 'cosine'"),
        ({"optimizer": lambda p: None}, OptionError, "gave a NoneType"),
        ({"optimizer": lambda p: 1 / 0}, OptionError, "the optimizer function failed: division by zero"),
        ({"optimizer": paddle.optimizer.SGD}, OptionError, r"the class SGD; .* lambda p: paddle\.optimizer\.SGD"),
        ({"lr": paddle.optimizer.lr.StepDecay(0.1, 2)}, OptionError, "lr is a StepDecay; a scheduler goes into"),
        ({"optimizer": lambda p: None, "lr": 0.1}, OptionError, "beside an optimizer of your own"),
        ({"data": []}, DataError, "no batches"),
        ({"data": [BATCHES[0][0]]}, DataError, "no labels"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_words(options: Any, error: type[Exception], message: str) -> None:
    model = net()
    before = bits(model)
    with pytest.raises(error, match=message):
        pl.finetune(model, **{"data": BATCHES, **options})
    assert bits(model) == before


def test_an_optimizer_that_is_made_already_and_a_model_that_does_not_train_are_refused() -> None:
    model = net()
    with pytest.raises(OptionError, match="the optimizer is made already"):
        pl.finetune(model, BATCHES, optimizer=paddle.optimizer.Adam(parameters=model.parameters()))
    with pytest.raises(OptionError, match="has no parameter that trains"):
        pl.finetune(nn.ReLU(), BATCHES)


def test_numpys_numbers_are_numbers() -> None:
    model = net()
    result = pl.finetune(model, BATCHES, epochs=np.int64(1), lr=np.float32(0.01), seed=np.uint8(3))
    assert len(result.batch_losses) == 3


def test_no_epochs_change_nothing() -> None:
    model = net()
    before = bits(model)
    assert pl.finetune(model, BATCHES, epochs=0).losses == ()
    assert bits(model) == before
