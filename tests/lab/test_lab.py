"""Opening, steps and runs; and what can be taken out of a Lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import batched, bits, data, everything, lab, net
from paddle import nn

import prunelab as pl
from prunelab import errors


def test_opening_records_the_dense_model_and_leaves_the_callers() -> None:
    model = net()
    model.train()
    before = bits(model)
    opened = pl.Lab(model, val=data(12, 1), train=batched(), finetune=1)
    state = opened.state
    assert (state.id, state.parent, state.label, opened.states) == ("s0", None, "dense", (state,))
    assert not state.plan
    assert state.cost == opened.graph.cost()
    assert state.metrics == pl.evaluate(model, data(12, 1))
    opened.step("0", ratio=0.5)
    assert bits(model) == before
    assert all(layer.training for layer in model.sublayers(include_self=True))
    assert opened.model is not model


def test_a_step_cuts_trains_evaluates_and_records() -> None:
    opened = lab()
    dense = bits(opened.model)
    state = opened.step("0", ratio=0.5, finetune=1)
    assert state is opened.state
    assert (state.id, state.parent, state.label) == ("s1", "s0", "0 50 %")
    assert state.action == "lab.step('0', ratio=0.5, criterion='l1_weight', finetune=1)"
    assert len(state.plan.removed("0")) == 3
    assert state.cost == opened.graph.cost(opened.plan)
    assert state.metrics == opened.evaluate() == pl.evaluate(opened.model, data(12, 1))
    assert bits(opened.model).keys() == dense.keys()
    assert bits(opened.model) != dense
    cut = list(state.plan.removed("0"))
    assert not opened.model[0].weight.numpy()[cut].any()
    assert not opened.model[3].weight.numpy()[:, cut].any()
    small = opened.compact()
    small.eval()
    x = paddle.to_tensor(data()[0])
    opened.model.eval()
    np.testing.assert_allclose(small(x).numpy(), opened.model(x).numpy(), rtol=1e-4, atol=1e-5)
    assert small[0].weight.shape[0] == 3


def test_a_step_chooses_what_propose_chooses_and_keeps_what_is_gone() -> None:
    opened = lab()
    plan = pl.propose(opened.graph, ratios={"0": 0.34})
    assert opened.step("0", ratio=0.34).plan.removed("0") == plan.removed("0")
    more = pl.propose(opened.graph, ratios={"0": 0.67}, start=opened.plan)
    state = opened.step("0", ratio=0.67)
    assert state.plan.removed("0") == more.removed("0")
    assert set(plan.removed("0")) < set(state.plan.removed("0"))


def test_steps_without_a_layer_go_through_the_network_in_order() -> None:
    opened = lab()
    assert [opened.step(ratio=r).label for r in (0.3, 0.3, 0.5)] == ["0 30 %", "3 30 %", "0 50 %"]
    opened.step(ratio=0.5)
    with pytest.raises(errors.OptionError, match=r"every layer is at the ratio 0\.5 already"):
        opened.step(ratio=0.5)


def test_a_run_meets_its_target_and_its_actions_repeat_it() -> None:
    opened = lab()
    last = opened.run(to=0.6, by="params", steps=3, scope="global", finetune=1)
    dense = opened.states[0].cost.params
    assert last is opened.state
    assert last.cost.params <= 0.4 * dense
    params = [s.cost.params for s in opened.states]
    assert params == sorted(params, reverse=True)
    again = lab()
    for state in opened.states[1:]:
        eval(state.action, {"lab": again})  # noqa: S307
    assert everything(again) == everything(opened)


def test_a_run_that_was_interrupted_goes_on_where_it_was() -> None:
    whole = lab()
    whole.run(to=0.6, steps=3, finetune=1)
    opened = lab()

    def stop_second(progress: Any) -> None:
        if progress.label.startswith("step 2"):
            opened.stop()

    opened.on_progress.append(stop_second)
    with pytest.raises(errors.Stopped, match=r"step 2 of 3: .* was stopped; the Lab is in its last recorded state"):
        opened.run(to=0.6, steps=3, finetune=1)
    assert opened.state.id == "s1"
    opened.on_progress.clear()
    opened.run(to=0.6, steps=3, finetune=1)
    assert everything(opened) == everything(whole)
    with pytest.raises(errors.OptionError, match="gone already"):
        opened.run(to=0.6, steps=3)


@pytest.mark.parametrize("schedule", ["one_shot", "linear", "cubic"])
def test_every_schedule_ends_at_its_target(schedule: str) -> None:
    opened = lab()
    target = pl.propose(opened.graph, sparsity=0.75)
    opened.run(schedule, to=0.75, steps=2)
    assert opened.plan.groups == target.groups
    assert len(opened.states) == (2 if schedule == "one_shot" else 3)


def test_without_validation_data_states_have_no_metrics() -> None:
    opened = lab(val=None)
    assert opened.step("0", ratio=0.5).metrics == {}
    assert repr(opened)
    with pytest.raises(errors.OptionError, match="data is missing"):
        opened.evaluate()
    assert opened.evaluate(data(12, 1)).keys() == {"accuracy", "loss"}


def test_an_export_has_the_smaller_model_beside_the_dense_one(tmp_path: Path) -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    before = everything(opened)
    out = opened.export(tmp_path / "out", formats=("paddle",))
    judged = out.manifest["formats"]["paddle"]["validation"]
    assert judged["metrics"]["accuracy"]["file"] == opened.state.metrics["accuracy"]
    assert out.size_bytes["paddle"] < out.dense_size_bytes["paddle"]
    assert pl.Plan.load(tmp_path / "out" / "plan.json") == opened.plan
    assert everything(opened) == before
    with pytest.raises(errors.UnknownNameError, match="unknown format"):
        opened.export(tmp_path / "other", formats=("padle",))
    assert not (tmp_path / "other").exists()


def test_the_model_of_a_state_can_be_had_beside_the_current_one() -> None:
    opened = lab()
    dense, metrics = bits(opened.model), dict(opened.state.metrics)
    opened.step("0", ratio=0.5, finetune=1)
    copied = opened._bench.copy_of(opened.states[0])
    assert bits(copied) == dense
    assert pl.evaluate(copied, data(12, 1)) == metrics
    assert bits(opened.model) != dense


class Scaled(nn.Layer):
    """Holds a tensor that is no parameter and no buffer, whose axis is cut too."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2D(1, 6, 3), nn.Conv2D(6, 4, 3)
        self.fc = nn.Linear(4, 3)
        self.scale = paddle.arange(1, 7, dtype="float32").reshape([1, 6, 1, 1])

    def forward(self, x):
        return self.fc(self.b(self.a(x) * self.scale).mean([2, 3]))


