"""The panel without a browser: what its parts read and ask of the Lab, the queue, the static form, letting go."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from IPython.core.interactiveshell import InteractiveShell
from panel_driving import finish, part, slide, wait
from traitlets.config import Config

from prunelab.errors import OptionError, Stopped
from prunelab.jupyter.magics.magic import PruneMagics
from prunelab.jupyter.panels import actions, channel, interrupt
from prunelab.jupyter.panels.actions import Action, Course, Cure
from prunelab.jupyter.panels.axes import nice_ticks
from prunelab.jupyter.panels.layers import bits
from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.part import widgets_in
from prunelab.jupyter.panels.schedule import targets_text
from prunelab.jupyter.panels.scores import histogram
from prunelab.jupyter.panels.tiles import GOING, KEPT
from prunelab.jupyter.panels.worker import Worker, worker_of
from prunelab.lab import Lab, Progress

# what it shows


def test_rows_are_the_groups_in_network_order_frozen_ones_with_their_reason(panel: Panel, lab: Lab) -> None:
    rows = part(panel, "Layers").widget.rows
    assert [row["name"] for row in rows] == [g.name for g in lab.graph.groups]
    assert [row["frozen"] for row in rows] == [g.reason for g in lab.graph.groups]
    assert any(row["frozen"] for row in rows)


def test_the_slider_shows_what_a_step_would_do(panel: Panel, lab: Lab) -> None:
    slide(panel, 0.5)
    preview = lab.preview("first", 0.5)
    assert panel.desk.preview == preview
    assert "4 of 8" in part(panel, "Step")._stats.value
    assert part(panel, "Layers").widget.going == bits(lab.graph.groups, {"first": preview.new})
    assert list(part(panel, "Masks").widget.marks) == [GOING if u in preview.new else KEPT for u in range(8)]
    assert sum(going for _, going in part(panel, "Scores").widget.bars) == 4
    assert lab.state.id == "s0"


def test_another_criterion_is_another_preview(panel: Panel, lab: Lab) -> None:
    slide(panel, 0.5)
    before = panel.desk.preview
    choices = panel.desk.choices
    choices.criterion = "random"
    assert panel.desk.preview == lab.preview("first", 0.5, "random") != before
    assert choices.cure == Cure("random", 0)


def test_one_selection_drives_every_part(panel: Panel) -> None:
    panel.desk.choose("second")
    assert part(panel, "Layers").widget.chosen == "second"
    assert "<b>second</b>" in part(panel, "Step")._layer.value
    assert part(panel, "Masks").widget.layer == "second"
    assert part(panel, "Scores").widget.caption.startswith("second")


def test_a_frozen_layer_says_why_and_cannot_be_stepped(panel: Panel) -> None:
    panel.desk.choose("fc")
    assert part(panel, "Step")._go.disabled
    assert "fc is frozen" in part(panel, "Masks").widget.empty
    panel.desk.choose("first")
    assert not part(panel, "Step")._go.disabled
    assert part(panel, "Masks").widget.empty == ""


def test_a_layer_of_which_more_is_gone_moves_the_slider_and_not_the_wish(panel: Panel, lab: Lab) -> None:
    slide(panel, 0.25)
    lab.step("second", 0.5)
    panel.desk.choose("second")
    assert part(panel, "Step")._ratio.value == 0.5
    assert part(panel, "Step")._go.disabled
    panel.desk.choose("first")
    assert part(panel, "Step")._ratio.value == 0.25


# what it asks


def test_step_back_and_goto_are_done_in_the_worker(panel: Panel, lab: Lab) -> None:
    threads = set[str]()
    lab.on_change.append(lambda state: threads.add(threading.current_thread().name))
    slide(panel, 0.5)
    part(panel, "Step")._go.click()
    finish(panel)
    assert (lab.state.id, lab.plan.ratio("first"), threads) == ("s1", 0.5, {"prunelab-panel"})
    assert part(panel, "Layers").widget.rows[0]["kept"] == 4
    assert part(panel, "History").tree.current == "s1"
    assert "−" in part(panel, "Header")._told.value
    part(panel, "Header")._back.click()
    finish(panel)
    assert lab.state.id == "s0"
    part(panel, "History").tree._handle_custom_msg({"goto": "s1"}, [])
    finish(panel)
    assert lab.state.id == part(panel, "History").tree.current == "s1"
    assert part(panel, "Footer")._line.line == "%prune goto s1"


def test_clicks_are_done_one_after_the_other(panel: Panel, lab: Lab) -> None:
    for ratio in (0.25, 0.5, 0.75):
        slide(panel, ratio)
        part(panel, "Step")._go.click()
    finish(panel)
    assert [state.plan.ratio("first") for state in lab.states] == [0, 0.25, 0.5, 0.75]


def test_an_error_is_one_line_and_the_panel_goes_on(panel: Panel, lab: Lab) -> None:
    panel.desk.do(Action("break", "%prune break", lambda lab: 1 / 0))
    finish(panel)
    shown = part(panel, "Footer")._error.value
    assert "<summary>ZeroDivisionError: division by zero</summary>" in shown
    assert "lambda lab: 1 / 0" in shown.partition("<pre")[2]
    panel.desk.do(actions.step("first", 1.5, Cure("l1_weight", 0)))
    finish(panel)
    shown = part(panel, "Footer")._error.value
    assert "ratio is 1.5" in shown
    assert "<details>" not in shown
    slide(panel, 0.5)
    part(panel, "Step")._go.click()
    finish(panel)
    assert part(panel, "Footer")._error.value == ""
    assert lab.state.id == "s1"


def test_stop_ends_the_work_and_forgets_what_waits(panel: Panel, lab: Lab) -> None:
    batches = threading.Event()
    lab.on_progress.append(lambda progress: batches.set() if progress.done > 1 else None)
    panel.desk.do(actions.step("first", 0.5, Cure("l1_weight", 1000)))
    panel.desk.do(actions.step("second", 0.5, Cure("l1_weight", 1000)))
    assert batches.wait(20)
    footer = part(panel, "Footer")
    assert not footer._stop.disabled
    assert "1 more waiting" in footer._told.value
    slide(panel, 0.75)  # it answers meanwhile
    assert "6 of 8" in part(panel, "Step")._stats.value
    footer._stop.click()
    finish(panel)
    assert (lab.state.id, len(lab.states), lab.working) == ("s0", 1, "")
    assert "step first stopped" in footer._told.value


def test_pause_holds_and_resumes(panel: Panel, lab: Lab) -> None:
    done: list[int] = []
    lab.on_progress.append(lambda progress: done.append(progress.done))
    panel.desk.do(actions.step("first", 0.5, Cure("l1_weight", 1000)))
    wait(lambda: len(done) > 1)
    footer = part(panel, "Footer")
    footer._pause.click()
    assert footer._pause.description == "Resume"
    time.sleep(0.3)
    held = len(done)
    time.sleep(0.3)
    assert len(done) == held
    footer._pause.click()
    wait(lambda: len(done) > held)
    footer._stop.click()
    finish(panel)


def test_work_of_a_cell_is_shown_and_its_end_too(panel: Panel, lab: Lab) -> None:
    told: list[str] = []
    lab.on_progress.append(lambda progress: told.append(part(panel, "Footer")._told.value))
    lab.step("first", 0.5, finetune=2)
    assert any("first 50 %" in text for text in told)
    assert "s1 · first 50 %" in part(panel, "Header")._told.value
    wait(lambda: "ready" in part(panel, "Footer")._told.value)
    assert part(panel, "Footer")._stop.disabled


def test_values_of_the_work_are_told_as_everywhere_else(
        panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    footer = part(panel, "Footer")
    monkeypatch.setattr(Lab, "working", "search")
    values = {"accuracy": 0.0982, "params": 12345.0, "latency_ms": 3.4567}
    footer.progressed(Progress(3, 10, "trial 3", 1.0, 2.0, values, "trial"))
    for told in ("accuracy 9.8 %", "params 12.3 k", "latency_ms 3.46 ms"):
        assert told in footer._told.value


def test_a_stop_before_the_lab_began_is_heard(lab: Lab) -> None:
    worker = Worker()
    began, go = threading.Event(), threading.Event()
    worker.listeners.append(lambda: (began.set(), go.wait(20)) if worker.current is not None else None)
    worker.submit(lab, actions.step("first", 0.5, Cure("l1_weight", 0)))
    assert began.wait(20)
    worker.listeners.clear()
    worker.stop(lab)
    go.set()
    wait(lambda: worker._thread is None)
    assert worker.outcome is not None
    assert worker.outcome.stopped
    assert lab.state.id == "s0"


def test_two_panels_stay_in_step(panel: Panel, lab: Lab) -> None:
    second = lab.panel()
    assert second.desk.worker is panel.desk.worker is worker_of(lab)
    slide(panel, 0.5)
    part(panel, "Step")._go.click()
    finish(panel)
    assert part(second, "Layers").widget.rows == part(panel, "Layers").widget.rows
    assert part(second, "Footer")._line.line == part(panel, "Footer")._line.line != ""
    second.close()
    lab.back()
    assert part(panel, "History").tree.current == "s0"
    assert part(second, "History").tree.current == "s1"


# letting go


def test_a_closed_panel_leaves_no_widget_and_no_listener(lab: Lab) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    panel = lab.panel()
    assert len(lab.on_progress) == len(lab.on_change) == 1
    assert len([*widgets_in(panel)]) > 40
    panel.close()
    panel.close()
    assert set(ipywidgets.widgets.widget._instances) == before
    assert (lab.on_progress, lab.on_change, worker_of(lab).listeners) == ([], [], [])


def test_a_panel_off_the_screen_does_not_listen_and_shows_the_truth_when_it_is_back(panel: Panel, lab: Lab) -> None:
    frame = part(panel, "Frame")
    frame._heard(None, {"seen": True}, None)
    frame._heard(None, {"seen": False}, None)
    assert lab.on_change == []
    lab.step("first", 0.5)
    assert part(panel, "History").tree.current == "s0"
    frame._heard(None, {"seen": True}, None)
    assert part(panel, "History").tree.current == "s1"


def test_fifty_steps_leave_no_widget_no_listener_and_no_thread_behind(panel: Panel, lab: Lab) -> None:
    def held() -> tuple[int, ...]:
        threads = [one for one in threading.enumerate() if one.name.startswith("prunelab")]
        listeners = [lab.on_progress, lab.on_change, panel.desk.worker.listeners]
        return (len(ipywidgets.widgets.widget._instances), len(threads), *map(len, listeners))

    def go(n: int) -> None:
        for _ in range(n):
            panel.desk.do(actions.step("first", 0.5, Cure("l1_weight", 0)))
            panel.desk.do(actions.back())
        finish(panel)

    go(2)  # what is drawn once there are states
    before = held()
    go(25)
    assert held() == before
    assert len(lab.states) == 28


# the static form


def test_the_mime_bundle_has_a_widget_a_picture_and_text(panel: Panel, lab: Lab) -> None:
    lab.step("first", 0.5)
    bundle = panel._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    picture = bundle["text/html"]
    for told in ("first", "frozen: the model&#x27;s output", "<svg", "s1"):
        assert told in picture
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", picture)
    assert bundle["text/plain"].startswith("Panel on Lab of Net: s1")


# the pure parts


def test_units_are_a_bit_each_and_every_group_begins_with_a_byte(lab: Lab) -> None:
    assert [group.units for group in lab.graph.groups] == [8, 6, 3]
    assert bits(lab.graph.groups, {"first": [0, 7], "second": (1,)}) == bytes([0b10000001, 0b01000000, 0])


def test_a_histogram_counts_every_unit_that_is_there(lab: Lab) -> None:
    lab.step("first", 0.25)
    preview, scores = lab.preview("first", 0.75), lab.scores("first")
    bars, (low, high), threshold = histogram(scores, preview)
    assert [sum(k for k, _ in bars), sum(g for _, g in bars)] == [2, 4]
    at = low + threshold * (high - low)
    assert all((scores[u] < at) == (u in preview.new) for u in range(8) if u not in lab.plan.removed("first"))


@pytest.mark.parametrize(("low", "high", "ticks"), [
    (0.902, 0.941, [0.91, 0.92, 0.93, 0.94]), (54e3, 99e3, [60e3, 70e3, 80e3, 90e3]), (-1, 1, [-1, -0.5, 0, 0.5, 1]),
])
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == ticks


def test_targets_are_told() -> None:
    assert targets_text(Course(0.5, "macs", 2, "linear")) == "25, 50 % of MACs"
    assert targets_text(Course(0.5, "params", 10, "linear")) == "5, 10, 15, …, 50 % of params"


@pytest.mark.parametrize(("action", "call"), [
    (actions.step("first", 0.62, Cure("l2_weight", 2)),
     'lab.step("first", ratio=0.62, criterion="l2_weight", finetune=2)'),
    (actions.run(Course(0.7, "macs", 4, "linear", "global"), Cure("mean", 0)),
     'lab.run(schedule="linear", to=0.7, steps=4, by="macs", scope="global", criterion="mean", finetune=0)'),
    (actions.back(), "lab.back()"),
    (actions.goto("s0"), 'lab.goto("s0")'),
    (actions.branch("wider"), 'lab.branch("wider")'),
    (actions.tag("best", "s0"), 'lab.tag("best", "s0")'),
    (actions.compare("s0"), 'lab.compare("s0")'),
    (actions.measure("loss", "l1_weight", 0.2, 1.0),
     'lab.sensitivity(ratios=(0.2, 0.4, 0.6, 0.8), metric="loss", criterion="l1_weight", confidence=1.0)'),
    (actions.cut_several({"first": 0.25, "second": 0.5}, Cure("mean", 0)),
     'lab.step({"first": 0.25, "second": 0.5}, criterion="mean", finetune=0)'),
    (actions.search("pso", ["loss", "params"], 8, ["macs <= 50 %"]),
     'lab.search(sampler="pso", objectives=("loss", "params"), trials=8, constraints=("macs <= 50 %",))'),
    (actions.export("my out", ["paddle", "onnx"], True),
     'lab.export("my out", formats=("paddle", "onnx"), force=True)'),
])
def test_the_line_is_the_magic_that_makes_the_same_call(action: Action, call: str, lab: Lab) -> None:
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config, user_ns={"lab": lab})
    told = PruneMagics(shell).prune(f"{action.line.removeprefix('%prune ')} --explain")
    assert str(told) == call


def test_what_an_action_calls_is_what_its_line_says(lab: Lab) -> None:
    actions.step("first", 0.5, Cure("l1_weight", 0)).call(lab)
    assert lab.state.action == "lab.step('first', ratio=0.5, criterion='l1_weight', finetune=0)"
    with pytest.raises(OptionError):
        actions.step("first", 0.25, Cure("l1_weight", 0)).call(lab)


def test_a_part_that_fails_takes_nobody_with_it(panel: Panel, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr(part(panel, "Layers"), "changed", fails)
    with pytest.warns(RuntimeWarning, match="the panel's Layers failed: ValueError: no such colour"):
        lab.step("first", 0.5)
    assert part(panel, "History").tree.current == "s1"


def test_pause_and_stop_come_over_a_channel_that_a_cell_does_not_block(panel: Panel, lab: Lab) -> None:
    heard: list[Callable[[Any], None]] = []

    class Comm:
        def on_msg(self, callback: Callable[[Any], None]) -> None:
            heard.append(callback)

    channel._opened(Comm(), {"content": {"data": {"panel": part(panel, "Frame").widget.panel}}})
    channel._opened(Comm(), {"content": {"data": {"panel": "of another kernel"}}})
    batches: list[int] = []

    def act(progress: Any) -> None:
        batches.append(progress.done)
        if progress.done == 2:
            for press in heard:
                press({"content": {"data": {"press": "pause"}}})
            assert lab.paused
            heard[0]({"content": {"data": {"press": "pause"}}})
            heard[0]({"content": {"data": {"press": "nonsense"}}})
        if progress.done == 3:
            heard[0]({"content": {"data": {"press": "stop"}}})

    lab.on_progress.append(act)
    with pytest.raises(Stopped):  # in the thread of the cell
        lab.step("first", 0.5, finetune=1000)
    assert (lab.state.id, max(batches)) == ("s0", 3)


def test_the_kernels_interrupt_ends_the_work_of_a_panel(
    panel: Panel, lab: Lab, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As ipykernel has it between two cells: interrupts are passed over until a panel is there."""
    monkeypatch.setattr(interrupt, "_LATER_S", 0.0)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        async def cell() -> None:
            interrupt.heed()
            await asyncio.sleep(0.05)

        asyncio.run(cell())
        assert signal.getsignal(signal.SIGINT) is interrupt.interrupted
        batches = threading.Event()
        lab.on_progress.append(lambda progress: batches.set() if progress.done > 1 else None)
        panel.desk.do(actions.step("first", 0.5, Cure("l1_weight", 1000)))
        assert batches.wait(20)
        signal.raise_signal(signal.SIGINT)
        finish(panel)
        assert "step first stopped" in part(panel, "Footer")._told.value
        assert lab.state.id == "s0"

        def theirs(number: int, frame: Any) -> None:
            """What somebody else has put there stays."""

        signal.signal(signal.SIGINT, theirs)
        asyncio.run(cell())
        assert signal.getsignal(signal.SIGINT) is theirs
    finally:
        signal.signal(signal.SIGINT, before)
