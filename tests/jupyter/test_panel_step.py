"""The step's controls: what they preview, what they say they cannot, and the line of code they make."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import ipywidgets
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from panel_driving import Net, finish, part, slide, small_lab
from traitlets.config import Config

import prunelab as pl
from prunelab.evaluate import Sensitivity
from prunelab.evaluate.measured import Point
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.actions import Cure
from prunelab.jupyter.panels.choices import Choices
from prunelab.jupyter.panels.estimate import Sensed, estimate_text, sensed
from prunelab.jupyter.panels.forecast import stats_html, told_change
from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.part import widgets_in
from prunelab.lab import Lab
from prunelab.lab.state import metric_text
from prunelab.render.numbers import percent


def control(panel: Panel, kind: str, description: str) -> Any:
    """The first control of that kind and description."""
    return next(widget for widget in widgets_in(part(panel, "Step").widget)
                if type(widget).__name__ == kind and widget.description == description)


def test_a_step_repairs_and_fine_tunes_as_chosen_and_says_so(panel: Panel, lab: Lab) -> None:
    slide(panel, 0.5)
    control(panel, "Checkbox", "repair").value = True
    control(panel, "BoundedIntText", "fine-tune").value = 1
    control(panel, "Dropdown", "criterion").value = "l2_weight"
    part(panel, "Step")._go.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == (
        "%prune step first --ratio 0.5 --criterion l2_weight --finetune 1 --repair")
    assert lab.state.action == "lab.step('first', ratio=0.5, criterion='l2_weight', finetune=1, repair=True)"
    assert actions.step("first", 0.5, Cure("l1_weight", 0, 50)).line.endswith("--finetune 0 --repair-steps 50")


def test_a_step_repairs_by_as_many_steps_on_each_block_as_chosen(panel: Panel, lab: Lab) -> None:
    steps = control(panel, "BoundedIntText", "Adam")
    assert steps.disabled
    assert steps.value == 0
    slide(panel, 0.5)
    control(panel, "Checkbox", "repair").value = True
    assert not steps.disabled
    steps.value = 3
    part(panel, "Step")._go.click()
    finish(panel)
    assert part(panel, "Footer")._line.line.endswith("--finetune 0 --repair-steps 3")
    assert lab.state.action == "lab.step('first', ratio=0.5, criterion='l1_weight', finetune=0, repair=3)"
    steps.value = 1  # what people write who mean yes: the Lab says so, and nothing is lost
    slide(panel, 0.75)
    part(panel, "Step")._go.click()
    finish(panel)
    assert "repair is 1" in part(panel, "Footer")._error.value
    assert len(lab.states) == 2


@pytest.mark.parametrize(("own", "steps", "said"), [(True, 0, True), (50, 50, 50), (50, 0, True), (False, 20, 20)])
def test_the_choices_say_how_they_repair(own: bool | int, steps: int, said: bool | int) -> None:
    choices = Choices(small_lab(repair=own))
    assert (choices.repair, choices.repair_steps) == (bool(own), 50 if own == 50 else 0)
    choices.repair, choices.repair_steps = True, steps
    assert (choices.cure.repair, type(choices.cure.repair)) == (said, type(said))  # 1 would equal True


def test_the_controls_begin_with_the_labs_own_ways() -> None:
    lab = small_lab(criterion="mean", finetune=2, repair=True)
    choices = Choices(lab)
    assert (choices.criterion, choices.epochs, choices.repair) == ("mean", 2, True)
    choices.repair = False
    assert choices.cure.options == {"criterion": "mean", "finetune": 2, "repair": False}


def test_a_criterion_of_ones_own_is_the_labs_and_has_no_name_in_the_line() -> None:
    class Largest:
        name = "largest"

        def __call__(self, material: Any) -> Any:
            return np.abs(material.weights).max(axis=1)

    lab = small_lab(criterion=Largest())
    panel = lab.panel()
    slide(panel, 0.5)
    assert panel.desk.preview == lab.preview("first", 0.5)
    assert "largest" in part(panel, "Scores").widget.caption
    part(panel, "Step")._go.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == "%prune step first --ratio 0.5 --finetune 0"
    assert "criterion='largest'" in lab.state.action
    panel.close()


def test_a_criterion_that_looks_at_data_has_its_cost_and_says_that_its_units_are_not_known(
    panel: Panel, lab: Lab,
) -> None:
    slide(panel, 0.5)
    panel.desk.choices.criterion = "taylor"
    previews = panel.desk.previews
    assert previews is not None
    assert part(panel, "Layers").widget.going == b""
    assert "which units: from" in part(panel, "Step")._note.value
    assert "no scores: which units: from" in part(panel, "Scores").widget.caption
    part(panel, "Step")._go.click()
    finish(panel)
    assert (lab.state.cost.params, lab.state.cost.macs) == (previews.cost.params, previews.cost.macs)


def test_without_data_nothing_is_offered_that_needs_it() -> None:
    panel = pl.Lab(Net(), inputs=(1, 1, 6, 6)).panel()
    assert control(panel, "Checkbox", "repair").disabled
    assert "no data" in control(panel, "Checkbox", "repair").tooltip
    assert control(panel, "BoundedIntText", "fine-tune").disabled
    assert not any(value == "taylor" for _, value in control(panel, "Dropdown", "criterion").options)
    panel.close()


def test_the_latency_is_told_once_it_was_measured(
    panel: Panel, lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "not timed" in part(panel, "Step")._stats.value
    assert "latency" not in part(panel, "Header")._told.value
    part(panel, "Header")._time.click()
    finish(panel)
    table = lab.timed()
    assert table is not None
    assert part(panel, "Footer")._line.line == "%prune latency"
    assert part(panel, "Header")._time.layout.display == "none"
    assert table.error is not None
    off = percent(abs(table.error.relative), 0)
    assert f"latency, estimated ±{off}" in part(panel, "Header")._told.value
    assert f"{off} off where it was compared with a smaller model" in part(panel, "Header")._told.value
    slide(panel, 0.75)
    assert table.trust in part(panel, "Step")._stats.value
    assert panel.desk.preview is not None
    assert panel.desk.latency() == (table.ms(), table.ms({"first": panel.desk.preview.removed}))
    lab.step("second", 0.5)
    now, then = panel.desk.latency() or (0, 0)
    assert now == table.ms(lab.plan)
    assert then == table.ms({"first": panel.desk.preview.removed, "second": lab.plan.removed("second")})


def test_another_part_moves_the_slider_and_is_the_new_wish(panel: Panel) -> None:
    panel.desk.think(0.6)
    assert part(panel, "Step")._ratio.value == 0.6
    panel.desk.choose("second")
    assert part(panel, "Step")._ratio.value == panel.desk.ratio == 0.6


def test_without_a_part_that_sets_a_ratio_nothing_is_thought_of(lab: Lab) -> None:
    panel = lab.panels.masks("first")
    assert panel.desk.previews is None
    assert set(part(panel, "Masks").widget.marks) == {0}
    panel.close()


def test_the_forecast_is_words_where_there_is_nothing_to_tell(lab: Lab) -> None:
    assert stats_html(None, None).count("–") == 4
    lab.step("first", 0.5)
    still = stats_html(lab.previews(["first"], 0.25), (1.0, 1.0))
    assert still.count("±0") == 3
    assert told_change(0.995, 1.0) == "−0.5 %"
    assert told_change(0.5, 1.0) == "−50 %"


def test_both_cards_show_and_change_the_same_choices(panel: Panel) -> None:
    boxes = [w for w in widgets_in(panel) if isinstance(w, ipywidgets.Checkbox) and w.description == "repair"]
    assert len(boxes) == 2
    boxes[0].value = True
    assert boxes[1].value
    assert panel.desk.choices.repair


def test_what_a_cut_would_cost_in_accuracy_is_told_where_it_was_measured(panel: Panel, lab: Lab) -> None:
    slide(panel, 0.5)
    assert "accuracy" not in part(panel, "Step")._note.value
    found = lab.sensitivity(ratios=(0.25, 0.75), metric="accuracy", criterion="l1_weight")
    panel.desk.refresh()
    known = sensed(lab, "l1_weight")
    assert known is not None
    row, dense = found["first"], found.dense
    assert known.change("first", 0.0, 0.25) == pytest.approx((row[0.25] - dense,) * 3)
    value, low, high = known.change("first", 0.0, 0.5) or (0, 0, 0)
    assert value == pytest.approx((row[0.25] + row[0.75]) / 2 - dense)
    assert (low, high) == (min(row.values()) - dense, max(row.values()) - dense)
    assert known.change("first", 0.0, 0.9) is None
    assert "accuracy about" in part(panel, "Step")._note.value
    control(panel, "Checkbox", "repair").value = True
    assert "before it heals" in part(panel, "Step")._note.value
    curves = part(panel, "Layers").widget.curves
    assert set(curves) == {"first", "second"}
    assert curves["first"]["lost"] == found.losses["first"][0.25]
    lab.step("second", 0.5)
    slide(panel, 0.25)
    told = part(panel, "Step")._note.value
    expected = lab.state.metrics["accuracy"] + row[0.25] - dense
    assert f"accuracy about {100 * expected:.1f} %" in told
    assert "as s0 bore it" in told


@pytest.mark.parametrize(("metric", "higher", "dense", "told"), [
    ("accuracy", True, 0.9, "accuracy below 30.0 %, beyond what was measured"),
    ("loss", False, 0.4, "loss above 1, beyond what was measured"),
])
def test_losses_that_add_up_to_more_than_was_measured_are_told_as_beyond_it(
    metric: str, higher: bool, dense: float, told: str, lab: Lab,
) -> None:
    rows = {name: {0.5: Point(dense - 0.6 if higher else dense + 0.6)} for name in ("first", "second")}
    known = Sensed(lab.state, Sensitivity(metric, higher, dense, rows, {}))
    both, one = lab.previews(["first", "second"], 0.5), lab.previews(["first"], 0.25)
    at = cast(Lab, SimpleNamespace(plan=lab.plan, state=SimpleNamespace(id=lab.state.id, metrics={metric: dense})))
    assert estimate_text(known, at, both) == told
    halfway = dense - 0.3 if higher else dense + 0.3
    assert estimate_text(known, at, one).startswith(f"{metric} about {metric_text(metric, halfway)}")


@pytest.mark.parametrize(("pieces", "line"), [
    ("element", "%prune step --ratio 0.6 --granularity element --criterion l1_weight --finetune 0"),
    ("2:4", "%prune step --granularity 2:4 --criterion l1_weight --finetune 0"),
    ("block:4x4", "%prune step --ratio 0.6 --granularity block:4x4 --criterion l1_weight --finetune 0"),
])
def test_weights_are_masked_in_their_place_and_the_line_does_the_same(
    pieces: str, line: str, panel: Panel, lab: Lab,
) -> None:
    schedule = part(panel, "Schedule")
    schedule._to.value, schedule._pieces.value = 0.6, pieces
    assert schedule._steps.disabled
    schedule._go.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == line
    masked = {name: p.numpy() for name, p in lab.model.named_parameters()}
    assert any((values == 0).any() for name, values in masked.items() if name.endswith("weight"))
    schedule._pieces.value = "auto"
    told, whole = part(panel, "Step")._note.value, pieces == "element"  # of tiles, a smaller model would have parts
    assert ("masked in their place" in told) is not whole
    assert part(panel, "Step")._go.disabled is not whole
    assert part(panel, "Footer")._error.value == ""
    lab.goto("s0")
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config, user_ns={"lab": lab, "pl": pl})
    shell.run_line_magic("load_ext", "prunelab")
    shell.run_cell(line).raise_error()
    assert lab.state.id == "s2"
    assert all(np.array_equal(p.numpy(), masked[name]) for name, p in lab.model.named_parameters())


def test_weights_are_masked_from_the_last_state_that_has_all_its_units(panel: Panel, lab: Lab) -> None:
    lab.finetune(1)
    lab.step("first", 0.5)
    part(panel, "Schedule")._pieces.value = "2:4"
    part(panel, "Schedule")._go.click()
    finish(panel)
    assert lab.state.parent == "s1"
    expected = pl.propose(lab.graph, granularity="2:4")  # what is masked already is what goes: its weights are zero
    assert [g.bits for g in lab.plan.groups] == [g.bits for g in expected.groups]
    assert part(panel, "Footer")._line.line.startswith("lab.goto('s1'); lab.step(granularity='2:4', ")


def test_one_layers_weights_are_masked_after_another(panel: Panel, lab: Lab) -> None:
    step, footer = part(panel, "Step"), part(panel, "Footer")
    panel.desk.choose("second")
    panel.desk.choices.pieces = "kernel"
    slide(panel, 0.5)
    for told in ("kernels", "24 of 48", "−216", "±0", "shapes stay"):
        assert told in step._stats.value
    step._go.click()
    finish(panel)
    assert footer._line.line == "%prune step second --ratio 0.5 --granularity kernel --criterion l1_weight --finetune 0"
    assert step._go.disabled
    assert "takes nothing" in step._note.value
    panel.desk.choose("first")
    slide(panel, 0.25)
    step._go.click()
    finish(panel)
    assert {group.name: len(group.removed) for group in lab.plan.groups} == {"first.weight": 2, "second.weight": 24}
    panel.desk.choices.pieces = "element"
    assert "from s0 on" in step._note.value


def test_n_of_m_has_no_ratio_and_says_why_a_layer_has_none(panel: Panel, lab: Lab) -> None:
    step = part(panel, "Step")
    panel.desk.choices.pieces = "2:4"
    assert step._ratio.disabled
    assert step._go.disabled
    assert "its 1 inputs are no multiple of 4" in part(panel, "Footer")._error.value
    panel.desk.choose("second")
    assert "216 of 432" in step._stats.value
    assert part(panel, "Footer")._error.value == ""
    step._go.click()
    finish(panel)
    assert [group.name for group in lab.plan.groups] == ["second.weight"]


def test_layers_are_taken_one_by_one(panel: Panel, lab: Lab) -> None:
    schedule = part(panel, "Schedule")
    schedule._schedule.value, schedule._to.value = "by_cost", 0.5
    assert schedule._steps.disabled
    assert "50 % of each layer, one by one" in schedule._targets.value
    schedule._go.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == (
        "%prune run --to 0.5 --schedule by_cost --criterion l1_weight --finetune 0")
    assert [lab.plan.ratio(name) for name in ("first", "second")] == [0.5, 0.5]
    assert len(lab.states) == 3


def test_a_scope_is_told_as_the_run_takes_it(panel: Panel, lab: Lab) -> None:
    schedule = part(panel, "Schedule")
    schedule._scope.value, schedule._steps.value = "uniform_macs", 1
    schedule._go.click()
    finish(panel)
    assert "--scope uniform_macs" in part(panel, "Footer")._line.line
    assert "scope='uniform_macs'" in lab.state.action
