"""The Lab: steps, history, going back to the last bit (laws 3 and 7), and what it refuses."""

from __future__ import annotations

import random
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_nets import batched, bits, data, everything, lab, net
from paddle import nn
from paddle.io import DataLoader, Dataset

import prunelab as pl
from prunelab import errors
from prunelab.lab import work


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


# law 3: back restores every bit


def test_going_back_restores_every_bit_in_place_and_leaves_what_did_not_change() -> None:
    opened = lab()
    first = everything(opened)
    tensors = dict(opened.model.named_parameters())
    opened.step("0", ratio=0.5, finetune=2)
    second = everything(opened)
    random.random(), np.random.rand(), paddle.randn([3])
    assert opened.back().id == "s0"
    assert everything(opened) == first
    assert all(opened_tensor is tensors[name] for name, opened_tensor in opened.model.named_parameters())
    assert opened.goto("s1").id == "s1"
    assert everything(opened) == second


def test_going_back_touches_only_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    from prunelab.lab import snapshot

    opened = lab()
    opened.step("0", ratio=0.5)
    written: list[str] = []
    write = snapshot._write
    monkeypatch.setattr(snapshot, "_write", lambda t, a, name: written.append(name) or write(t, a, name))
    opened.back()
    # the convolution and its bias, batch norm's four, and what reads them; not the later layers
    assert set(written) <= {"0.weight", "0.bias", "1.weight", "1.bias", "1._mean", "1._variance", "3.weight"}
    assert "0.weight" in written


def test_what_a_hand_changed_is_restored_too() -> None:
    opened = lab()
    before = everything(opened)
    opened.step("0", ratio=0.5)
    opened.model[8].weight.set_value(opened.model[8].weight * 2)
    opened.goto("s0")
    assert everything(opened) == before


# law 7: same seed, same history


def test_the_same_seed_gives_the_same_history_whatever_is_drawn_in_between() -> None:
    hashes = []
    for noise in (0, 3):
        opened = lab(seed=5)
        np.random.rand(noise), random.seed(noise), paddle.seed(noise)
        opened.step("0", ratio=0.5, finetune=1, criterion="random")
        np.random.rand(noise)
        opened.run(to=0.5, steps=2, finetune=1)
        hashes.append([everything(opened), [dict(s.metrics) for s in opened.states], [s.seed for s in opened.states]])
    assert hashes[0] == hashes[1]
    assert everything(lab(seed=6)) != everything(lab(seed=5))


def test_a_step_taken_twice_from_a_state_gives_the_same_bits() -> None:
    opened = lab()
    opened.step("0", ratio=0.5, finetune=1)
    states = [opened.step("3", ratio=0.5, finetune=1, criterion="random")]
    first = opened.model.state_dict()
    kept = {k: v.numpy().copy() for k, v in first.items()}
    opened.back()
    states.append(opened.step("3", ratio=0.5, finetune=1, criterion="random"))
    assert states[0].id != states[1].id
    assert states[0].parent == states[1].parent == "s1"
    assert states[0].plan == states[1].plan
    assert states[0].metrics == states[1].metrics
    assert all((kept[k] == v.numpy()).all() for k, v in opened.model.state_dict().items())


MOVES = st.lists(st.sampled_from(["step", "train", "back", "goto", "reopen", "fail"]), min_size=3, max_size=8)


