"""The search in the panel: trials as they finish, the front, the choices, one of them adopted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from panel_driving import finish, part, small_lab

from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.parallel import CHOSEN, ON_FRONT, OTHER, telling
from prunelab.lab import Lab


@pytest.fixture
def search(panel: Panel) -> Any:
    return part(panel, "Search")


def searched(panel: Panel, search: Any, trials: int = 12) -> Any:
    search._sampler.value, search._metric.value, search._trials.value = "random", "loss", trials
    search._go.click()
    finish(panel)
    return search.lab.study


def lines(search: Any) -> np.ndarray[Any, Any]:
    return np.frombuffer(search.parallel.lines, "<f4").reshape(len(search.parallel.numbers), -1)


def test_nothing_is_shown_before_a_search(search: Any) -> None:
    assert "No search yet" in search._empty.value
    assert search._results.layout.display == "none"
    assert search.still() is None


def test_the_front_is_that_of_the_study(panel: Panel, search: Any, lab: Lab) -> None:
    study = searched(panel, search)
    assert part(panel, "Footer")._line.line == (
        "%prune search --sampler random --objectives loss,params --trials 12")
    front = sorted((t.values["params"], t.values["loss"]) for t in study.front_trials)
    np.testing.assert_allclose(np.column_stack([search.front.front.x, search.front.front.y]), front)
    others = len(study) - len(front)
    assert (len(search.front.others.x) if search.front.others.visible else 0) == others
    assert search._best.value == study.knee().number
    assert [number for _, number in search._best.options] == [t.number for t in study.front_trials]
    assert [state.id for state in lab.states if not state.searched] == ["s0"]
    assert "svg" in search.picture()


def test_trials_are_shown_as_they_finish(panel: Panel, search: Any, lab: Lab) -> None:
    seen: list[int] = []
    lab.on_progress.append(lambda progress: seen.append(len(search.front._numbers.get(search.front.front, []))))
    searched(panel, search)
    assert seen != sorted(seen, reverse=True) or len(set(seen)) == 1
    assert "12 trials by random" in search._caption.value


def test_the_choices_are_a_line_a_trial(panel: Panel, search: Any) -> None:
    study = searched(panel, search)
    search._what.value = "Choices"
    parallel = search.parallel
    assert [axis["name"] for axis in parallel.axes] == ["first", "second", "loss", "params"]
    asked = np.asarray([[study[n].chosen["ratios.first"], study[n].chosen["ratios.second"]] for n in parallel.numbers])
    low, high = asked.min(0), asked.max(0)
    np.testing.assert_allclose(lines(search)[:, :2], (asked - low) / (high - low), atol=1e-6)
    front = {trial.number for trial in study.front_trials}
    kinds = dict(zip(parallel.numbers, parallel.kinds, strict=True))
    assert {n for n, kind in kinds.items() if kind in (ON_FRONT, CHOSEN)} == front
    other = next(n for n, kind in kinds.items() if kind == OTHER) if len(front) < len(kinds) else min(front)
    parallel._handle_custom_msg({"pick": other}, [])
    assert search._shown == search._best.value == other
    assert f"trial {other}: loss" in search._told.value


def test_of_many_choices_those_are_shown_that_go_with_what_came_of_it() -> None:
    draw = np.random.default_rng(0)
    values = draw.random((40, 99))
    columns = [(f"layer {k}", "0 %", "90 %", values[:, k]) for k in range(99)]
    came = ("accuracy", "0 %", "99 %", values[:, [7, 70]].mean(1))
    found = telling([*columns, came], 1)
    assert len(found) == 25
    assert found[-1] is came
    names = [name for name, *_ in found[:-1]]
    assert {"layer 7", "layer 70"} < set(names)
    assert names == sorted(names, key=lambda name: int(name.split()[1]))
    assert telling([*columns[:20], came], 1) == [*columns[:20], came]


def test_trials_keep_to_what_is_asked(panel: Panel, search: Any, lab: Lab) -> None:
    search._within.value = "macs <= 70 %, params <= 500"
    study = searched(panel, search)
    assert part(panel, "Footer")._line.line.endswith("--constraint 'macs <= 70 %' --constraint 'params <= 500'")
    assert [str(constraint.name) for constraint in study.space.constraints] == ["macs", "params"]
    assert all(trial.values["params"] <= 500 for trial in study.front_trials)
    search._within.value = "macs < much"
    search._go.click()
    finish(panel)
    assert "much" in part(panel, "Footer")._error.value
    assert lab.study is study


def test_a_trial_is_adopted(panel: Panel, search: Any, lab: Lab) -> None:
    study = searched(panel, search)
    number = next(trial.number for trial in study.front_trials if trial.plan.sparsity)
    search._best.value = number
    search._adopt.click()
    finish(panel)
    assert lab.state.parent == "s1"
    assert lab.plan.groups == study[number].plan.groups
    assert part(panel, "Footer")._line.line == f"lab.adopt(lab.study[{number}])"


def test_a_search_that_is_stopped_leaves_its_trials(panel: Panel, search: Any, lab: Lab) -> None:
    lab.on_progress.append(lambda progress: lab.stop() if progress.done > 2 else None)
    study = searched(panel, search, 200)
    assert 0 < len(study) < 200
    assert search._results.layout.display is None
    assert "stopped" in part(panel, "Footer")._told.value


def test_a_search_of_a_cell_is_shown_too(panel: Panel, search: Any, lab: Lab) -> None:
    study = lab.search(trials=6, sampler="random", objectives="accuracy")
    panel.desk.refresh()
    assert lab.study is study
    np.testing.assert_allclose(search.front.front.x, [t.number for t in study.front_trials])
    assert not search.front.line.visible


def test_without_validation_data_it_says_so() -> None:
    panel = small_lab(val=None).panel(["search"])
    search = part(panel, "Search")
    assert search._go.disabled
    assert "open it with val=" in search._empty.value
    panel.close()
