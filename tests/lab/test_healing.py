"""Steps that repair: kept weights re-solved towards the dense model, recorded, stopped and replayed as all else."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import batched, bits, data, everything, lab, net
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.train.repair.polish import Polish


@pytest.fixture(scope="module")
def trained() -> nn.Layer:
    paddle.seed(0)
    model = net(12)
    pl.finetune(model, batched(96), 30, lr=0.02)
    return model


def opened_on(model: nn.Layer, **options: object) -> pl.Lab:
    opened = pl.Lab(model, **{"train": batched(96), "val": data(64, 1), "metrics": "loss", **options})
    opened.on_progress.append(lambda progress: None)
    return opened


def test_a_step_that_repairs_is_nearer_to_the_dense_model_and_stays_cut(trained: nn.Layer) -> None:
    opened = opened_on(trained)
    plain = opened.step("0", ratio=0.6)
    opened.back()
    better = opened.step("0", ratio=0.6, repair=True)
    assert better.plan.groups == plain.plan.groups
    assert better.action == "lab.step('0', ratio=0.6, criterion='l1_weight', finetune=0, repair=True)"
    x = paddle.to_tensor(data(64, 1)[0])

    def apart(state: str) -> float:
        opened.goto(state)
        opened.model.eval()
        trained.eval()
        return float(np.abs(opened.model(x).numpy() - trained(x).numpy()).mean())

    assert apart("s2") < 0.7 * apart("s1")
    opened.goto("s2")
    cut = list(better.plan.removed("0"))
    assert not opened.model[0].weight.numpy()[cut].any()
    assert not opened.model[3].weight.numpy()[:, cut].any()
    small = opened.compact()
    small.eval()
    opened.model.eval()
    np.testing.assert_allclose(small(x).numpy(), opened.model(x).numpy(), rtol=1e-4, atol=1e-5)


def test_a_model_that_was_trained_before_its_first_cut_is_repaired_towards_what_it_had_learnt() -> None:
    paddle.seed(0)
    opened = opened_on(net(12), lr=0.02)
    x = paddle.to_tensor(data(64, 1)[0])

    def outputs() -> np.ndarray:
        opened.model.eval()
        return opened.model(x).numpy()

    untrained = outputs()
    opened.finetune(30)
    trained = outputs()
    opened.step("0", ratio=0.4)
    opened.step("0", ratio=0.6, repair=True)
    assert np.abs(outputs() - trained).mean() < 0.3 * np.abs(outputs() - untrained).mean()


def test_repaired_states_come_back_and_are_replayed(trained: nn.Layer) -> None:
    opened = opened_on(trained, repair=True, seed=2)
    opened.run(to=0.6, steps=2, finetune=1)
    gone = opened.plan.removed("0")
    more = [unit for unit in range(12) if unit not in gone][:1]
    opened.adopt({"3": opened.plan.removed("3"), "0": [*gone, *more]})
    here = everything(opened)
    found = opened.replay()
    assert found.same, found
    opened.goto("s0")
    assert bits(opened.model) == bits(trained)
    opened.goto(found.state)
    assert everything(opened) == here
    assert opened.step("3", ratio=0.9, repair=False).action.endswith("finetune=0)")


def test_a_repair_takes_as_many_steps_on_each_block_as_are_asked_for(trained: nn.Layer) -> None:
    opened = opened_on(trained, repair=20, seed=2)
    state = opened.step("0", ratio=0.6, finetune=0)
    assert opened.healing.repair == 20
    assert state.action.endswith("repair=20)")
    expected = pl.repair(trained, state.plan, batched(96), steps=20, seed=state.seed)
    with pl.mask(expected, state.plan):
        assert bits(opened.model) == bits(expected)
    opened.step("3", ratio=0.5, repair=True)
    assert opened.replay().same


def test_a_repair_is_stopped_between_layers_and_leaves_the_recorded_state(trained: nn.Layer) -> None:
    opened = opened_on(trained)
    before = everything(opened)
    told = []

    def stop(progress: object) -> None:
        told.append(progress)
        if len(told) == 2:  # the first is told before the cut
            opened.stop()

    opened.on_progress[:] = [stop]
    with pytest.raises(errors.Stopped, match="was stopped"):
        opened.step("0", ratio=0.6, repair=True)
    assert len(told) == 2
    assert everything(opened) == before


def test_a_repair_is_stopped_between_two_steps_on_a_block(trained: nn.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opened_on(trained)
    before, train = everything(opened), Polish._train

    def stopped(self: Polish, *args: Any) -> Any:
        opened.stop()
        return train(self, *args)

    monkeypatch.setattr(Polish, "_train", stopped)
    with pytest.raises(errors.Stopped, match="was stopped"):
        opened.step("0", ratio=0.6, repair=1_000_000)
    assert everything(opened) == before


def test_a_repair_needs_data_and_no_labels(trained: nn.Layer) -> None:
    images = [x for x, _ in batched(96)]
    opened = pl.Lab(trained, train=images, inputs=(1, 1, 6, 6))
    assert opened.step("0", ratio=0.5, repair=True).id == "s1"
    without = lab(train=None, val=None, inputs=(1, 1, 6, 6))
    with pytest.raises(errors.OptionError, match="repair needs data, without labels too"):
        without.step("0", ratio=0.5, repair=True)
    for ask in (lambda: opened.step("3", repair=1), lambda: lab(repair="yes")):
        with pytest.raises(errors.OptionError, match=r"repair is .*; give True or False"):
            ask()
