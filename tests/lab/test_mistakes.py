"""What a Lab refuses, and failures that leave it as it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import batched, data, everything, lab, net
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.lab import work


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
        (lambda lab: lab.back(2), errors.StateError, "1 state before s1, and 2 to be gone back"),
        (lambda lab: lab.back(0), errors.OptionError, "n is 0"),
        (lambda lab: lab.goto("s11"), errors.StateError, "unknown state 's11' in the history; did you mean 's1'"),
        (lambda lab: lab.preview("0", 1.5), errors.OptionError, "ratio is 1.5"),
        (lambda lab: lab.masks("conv"), errors.UnknownNameError, "unknown layer 'conv'"),
        (lambda lab: lab.evaluate(metrics="fl"), errors.UnknownNameError, "unknown metric 'fl'"),
        (lambda lab: lab.evaluate(5), errors.DataError, "data is a int"),
        (lambda lab: lab.run(to=0.95, round_to=4), errors.OptionError, "cannot be met: at most .* ask for at most"),
        (lambda lab: lab.step("3", ratio=0.2, round_to=4), errors.OptionError, r"give at least 0\.500"),
        (lambda lab: lab.step("3", ratio=0.2, round_to=8), errors.OptionError, "none can go, since kept units come in"),
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


@pytest.mark.parametrize("folder", [False, True])
def test_a_cut_whose_loss_is_no_number_leaves_the_lab_as_it_was(folder: bool, tmp_path: Path) -> None:
    going: list[bool] = []

    def loss(outputs: Any, labels: Any) -> Any:
        return nn.functional.cross_entropy(outputs, labels) / (0.0 if going else 1.0)

    opened = lab(loss=loss, workspace=tmp_path / "run" if folder else None)
    before = everything(opened)
    going.append(True)
    with pytest.raises(errors.TrainingError, match=r"loss is inf after this, and was [\d.]+ in s0, where"):
        opened.step("0", ratio=0.5)
    assert everything(opened) == before
    assert len(opened.states) == 1
    going.clear()
    assert opened.step("0", ratio=0.5).id == "s1"
    opened.close()


def test_a_metric_that_was_no_number_before_may_stay_so() -> None:
    opened = lab(loss=nan_loss, metrics=("accuracy", "loss"))
    assert opened.step("0", ratio=0.5).id == "s1"


@pytest.mark.parametrize("when", ["zero_cut", "finetune", "evaluate", "record", "add", "after"])
def test_an_interrupt_at_any_place_leaves_a_recorded_state(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5)
    before = everything(opened)

    def interrupted(call: Any) -> Any:
        def then(*args: Any, **kwargs: Any) -> Any:
            if when != "record":
                call(*args, **kwargs)
            raise KeyboardInterrupt

        return then

    places: dict[str, tuple[Any, str]] = {
        "zero_cut": (work, "zero_cut"),
        "finetune": (opened._task, "finetune"),
        "evaluate": (opened._task, "evaluate"),
        "record": (opened._bench.live, "record"),
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
        ({"metrics": "fl"}, errors.UnknownNameError, "unknown metric 'fl'"),
        ({"criterion": "l3"}, errors.UnknownNameError, "unknown criterion 'l3'"),
        ({"finetune": 0.5}, errors.OptionError, "finetune is 0.5"),
        ({"lr": -1}, errors.OptionError, "lr is -1"),
        ({"optimizer": "adm"}, errors.UnknownNameError, "did you mean 'adam'"),
        ({"seed": -1}, errors.OptionError, "seed is -1"),
        ({"seed": "x"}, errors.OptionError, "seed is 'x'"),
        ({"seed": 2**70}, errors.OptionError, "seed is 1180591620717411303424; it is a whole number from 0 to"),
        ({"metrics": 5}, errors.OptionError, "metrics is 5"),
        ({"loss": "msee"}, errors.UnknownNameError, "did you mean 'mse'"),
        ({"val": []}, errors.DataError, "the data has no batches"),
        ({"val": None, "train": []}, errors.DataError, "the data has no batches"),
        ({"inputs": (1, 2)}, errors.InputError, "Sequential does not take the inputs"),
        ({"train": None, "val": None}, errors.OptionError, "inputs is missing"),
        ({"device": "abacus:0"}, errors.OptionError, "cannot be put on the device 'abacus:0'"),
        ({"val": [(data()[0][:, :, 0], data()[1])], "inputs": (1, 1, 6, 6)}, errors.InputError, r"\(24, 1, 6\)"),
        ({"device": 5}, errors.OptionError, "cannot be put on the device 5: .*the devices here are cpu"),
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


def test_following_the_hint_of_a_step_that_takes_nothing_takes_something() -> None:
    opened = lab()
    for round_to in (1, 2, 3, 4):
        ratio = 0.01
        while len(opened.plan.removed("3")) < 4:
            with pytest.raises(errors.OptionError) as raised:
                opened.step("3", ratio=ratio, round_to=round_to)
            hint = re.search(r"give at least ([\d.]+)", str(raised.value))
            assert hint, raised.value
            ratio = float(hint[1])
            opened.step("3", ratio=ratio, round_to=round_to)
        opened.goto("s0")


def test_a_step_without_a_layer_passes_over_those_that_rounding_keeps_whole() -> None:
    opened = lab()
    assert opened.step(ratio=0.5, round_to=6).label == "3 50 %", "of 6 units 3 would stay, so 6 do"
    with pytest.raises(errors.OptionError, match="in multiples of 6 already"):
        opened.step(ratio=0.5, round_to=6)


def test_a_target_that_cannot_be_met_is_found_before_the_first_step() -> None:
    opened = lab()
    opened.on_progress.append(lambda progress: pytest.fail("something was done"))
    with pytest.raises(errors.OptionError, match="cannot be met"):
        opened.run(to=0.99, by="macs", steps=3)
    assert len(opened.states) == 1


@pytest.mark.skipif(paddle.device.is_compiled_with_cuda(), reason="a GPU build of Paddle")
@pytest.mark.parametrize("device", ["gpu", "gpu:0"])
def test_a_gpu_on_a_build_for_the_cpu(device: str) -> None:
    with pytest.raises(errors.OptionError, match=rf"'{device}': this Paddle is built without CUDA; leave device out"):
        lab(device=device)


@pytest.mark.parametrize("folder", [False, True])
def test_a_closed_lab_says_so_whatever_is_asked(folder: bool, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "run" if folder else None)
    opened.step("0", ratio=0.5)
    opened.close()
    opened.close()
    asked = [
        lambda: opened.step("3"), lambda: opened.run(), opened.back, opened.evaluate, opened.compact, opened.curves,
        lambda: opened.masks("0"), lambda: opened.preview("0"), lambda: opened.export(tmp_path / "out"),
        lambda: opened.model, lambda: opened.state, lambda: opened.history, opened.stop,
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(errors.StateError, match="this Lab is closed; open " + ("it again" if folder else "a new")):
            ask()
    assert repr(opened) == "Lab, closed"
    assert "closed" in opened._repr_html_()


def test_a_history_keeps_the_seed_it_was_made_with(tmp_path: Path) -> None:
    lab(seed=4, workspace=tmp_path).close()
    with pytest.raises(errors.WorkspaceError, match=r"was made with seed=4, not 9; leave seed out"):
        lab(seed=9, workspace=tmp_path)
    for seed in (None, 4, np.int64(4)):
        again = lab(seed=seed, workspace=tmp_path)
        assert again.step("0", ratio=0.5, finetune=np.int64(0)).seed == lab(seed=4).step("0", ratio=0.5).seed
        again.goto("s0")
        again.close()


def test_a_criterion_that_looks_at_data_needs_some_and_has_no_preview() -> None:
    found = lab(train=None, val=None, inputs=(1, 1, 6, 6))
    before = found.state
    with pytest.raises(errors.OptionError, match=r"taylor looks at gradients, and the Lab has no data.*l1_weight"):
        found.step(ratio=0.3, criterion="taylor")
    assert found.state is before
    for look in (lambda: lab().preview("0", criterion="taylor"), lambda: lab().scores("0", "taylor")):
        with pytest.raises(errors.OptionError, match="taylor looks at gradients, which takes longer than a preview"):
            look()


def test_a_history_knows_what_its_model_takes(tmp_path: Path) -> None:
    lab(workspace=tmp_path / "run").close()
    again = pl.Lab(net(), workspace=tmp_path / "run")
    assert [tuple(spec.shape[1:]) for spec in again.graph.input_specs] == [(1, 6, 6)]
    again.close()
    for folder in (None, tmp_path / "new"):
        with pytest.raises(errors.OptionError, match="inputs is missing, and there is no data"):
            pl.Lab(net(), workspace=folder)
    assert not (tmp_path / "new").exists()