@settings(max_examples=10)
@given(moves=MOVES, draw=st.randoms(use_true_random=False))
def test_a_random_walk_finds_every_state_as_it_was(moves: list[str], draw: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = lab(workspace=folder)
        seen = {opened.state.id: everything(opened)}
        for move in moves:
            layer = draw.choice(["0", "3"])
            ratio = (len(opened.plan.removed(layer)) + 1.001) / opened.graph.group(layer).units
            if move in ("step", "train", "fail") and ratio < 0.9:
                if move == "fail":
                    with pytest.raises(errors.UnknownNameError):
                        opened.step(layer, ratio=ratio, criterion="none")
                else:
                    opened.step(layer, ratio=ratio, finetune=int(move == "train"))
                    seen[opened.state.id] = everything(opened)
            elif move == "back" and opened.state.parent is not None:
                opened.back()
            elif move == "goto":
                opened.goto(draw.choice(sorted(seen)))
            elif move == "reopen":
                here = opened.state
                opened.close()
                opened = pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)
                assert opened.state == here
            assert everything(opened) == seen[opened.state.id]
        assert [s.id for s in opened.states] == [f"s{k}" for k in range(len(seen))]
        opened.close()


class Noisy(Dataset):
    """Draws from every generator there is for each sample."""

    def __getitem__(self, index: int) -> Any:
        x, y = data()
        noise = float(paddle.randn([]).item()) + np.random.normal() + random.random()
        return x[index] + np.float32(noise / 10), y[index]

    def __len__(self) -> int:
        return 24


def test_a_loader_that_shuffles_and_draws_gives_the_same_bits() -> None:
    hashes = []
    for _ in range(2):
        opened = lab(train=DataLoader(Noisy(), batch_size=8, shuffle=True), val=DataLoader(Noisy(), batch_size=8))
        opened.step("0", ratio=0.5, finetune=2)
        hashes.append(everything(opened))
    assert hashes[0] == hashes[1]


# looking


def test_the_history_is_a_table_with_the_current_state_marked() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    opened.back()
    opened.step("3", ratio=0.25)
    table = opened.history
    assert list(table["id"]) == ["s0", "s1", "s2"]
    assert list(table["parent"][1:]) == ["s0", "s0"]
    assert list(table["current"]) == [False, False, True]
    assert {"label", "sparsity", "accuracy", "loss", "params", "macs", "duration_s", "action"} <= set(table.columns)
    assert table["params"].tolist() == [s.cost.params for s in opened.states]
    assert [s.id for s in opened.path()] == ["s0", "s2"]


def test_a_preview_is_what_the_step_then_does() -> None:
    opened = lab()
    opened.step("0", ratio=0.3)
    for criterion in ("l1_weight", "random"):
        seen = opened.preview("0", 0.7, criterion)
        state = opened.step("0", ratio=0.7, criterion=criterion)
        assert (seen.removed, seen.cost) == (state.plan.removed("0"), state.cost)
        assert set(seen.new) == set(state.plan.removed("0")) - set(opened.path()[-2].plan.removed("0"))
        assert "units gone" in repr(seen)
        opened.back()
    assert opened.preview("0", 0.1).removed == opened.plan.removed("0")


def test_masks_show_the_weights_that_were_cut() -> None:
    opened = lab()
    dense = opened.graph.weights("0").copy()
    state = opened.step("0", ratio=0.5)
    picture = opened.masks("0")
    cut = list(state.plan.removed("0"))
    assert picture.n_cut == 3
    assert not picture.kept[cut].any()
    np.testing.assert_array_equal(picture.weights, dense)
    assert not opened.graph.weights("0")[cut].any()
    assert "3 of 6 channels kept" in str(picture)


def test_everything_that_is_looked_at_has_a_text_and_an_html_form() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    for value in (opened, opened.masks("0"), opened.curves(), opened.tree()):
        assert repr(value)
        assert value._repr_html_().startswith("<div")
    assert repr(opened).startswith("Lab of Sequential: s1 0 50 %, 2 states in memory\n  accuracy ")
    params = opened.states[0].cost.params
    assert opened.curves("params").series["params"] == (params, opened.state.cost.params)
    with pytest.raises(errors.UnknownNameError, match="did you mean 'accuracy'"):
        opened.curves("acuracy")


def test_a_failing_listener_warns_and_the_step_is_recorded() -> None:
    opened = lab()
    opened.on_change.append(lambda state: 1 / 0)
    with pytest.warns(RuntimeWarning, match="a listener of the Lab failed: ZeroDivisionError"):
        opened.step("0", ratio=0.5)
    assert opened.state.id == "s1"