def test_plain_tensors_of_a_model_are_part_of_its_state() -> None:
    opened = pl.Lab(Scaled(), val=data(12, 1))
    metrics = opened.evaluate()
    scale = opened.model.scale.numpy().copy()
    opened.step("a", ratio=0.5)
    small = opened.compact()
    small.eval()
    assert pl.evaluate(small, data(12, 1)) == pytest.approx(opened.evaluate(), rel=1e-4)
    opened.back()
    np.testing.assert_array_equal(opened.model.scale.numpy(), scale)
    assert opened.evaluate() == metrics


def test_an_lstm_in_a_lab() -> None:
    class Reader(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lstm, self.fc = nn.Embedding(20, 8), nn.LSTM(8, 12), nn.Linear(12, 3)

        def forward(self, x):
            return self.fc(self.lstm(self.embed(x))[0].mean(1))

    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 20, (8, 5)), rng.integers(0, 3, 8)) for _ in range(2)]
    opened = pl.Lab(Reader(), train=pairs, val=pairs, finetune=1)
    first = everything(opened)
    state = opened.step("lstm", ratio=0.5)
    assert len(state.plan.removed("lstm")) == 6
    opened.back()
    assert everything(opened) == first


def test_several_layers_are_cut_in_one_step_each_to_its_ratio() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    state = opened.step({"0": 0.25, "3": 0.5})
    assert (state.id, state.label) == ("s2", "1 layer")
    assert [opened.plan.ratio("0"), opened.plan.ratio("3")] == [0.5, 0.5]
    alike = lab()
    alike.step({"0": 0.5, "3": 0.5}, criterion="l2_weight")
    assert alike.state.action == "lab.step({'0': 0.5, '3': 0.5}, criterion='l2_weight', finetune=0)"
    for layers, told in (({"0": 1.5}, "the ratio of 0 is 1.5"), ({"8": 0.5}, "8 cannot be cut"), ({"0": 0}, "no layer"),
                         ({"33": 0.5}, "unknown layer '33'"), ({"0": 0.5}, "gone already")):
        with pytest.raises(errors.PrunelabError, match=told):
            alike.step(layers)
    with pytest.raises(errors.OptionError, match="by and scope are for all layers, and layers are named"):
        alike.step({"0": 0.6}, by="macs")
    assert alike.state.id == "s1"
