"""The sensitivity in the panel: measured in the worker, shown as it comes, stopped, and ratios taken from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from panel_driving import finish, part, small_lab, wait

import prunelab as pl
from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab


@pytest.fixture
def sense(panel: Panel) -> Any:
    return part(panel, "Sensitivities")


def cells(sense: Any) -> np.ndarray[Any, Any]:
    return np.frombuffer(sense.heat.values, "<f4").reshape(len(sense.heat.names), -1)


def test_nothing_is_shown_before_anything_is_measured(sense: Any) -> None:
    assert "2 layers at 9 ratios" in sense._empty.value
    assert sense._results.layout.display == "none"
    assert sense.picture() == ""


def test_what_is_measured_is_what_the_lab_measures(panel: Panel, sense: Any, lab: Lab) -> None:
    sense._every.value = 0.2
    sense._measure.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == (
        "%prune sensitivity --ratios 0.2:0.8:0.2 --metric accuracy --criterion l1_weight")
    found = lab.sensed()
    assert found is not None
    np.testing.assert_allclose(cells(sense), [list(found[name].values()) for name in found.groups], rtol=1e-6)
    assert (sense.heat.names, sense.heat.ratios) == (["first", "second"], [0.2, 0.4, 0.6, 0.8])
    assert sense._results.layout.display is None
    assert "svg" in sense.picture()
    assert len(lab.states) == 1


def test_points_are_shown_as_they_come_and_stop_keeps_them(panel: Panel, sense: Any, lab: Lab) -> None:
    known: list[int] = []

    def heard(progress: Any) -> None:
        known.append(0 if not sense.heat.values else int(np.isfinite(cells(sense)).sum()))
        if known[-1]:
            part(panel, "Footer")._stop.click()

    panel.desk._told_at = -1e9
    lab.on_progress.append(heard)
    sense._every.value = 0.05
    sense._measure.click()
    finish(panel)
    assert 0 < known[-1] < 2 * 19
    assert "stopped" in part(panel, "Footer")._told.value
    assert f"of {cells(sense).size}" in sense.heat.caption
    assert not sense._measure.disabled


def test_a_cell_takes_its_ratio_and_everything_follows(panel: Panel, sense: Any, lab: Lab) -> None:
    lab.sensitivity(ratios=(0.25, 0.5))
    panel.desk.refresh()
    sense.heat._handle_custom_msg({"pick": ["second", 0.5]}, [])
    assert (panel.desk.layer, panel.desk.ratio) == ("second", 0.5)
    assert part(panel, "Step")._ratio.value == 0.5
    assert sense.wishes.ratios == sense.heat.wished == {"second": 0.5}
    assert sense.curves.line.visible
    np.testing.assert_allclose(sense.curves.here.x, [0.5])
    panel.desk.think(0.25)
    assert sense.heat.at == part(panel, "Step")._ratio.value == 0.25
    np.testing.assert_allclose(sense.curves.here.y, [lab.sensitivity(ratios=0.25)["second"][0.25]])


def test_suggested_ratios_are_taken_in_one_step(panel: Panel, sense: Any, lab: Lab) -> None:
    found = lab.sensitivity(ratios=(0.25, 0.5, 0.75))
    panel.desk.refresh()
    assert sense.wishes.take.disabled
    sense.wishes.allowed.value = 40
    sense.wishes.suggest.click()
    wished = {name: ratio for name, ratio in found.suggest(40).items() if ratio}
    assert sense.heat.wished == wished != {}
    assert "MACs −" in sense.wishes._told.value
    assert "params −" in sense.wishes._told.value
    sense.wishes.take.click()
    finish(panel)
    assert lab.state.action == f"lab.step({wished!r}, criterion='l1_weight', finetune=0)"
    assert sense.wishes.ratios == {}
    assert "measured in s0" in sense.heat.caption
    planned = pl.propose(lab.graph, ratios=wished)
    assert planned.groups == lab.plan.groups


def test_another_criterion_was_not_measured(panel: Panel, sense: Any, lab: Lab) -> None:
    lab.sensitivity(ratios=0.5)
    panel.desk.refresh()
    assert sense._results.layout.display is None
    panel.desk.choices.criterion = "l2_weight"
    assert sense._results.layout.display == "none"


def test_without_validation_data_it_says_so() -> None:
    opened = small_lab(val=None)
    panel = opened.panel(["sensitivity"])
    sense = part(panel, "Sensitivities")
    assert sense._measure.disabled
    assert "open it with val=" in sense._empty.value
    panel.close()


def test_the_lines_are_the_same_calls(lab: Lab) -> None:
    assert actions.spread(0.05)[0] == 0.05
    assert len(actions.spread(0.05)) == 19
    actions.measure("accuracy", "l1_weight", 0.2, None).call(lab)
    found = lab.sensed()
    assert found is not None
    assert found.ratios == (0.2, 0.4, 0.6, 0.8)
    wait(lambda: not lab.working)


def test_a_figure_has_a_place_of_its_own_and_is_closed_with_it(panel: Panel, sense: Any) -> None:
    shy = sense._results.children[0]
    assert shy.get_state("figure") == {"figure": f"IPY_MODEL_{sense.curves.figure.model_id}"}
    panel.close()
    assert shy.comm is sense.curves.dots.comm is sense.curves.figure.comm is None