def test_changes_are_told() -> None:
    opened = lab()
    told: list[str] = []
    opened.on_change.append(lambda state: told.append(state.id))
    opened.step("0", ratio=0.5)
    opened.back()
    assert told == ["s1", "s0"]


def test_without_validation_data_states_have_no_metrics() -> None:
    opened = lab(val=None)
    assert opened.step("0", ratio=0.5).metrics == {}
    assert repr(opened)
    with pytest.raises(errors.OptionError, match="data is missing"):
        opened.evaluate()
    assert opened.evaluate(data(12, 1)).keys() == {"accuracy", "loss"}


# failures leave it as it was


def nan_loss(outputs: Any, labels: Any) -> Any:
    return nn.functional.cross_entropy(outputs, labels) / (outputs.sum() * 0)


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        (lambda lab: lab.step("00", ratio=0.5), errors.UnknownNameError, "unknown layer '00'.*did you mean '0'"),
        (lambda lab: lab.step("8", ratio=0.5), errors.OptionError, "8 cannot be cut: "),
        (lambda lab: lab.step("0", ratio=1), errors.OptionError, r"ratio is 1; it is the fraction removed"),
        (lambda lab: lab.step("0", ratio=0.1), errors.OptionError, "below what is gone: 3 of 6 units; go back"),
        (lambda lab: lab.step("0", ratio=0.5), errors.OptionError, r"takes no further unit of 0.*at least 0\.667"),
        (lambda lab: lab.step("0", ratio=0.7, criterion="l1"), errors.UnknownNameError, "unknown criterion 'l1'"),
        (lambda lab: lab.step("0", ratio=0.7, round_to=0), errors.OptionError, "round_to is 0"),
        (lambda lab: lab.step("0", ratio=0.7, finetune=-1), errors.OptionError, "finetune is -1"),
        (lambda lab: lab.step("0", ratio=0.7, scope="local"), errors.OptionError, "by and scope are for all layers"),
        (lambda lab: lab.step(ratio=0.7, scope="locla"), errors.UnknownNameError, "did you mean 'local'"),
        (lambda lab: lab.step(ratio=0.7, by="flops"), errors.UnknownNameError, "unknown measure 'flops'"),
        (lambda lab: lab.step(ratio=0.1, by="params"), errors.OptionError, "gone already"),
        (lambda lab: lab.run("cubical"), errors.UnknownNameError, "did you mean 'cubic'"),
        (lambda lab: lab.run(to=2), errors.OptionError, "to is 2"),
        (lambda lab: lab.run(steps=0), errors.OptionError, "steps is 0"),
        (lambda lab: lab.back(2), errors.StateError, "there are 1 states before s1, and 2"),
        (lambda lab: lab.back(0), errors.OptionError, "n is 0"),
        (lambda lab: lab.goto("s11"), errors.StateError, "unknown state 's11' in the history; did you mean 's1'"),
        (lambda lab: lab.preview("0", 1.5), errors.OptionError, "ratio is 1.5"),
        (lambda lab: lab.masks("conv"), errors.UnknownNameError, "unknown layer 'conv'"),
        (lambda lab: lab.evaluate(metrics="f1"), errors.UnknownNameError, "unknown metric 'f1'"),
        (lambda lab: lab.evaluate(5), errors.DataError, "data is a int"),
    ],
)
def test_a_mistake_is_told_in_words_and_changes_nothing(do: Any, error: type[Exception], message: str) -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    before = everything(opened)
    with pytest.raises(error, match=message):
        do(opened)
    assert everything(opened) == before
    assert len(opened.states) == 2
    assert opened.step("0", ratio=0.7).id == "s2"


