"""A Lab measures what its layers bear: in its current state, held up and stopped as its other work, kept in its
workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab_nets import data, everything, lab

import prunelab as pl
from prunelab.errors import OptionError, Stopped, UnknownNameError
from prunelab.lab import doctor


def test_it_is_the_metric_with_each_layer_cut_further() -> None:
    opened = lab()
    opened.step("0", 0.5)
    before = everything(opened)
    found = opened.sensitivity(ratios=(0.5, 0.75), metric="loss")
    assert everything(opened) == before
    assert found.dense == found["0"][0.5] == opened.state.metrics["loss"]
    for layer in found.groups:
        opened.step(layer, 0.75)
        assert opened.state.metrics["loss"] == pytest.approx(found[layer][0.75], rel=1e-6)
        opened.back()
    assert opened.sensitivity("3", ratios=0.5).metric == "accuracy"
    assert opened.sensitivity("3", ratios=0.5, data=data(30, 7)).made["samples"] == 30


def test_it_can_be_stopped_and_goes_on() -> None:
    opened = lab()
    labels: list[str] = []

    def stop(progress: Any) -> None:
        labels.append(progress.label)
        if progress.label == "sensitivity of 3":
            opened.stop()

    opened.on_progress.append(stop)
    before = everything(opened)
    with pytest.raises(Stopped):
        opened.sensitivity(ratios=(0.25, 0.5))
    assert everything(opened) == before
    assert "sensitivity of 0" in labels
    opened.on_progress[:] = [lambda progress: labels.append(progress.label)]
    labels.clear()
    assert len(opened.sensitivity(ratios=(0.25, 0.5)).groups) == 2
    assert set(labels) == {"sensitivity of 3"}


def test_what_was_measured_is_kept_in_the_workspace(tmp_path: Path) -> None:
    with_workspace: dict[str, Any] = {"workspace": tmp_path / "w"}
    opened = lab(**with_workspace)
    found = opened.sensitivity(ratios=0.5)
    told: list[Any] = []
    opened.on_progress.append(told.append)
    assert opened.sensitivity(ratios=0.5) == found
    assert not told
    opened.step("0", 0.5)
    told.clear()
    opened.sensitivity(ratios=0.75)
    assert told
    opened.close()
    again = lab(**with_workspace)
    again.on_progress.append(lambda progress: pytest.fail("measured again"))
    again.sensitivity(ratios=0.75)
    again.close()
    assert "is whole" in str(doctor(tmp_path / "w"))


def test_mistakes_are_told() -> None:
    with pytest.raises(OptionError, match="the Lab has no validation data"):
        pl.Lab(lab().model, inputs=(1, 1, 6, 6)).sensitivity()
    with pytest.raises(UnknownNameError, match="unknown layer '4x'"):
        lab().sensitivity("4x")
