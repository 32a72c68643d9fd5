"""What a Lab shows, and whom it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab_nets import everything, lab

from prunelab import errors
from prunelab.lab.views import dense_of


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


def test_a_cut_model_is_compared_with_what_it_had_learnt() -> None:
    opened = lab(lr=0.02)
    opened.finetune(2)
    first, trained = opened.states
    assert dense_of(opened.path()) is first  # what the training brought
    opened.step("0", ratio=0.5)
    opened.step("3", ratio=0.5)
    assert dense_of(opened.path()) is trained
    change = 100 * (opened.state.metrics["accuracy"] - trained.metrics["accuracy"])
    assert (f"({change:+.1f})".replace("-", "−") in repr(opened)) == (change != 0)


def test_a_failing_listener_warns_and_the_step_is_recorded() -> None:
    opened = lab()
    opened.on_change.append(lambda state: 1 / 0)
    with pytest.warns(RuntimeWarning, match="a listener of the Lab failed: ZeroDivisionError"):
        opened.step("0", ratio=0.5)
    assert opened.state.id == "s1"


@pytest.mark.parametrize("folder", [False, True])
def test_an_interrupt_in_a_listener_loses_no_state(folder: bool, tmp_path: Path) -> None:
    def interrupt(state: Any) -> None:
        raise KeyboardInterrupt

    opened, other = lab(workspace=tmp_path if folder else None), lab()
    opened.on_change.append(interrupt)
    changes = (lambda lab: lab.step("0", ratio=0.5, finetune=1), lambda lab: lab.back(), lambda lab: lab.goto("s1"))
    for change in changes:
        with pytest.raises(KeyboardInterrupt):
            change(opened)
        change(other)
        assert everything(opened) == everything(other)
    opened.close()


def test_changes_are_told() -> None:
    opened = lab()
    told: list[str] = []
    opened.on_change.append(lambda state: told.append(state.id))
    opened.step("0", ratio=0.5)
    opened.back()
    assert told == ["s1", "s0"]
