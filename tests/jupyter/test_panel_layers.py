"""The table of layers, several layers at once, and the steps that cut them."""

from __future__ import annotations

from typing import Any

import pytest
from panel_driving import finish, part, slide

import prunelab as pl
from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab


def choose(panel: Panel, layer: str, *selected: str) -> None:
    part(panel, "Layers")._heard(None, {"choose": layer, "selected": [*selected]}, None)


def test_a_row_says_what_is_tied_and_what_hangs_on_it(panel: Panel, lab: Lab) -> None:
    rows: Any = part(panel, "Layers").widget.rows
    assert rows[0]["tied"] == ["second"]
    assert "8 channels, tied to second" in rows[0]["told"]
    assert rows[0]["n_params"] == 8 * 9 + 8 + 6 * 8 * 9
    assert rows[2]["told"].endswith("frozen: the model's output")
    assert rows[2]["n_params"] is None


def test_several_layers_are_previewed_together_and_exactly(panel: Panel, lab: Lab) -> None:
    choose(panel, "second", "first", "second")
    slide(panel, 0.5)
    previews = panel.desk.previews
    assert previews is not None
    assert panel.desk.layers == ("first", "second")
    assert part(panel, "Layers").widget.selected == ["first", "second"]
    both = {name: lab.preview(name, 0.5).removed for name in ("first", "second")}
    plan = lab.plan.with_removed(lab.graph, both)
    assert {one.layer: one.removed for one in previews.layers} == both
    assert previews.cost == plan.cost == pl.trace(pl.compact(lab.model, plan), list(lab.graph.input_specs)).cost()
    assert "7 of 14" in part(panel, "Step")._stats.value
    assert part(panel, "Masks").widget.layer == "second"


def test_several_layers_are_stepped_together_as_they_were_previewed(panel: Panel, lab: Lab) -> None:
    choose(panel, "first", "first", "second")
    slide(panel, 0.5)
    step = part(panel, "Step")
    assert step._go.description == "Step 2 layers"
    previews = panel.desk.previews
    assert previews is not None
    step._go.click()
    finish(panel)
    assert [state.label for state in lab.states] == ["dense", "2 layers"]
    assert {one.layer: one.removed for one in previews.layers} == {g.name: g.removed for g in lab.plan.groups}
    assert part(panel, "Footer")._line.line == (
        "%prune step --layers first=0.5,second=0.5 --criterion l1_weight --finetune 0")


def test_of_several_layers_those_stay_that_are_further(panel: Panel, lab: Lab) -> None:
    lab.step("second", 0.5)
    choose(panel, "first", "first", "second")
    slide(panel, 0.25)
    assert part(panel, "Step")._go.description == "Step"
    part(panel, "Step")._go.click()
    finish(panel)
    assert (lab.plan.ratio("first"), lab.plan.ratio("second")) == (0.25, 0.5)


@pytest.mark.parametrize(("layer", "selected", "kept"), [
    ("first", ["first", "fc"], ("first",)),  # a frozen one is in no selection
    ("fc", ["first"], ("fc",)),
    ("first", ["nowhere", "second"], ("first",)),
    ("nowhere", ["first", "second"], ("second",)),  # what is not there changes nothing
])
def test_a_selection_has_the_chosen_layer_and_what_can_be_cut(
    layer: str, selected: list[str], kept: tuple[str, ...], panel: Panel,
) -> None:
    panel.desk.choose("second")
    choose(panel, layer, *selected)
    assert panel.desk.layers == kept