@pytest.mark.parametrize("folder", [False, True])
def test_a_training_that_fails_leaves_the_lab_as_it_was(folder: bool, tmp_path: Path) -> None:
    opened = lab(loss=nan_loss, metrics="accuracy", workspace=tmp_path / "run" if folder else None)
    opened.step("0", ratio=0.5)
    before = everything(opened)
    with pytest.raises(errors.TrainingError, match=r"the loss is (nan|-?inf) at batch 0 of epoch 0"):
        opened.step("3", ratio=0.5, finetune=1)
    assert everything(opened) == before
    assert len(opened.states) == 2
    opened.close()


@pytest.mark.parametrize("when", ["zero_cut", "finetune", "evaluate", "put", "add", "after"])
def test_an_interrupt_at_any_place_leaves_a_recorded_state(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5)
    before = everything(opened)

    def interrupted(call: Any) -> Any:
        def then(*args: Any, **kwargs: Any) -> Any:
            if when != "put":
                call(*args, **kwargs)
            raise KeyboardInterrupt

        return then

    places: dict[str, tuple[Any, str]] = {
        "zero_cut": (work, "zero_cut"),
        "finetune": (opened._task, "finetune"),
        "evaluate": (opened._task, "evaluate"),
        "put": (opened._bench.store, "put"),
        "add": (opened._bench.store, "add"),
        "after": (opened._bench, "record"),
    }
    target, name = places[when]
    monkeypatch.setattr(target, name, interrupted(getattr(target, name)))
    with pytest.raises(KeyboardInterrupt):
        opened.step("3", ratio=0.5, finetune=1)
    monkeypatch.undo()
    recorded = when in ("add", "after")
    assert opened.state.id == ("s2" if recorded else "s1")
    assert recorded or everything(opened) == before
    here = everything(opened)
    opened.close()
    again = pl.Lab(net(), train=batched(), val=data(12, 1), workspace=tmp_path)
    assert everything(again) == here
    again.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"val": 5}, errors.DataError, "data is a int"),
        ({"metrics": "f1"}, errors.UnknownNameError, "unknown metric 'f1'"),
        ({"criterion": "l3"}, errors.UnknownNameError, "unknown criterion 'l3'"),
        ({"finetune": 0.5}, errors.OptionError, "finetune is 0.5"),
        ({"lr": -1}, errors.OptionError, "lr is -1"),
        ({"optimizer": "adm"}, errors.UnknownNameError, "did you mean 'adam'"),
        ({"seed": -1}, errors.OptionError, "seed is -1"),
        ({"seed": "x"}, errors.OptionError, "seed is 'x'"),
        ({"inputs": (1, 2)}, errors.InputError, "Sequential does not take the inputs"),
        ({"train": None, "val": None}, errors.OptionError, "inputs is missing"),
        ({"device": "abacus:0"}, errors.OptionError, "cannot be put on the device 'abacus:0'"),
        ({"val": [(data()[0][:, :, 0], data()[1])], "inputs": (1, 1, 6, 6)}, errors.InputError, r"\(24, 1, 6\)"),
        ({"workspace": 5}, errors.OptionError, "workspace is 5"),
    ],
)
def test_what_a_lab_cannot_be_opened_with(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lab(**options)


def test_a_model_that_is_none_or_cannot_be_copied_is_refused() -> None:
    with pytest.raises(errors.InputError):
        pl.Lab("resnet18", inputs=(1, 3, 8, 8))
    model = net()
    model.lock = __import__("threading").Lock()
    with pytest.raises(errors.InputError, match=r"Sequential cannot be copied: .*lock"):
        pl.Lab(model, inputs=(1, 1, 6, 6))


def test_fine_tuning_needs_data() -> None:
    opened = lab(train=None)
    with pytest.raises(errors.OptionError, match="finetune=1 needs training data"):
        opened.step("0", ratio=0.5, finetune=1)
    assert re.match("s0", opened.state.id)


def test_an_export_has_the_smaller_model_beside_the_dense_one(tmp_path: Path) -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    before = everything(opened)
    out = opened.export(tmp_path / "out", formats=("paddle",))
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
