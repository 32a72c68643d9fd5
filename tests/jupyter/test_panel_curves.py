"""The curves in the panel: any two numbers over the states, the loss within fine-tuning, the brush, the click."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel_driving import finish, part, small_lab, wait

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.actions import Cure
from prunelab.jupyter.panels.axes import apart as ticks_apart
from prunelab.jupyter.panels.axes import nice_ticks
from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.track import apart
from prunelab.jupyter.panels.training_curve import joined
from prunelab.lab import Lab
from prunelab.render.numbers import count, milliseconds, size


@pytest.fixture
def curves(panel: Panel, lab: Lab) -> Any:
    """s0 - s1 - s2, s0 - s3."""
    lab.step("first", 0.25)
    lab.step("second", 0.5)
    lab.goto("s0")
    lab.step("first", 0.5)
    return part(panel, "Curves")


def drag(brushed: Any, *ends: float, side: str = "along") -> None:
    brushed.brush._handle_custom_msg({"brush": list(ends) or None, "side": side}, [])


def test_two_numbers_over_the_states_the_way_here_bold(lab: Lab, curves: Any) -> None:
    left, right = curves._left, curves._right
    np.testing.assert_array_equal(left.way.x, [0, 3])
    np.testing.assert_allclose(left.way.y, [lab.states[k].metrics["accuracy"] for k in (0, 3)])
    np.testing.assert_array_equal(left.aside.x, [0, 1, 1, 1, 2])
    np.testing.assert_array_equal(np.isnan(left.aside.y), [False, False, True, False, False])
    np.testing.assert_array_equal(right.dots.y, [state.cost.params for state in lab.states])


@pytest.mark.parametrize("name", ["loss", "MACs", "size", "sparsity", "time"])
def test_any_of_them_on_either_side(lab: Lab, curves: Any, name: str) -> None:
    curves._metric.value = name
    curves._cost.value = "accuracy"
    wanted = {"loss": lambda s: s.metrics["loss"], "MACs": lambda s: s.cost.macs, "size": lambda s: s.cost.bytes,
              "sparsity": lambda s: s.sparsity, "time": lambda s: s.duration_s}[name]
    np.testing.assert_allclose(curves._left.dots.y, list(map(wanted, lab.states)))
    np.testing.assert_allclose(curves._right.dots.y, [s.metrics["accuracy"] for s in lab.states])


def test_the_brush_zooms_and_a_double_click_shows_all(panel: Panel, lab: Lab, curves: Any) -> None:
    whole = curves.states.view
    drag(curves.states, 0.4, 0.9)
    low, high = curves.states.view
    np.testing.assert_allclose([low, high], [whole[0] + part * (whole[1] - whole[0]) for part in (0.4, 0.9)])
    assert (curves._x.scale.min, curves._x.scale.max) == (low, high)
    np.testing.assert_array_equal(curves._right.dots.x, [2])
    assert curves._right.scale.min > 0
    assert curves.states.brush.zoomed
    curves._clicked(curves._left, {"data": {"index": 0}})
    finish(panel)
    assert lab.state.id == "s2"
    drag(curves.states, -1, 2)
    assert curves.states.view == whole
    assert not curves.states.brush.zoomed
    drag(curves.states, 0.2, 0.3)
    drag(curves.states)
    assert curves.states.view == whole


def test_a_stretch_of_values_is_zoomed_to_each_side_for_itself(lab: Lab, curves: Any) -> None:
    whole = [(track.scale.min, track.scale.max) for track in (curves._left, curves._right)]
    drag(curves.states, 0.25, 0.75, side="right")
    (low, high), quarter = whole[1], (whole[1][1] - whole[1][0]) / 4
    np.testing.assert_allclose([curves._right.scale.min, curves._right.scale.max], [low + quarter, high - quarter])
    assert (curves._left.scale.min, curves._left.scale.max) == whole[0]
    assert curves.states.brush.zoomed
    drag(curves.states, 0.2, 0.8, side="values")
    assert curves._left.scale.max - curves._left.scale.min < whole[0][1] - whole[0][0]
    curves._cost.value = "MACs"  # another number begins whole
    assert curves._right.scale.min < min(state.cost.macs for state in lab.states)
    drag(curves.states)
    assert not curves.states.brush.zoomed
    curves._cost.value = "params"
    assert [(track.scale.min, track.scale.max) for track in (curves._left, curves._right)] == whole


@given(st.integers(0, 10**8), st.integers(1, 10**6), st.sampled_from([count, size, milliseconds]))
def test_no_two_ticks_are_told_alike(low: int, step: int, told: Any) -> None:
    values = [float(low + k * step) for k in range(5)]
    assert len(set(ticks_apart(values, told))) == 5


def test_the_loss_of_the_training_under_way_and_of_the_last_one(panel: Panel, lab: Lab, curves: Any) -> None:
    curves._what.value = "Fine-tuning"
    assert "No state on the way here was fine-tuned" in curves._nothing.value
    assert curves.trained.layout.display == "none"
    lengths: list[int] = []
    lab.on_progress.append(lambda progress: lengths.append(len(curves.training.line.x)))
    panel.desk.do(actions.step("second", 0.5, Cure("l1_weight", 400)))
    wait(lambda: len(lengths) > 5 and lengths[-1] > 20)
    part(panel, "Footer")._stop.click()
    finish(panel)
    assert curves.trained.layout.display == "none"  # what was stopped is no state
    state = lab.step("second", 0.5, finetune=3)
    np.testing.assert_allclose(np.column_stack([curves.training.line.x, curves.training.line.y]), state.training)
    assert f"after {state.training[-1][0]} batches" in curves._told_metric.value
    lab.step("first", 0.75, finetune=2)
    np.testing.assert_allclose(curves.training.before.y, [loss for _, loss in state.training])


def test_states_without_metrics_have_curves_of_their_cost() -> None:
    opened = small_lab(val=None)
    panel = opened.panel(["curves"])
    opened.step("first", 0.5)
    curves = part(panel, "Curves")
    assert curves._metric.value == "MACs"
    np.testing.assert_array_equal(curves._left.dots.y, [state.cost.macs for state in opened.states])
    panel.close()


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_few_round_and_apart(low: float, width: float, most: int) -> None:
    found = nice_ticks(low, low + width, most)
    assert len(found) <= most
    assert all(low - 1e-6 * width <= tick <= low + width + 1e-6 * width for tick in found)
    if len(found) > 2:
        np.testing.assert_allclose(np.diff(found), found[1] - found[0], rtol=1e-6)
    assert len(found) >= min(most // 2 - 1, 2)


def test_pieces_are_one_line_with_gaps() -> None:
    x, y = apart(np.array([[0, 1], [0, 2]]), np.array([[5.0, 6.0], [5.0, 7.0]]))
    np.testing.assert_array_equal(x, [0, 1, 1, 0, 2])
    np.testing.assert_array_equal(y, [5, 6, np.nan, 5, 7])
    x, y = joined([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [8.0]])])
    np.testing.assert_array_equal(x, [1, 2, 2, 1])
    np.testing.assert_array_equal(y, [3, 4, np.nan, 8])
