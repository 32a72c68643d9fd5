"""The sensitivity of a Lab's layers: that of the state it is in, kept in its workspace, stopped as all work."""

from __future__ import annotations

from pathlib import Path

import paddle
import pytest
from lab_nets import everything, lab

import prunelab as pl
from prunelab import errors
from prunelab.lab import Progress


def test_the_sensitivity_is_that_of_the_current_state(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5, finetune=1)
    before = everything(opened)
    found = opened.sensitivity(ratios=(0.25, 0.75), metric="loss")
    assert everything(opened) == before
    plan = opened.plan
    units = {g.name: g.units for g in opened.graph.prunable}
    state = opened.step("3", ratio=0.75)
    point = found.points["3"][0.75]
    assert point.value == pytest.approx(state.metrics["loss"], rel=1e-5)
    assert set(found.points) == set(units)
    opened.back()
    told: list[object] = []
    opened.on_progress.append(told.append)
    assert opened.sensitivity(ratios=(0.25, 0.75), metric="loss").points == found.points
    assert len(told) <= 2, "it was measured before"
    assert opened.plan == plan
    assert pl.doctor(tmp_path).ok
    opened.close()


def test_one_layer_and_what_cannot_be_asked() -> None:
    opened = lab()
    found = opened.sensitivity("3", ratios=0.5)
    assert list(found.points) == ["3"]
    assert found.metric == "accuracy"
    with pytest.raises(errors.UnknownNameError, match="unknown layer '33'"):
        opened.sensitivity("33")
    with pytest.raises(errors.OptionError, match=r"a ratio of ratios is 1\.5"):
        opened.sensitivity(ratios=(1.5,))
    with pytest.raises(errors.OptionError, match="data is missing"):
        lab(val=None).sensitivity()


def test_a_measurement_is_stopped_as_all_work_is() -> None:
    opened = lab()
    opened.on_progress.append(lambda progress: opened.stop())
    with pytest.raises(errors.Stopped):
        opened.sensitivity()
    assert opened.working == ""
    opened.on_progress.clear()
    assert opened.step("0", ratio=0.5).id == "s1"


def test_what_is_known_grows_while_it_is_measured_and_stays_when_it_is_stopped() -> None:
    opened = lab()
    assert opened.sensed() is None
    seen: list[int] = []

    def heard(progress: Progress) -> None:
        known = opened.sensed()
        seen.append(0 if known is None else sum(map(len, known.points.values())))
        if len(seen) == 4:
            opened.stop()

    opened.on_progress.append(heard)
    with pytest.raises(errors.Stopped):
        opened.sensitivity(ratios=(0.2, 0.5, 0.8))
    assert seen == sorted(seen)
    assert seen[-1] > 0
    opened.on_progress.clear()
    whole = opened.sensitivity(ratios=(0.2, 0.5, 0.8))
    assert opened.sensed() == whole
    assert opened.sensed("loss") is opened.sensed(criterion="random") is None


def test_what_is_known_adds_up_and_belongs_to_its_state() -> None:
    opened = lab()
    opened.sensitivity("3", ratios=0.5)
    opened.sensitivity("0", ratios=(0.25, 0.5))
    opened.sensitivity("3", ratios=0.25)
    known = opened.sensed()
    assert known is not None
    assert {name: list(row) for name, row in known.points.items()} == {"0": [0.25, 0.5], "3": [0.25, 0.5]}
    opened.step("0", ratio=0.5)
    assert opened.sensed() is None
    assert opened.sensed(state="s0") == known


def test_the_lab_s_own_metric_is_known_by_its_name() -> None:
    def size(outputs: paddle.Tensor, labels: paddle.Tensor) -> paddle.Tensor:
        return outputs.abs().mean()

    opened = lab(metrics=["accuracy", size])
    found = opened.sensitivity("3", ratios=0.5, metric="size")
    assert found.metric == "size"
    assert opened.sensed("size") == found
