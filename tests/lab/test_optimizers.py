"""What an optimizer gathers is a part of a state where that is asked for: it comes back bit for bit, and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import batched, bits, data, everything, lab, net

import prunelab as pl
from prunelab import errors


def with_schedule(parameters: Any) -> Any:
    scheduler = paddle.optimizer.lr.StepDecay(0.05, step_size=2, gamma=0.5)
    return paddle.optimizer.Momentum(scheduler, 0.9, parameters=parameters)


def amsgrad(parameters: Any) -> Any:
    return paddle.optimizer.AdamW(0.01, parameters=parameters, weight_decay=0.1, amsgrad=True)


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"lr": 0.01}, "momentum": {"optimizer": "momentum"}, "sgd": {"optimizer": "sgd"},
    "a scheduler": {"optimizer": with_schedule}, "amsgrad": {"optimizer": amsgrad},
}  # fmt: skip


def gathered(opened: pl.Lab) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in opened._bench.gathered().items()}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_training_goes_on_with_what_was_gathered_wherever_one_comes_from(kind: str, tmp_path: Path) -> None:
    options = {"keep_optimizer": True, "workspace": tmp_path, **OPTIMIZERS[kind]}
    opened = lab(**options)
    assert gathered(opened) == {}
    opened.step("0", ratio=0.5, finetune=1)
    first = gathered(opened)
    assert bool(first) == (kind != "sgd")
    opened.step("3", ratio=0.25)
    assert gathered(opened) == first, "a step without training leaves it"
    opened.finetune(1)
    second, hashed, weights = gathered(opened), everything(opened), bits(opened.model)
    assert second != first or kind == "sgd"
    opened.goto("s0")
    assert gathered(opened) == {}
    opened.goto("s2")
    assert gathered(opened) == first
    opened.finetune(1)
    assert (gathered(opened), bits(opened.model)) == (second, weights)
    opened.goto("s2")
    opened.close()
    again = pl.Lab(net(), train=batched(), val=data(12, 1), **options)
    assert gathered(again) == first
    again.finetune(1)
    assert (gathered(again), bits(again.model)) == (second, weights)
    again.goto("s3")
    assert everything(again) == hashed
    assert again.replay("s3").same
    assert all(not name.startswith("optimizer") for name in again.compare("s1", "s3").weights)
    again.close()
    assert pl.doctor(tmp_path).ok


def test_it_goes_on_as_one_optimizer_would_that_was_never_put_away() -> None:
    """Two trainings of one epoch, and one loop of Paddle's over both with the same batches."""
    opened = lab(optimizer=with_schedule, keep_optimizer=True, train=batched())
    opened.finetune(1)
    position = [array.item() for name, array in opened._bench.gathered().items() if name.endswith(":last_epoch")]
    assert position == [3]  # a step for each of three batches
    opened.finetune(1)
    assert opened._bench.gathered()["optimizer:Momentum:scheduler:last_epoch"].item() == 6
    alone = lab(optimizer=with_schedule, train=batched())
    alone.finetune(1)
    alone.finetune(1)
    assert bits(alone.model) != bits(opened.model), "a new optimizer does something else"

    straight = lab(train=batched()).model
    straight.train()
    optimizer = with_schedule(straight.parameters())
    from prunelab.lab.randomness import seed_all, step_seed

    for depth in (1, 2):
        seed_all(step_seed(0, depth))
        for x, y in batched():
            loss = paddle.nn.functional.cross_entropy(straight(paddle.to_tensor(x)), paddle.to_tensor(y))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            optimizer._learning_rate.step()
    for name, value in straight.named_parameters():
        ours = dict(opened.model.named_parameters())[name]
        np.testing.assert_allclose(ours.numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


def test_without_it_a_state_has_none_and_another_optimizer_begins_anew(tmp_path: Path) -> None:
    plain = lab(workspace=tmp_path / "plain")
    plain.step("0", ratio=0.5, finetune=1)
    assert gathered(plain) == {}
    kept = lab(workspace=tmp_path / "kept", keep_optimizer=True)
    kept.step("0", ratio=0.5, finetune=1)
    assert bits(kept.model) == bits(plain.model)
    assert kept.state.stored_bytes > 1.5 * plain.state.stored_bytes
    kept.close()
    other = pl.Lab(net(), train=batched(), val=data(12, 1), workspace=tmp_path / "kept", keep_optimizer=True,
                   optimizer="momentum")
    other.finetune(1)
    assert {name.split(":")[1] for name in gathered(other)} == {"Momentum"}
    other.close()
    plain.close()
    with pytest.raises(errors.OptionError, match="keep_optimizer is 1; give True or False"):
        lab(keep_optimizer=1)


lr = paddle.optimizer.lr


class OfItsOwn(lr.LRScheduler):
    """A schedule around another one, which it moves on itself; Paddle's own warm-up tells its inner one where it is."""

    def __init__(self) -> None:
        self.inner = lr.ExponentialDecay(0.05, 0.9)
        super().__init__(0.05)

    def get_lr(self) -> float:
        return self.inner()

    def step(self, epoch: int | None = None) -> None:
        self.inner.step()
        super().step(epoch)


SCHEDULERS: dict[str, Any] = {
    "step": lambda: lr.StepDecay(0.05, 2, 0.5),
    "another inside": lambda: lr.LinearWarmup(lr.CosineAnnealingDecay(0.05, 10), 4, 0.0, 0.05),
    "one of its own": OfItsOwn,
    "restarts": lambda: lr.CosineAnnealingWarmRestarts(0.05, 4),
    "cyclic": lambda: lr.CyclicLR(0.01, 0.1, 3),
    "one cycle": lambda: lr.OneCycleLR(0.1, 20),
    "a product": lambda: lr.MultiplicativeDecay(0.1, lambda epoch: 0.9),
}


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_scheduler_goes_on_as_one_that_was_never_put_away(kind: str, tmp_path: Path) -> None:
    straight, rates = SCHEDULERS[kind](), []
    for _ in range(6):
        rates.append(straight())
        straight.step()
    taken: list[float] = []

    class Recorded(paddle.optimizer.SGD):
        def step(self) -> None:
            taken.append(self.get_lr())
            super().step()

    def make(parameters: Any) -> Any:
        return Recorded(SCHEDULERS[kind](), parameters=parameters)

    opened = lab(optimizer=make, keep_optimizer=True, workspace=tmp_path)
    opened.finetune(1)
    opened.finetune(1)
    assert taken == rates
    weights = bits(opened.model)
    opened.goto("s1")
    opened.close()
    again = lab(optimizer=make, keep_optimizer=True, workspace=tmp_path)
    again.finetune(1)
    assert taken[6:] == rates[3:]
    assert bits(again.model) == weights
    again.close()


def test_a_scheduler_that_waits_for_a_metric_is_refused() -> None:
    def make(parameters: Any) -> Any:
        return paddle.optimizer.SGD(lr.ReduceOnPlateau(0.1), parameters=parameters)

    with pytest.raises(errors.OptionError, match="scheduler is a ReduceOnPlateau, which waits for a metric"):
        lab(optimizer=make)
