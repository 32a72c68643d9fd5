"""A panel that is worked with for long holds no more than one that was just opened."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

import ipywidgets
from comm import get_comm_manager
from panel_driving import finish, part, slide, small_lab

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.part import widgets_in

N_STEPS = 50
_OURS = [tracemalloc.Filter(True, f"*/{room}/*") for room in ("prunelab/jupyter", "ipywidgets", "anywidget", "bqplot",
                                                             "traitlets", "comm")]


def a_step_and_all_back(panel: Panel, n: int) -> None:
    """What a person does: another layer, the slider, Step, Back; then the history is as it was."""
    panel.desk.choose(("first", "second")[n % 2])
    slide(panel, 0.3 + 0.01 * (n % 10))
    panel.desk.do(actions.step(panel.desk.layer, panel.desk.ratio, panel.desk.choices.cure))
    finish(panel)
    part(panel, "Header")._back.click()
    finish(panel)
    panel.desk.lab.prune_history(["s0"])
    panel.desk.refresh()


def held() -> int:
    """The bytes that the panel's code, and the widgets' libraries, hold."""
    gc.collect()
    return sum(found.size for found in tracemalloc.take_snapshot().filter_traces(_OURS).statistics("filename"))


def test_steps_leave_no_widget_no_comm_and_no_memory(panel: Panel) -> None:
    registry: dict[str, Any] = ipywidgets.widgets.widget._instances
    tracemalloc.start()
    try:
        for n in range(10):  # traitlets makes the names of its hooks as they are asked for, and keeps them
            a_step_and_all_back(panel, n)
        before = len(registry), len(get_comm_manager().comms), held()
        for n in range(N_STEPS):
            a_step_and_all_back(panel, n)
        after = len(registry), len(get_comm_manager().comms), held()
    finally:
        tracemalloc.stop()
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 100_000, f"{after[2] - before[2]} bytes after {N_STEPS} steps"


def test_a_closed_panel_leaves_nothing_behind() -> None:
    lab, registry = small_lab(), ipywidgets.widgets.widget._instances
    lab.step("first", 0.25)
    before = len(registry), len(get_comm_manager().comms)
    panel = lab.panel()
    assert len(registry) > before[0]
    known = [weakref.ref(widget) for widget in widgets_in(panel)]
    panel.close()
    assert (len(registry), len(get_comm_manager().comms)) == before
    assert (lab.on_change, lab.on_progress) == ([], [])
    del panel
    gc.collect()
    assert [ref() for ref in known if ref() is not None] == []
