"""The sensitivity of a Lab's layers: that of the state it is in, kept in its workspace, stopped as all work."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_nets import everything, lab

import prunelab as pl
from prunelab import errors


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
