"""Stop, pause and progress, from other threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from lab_nets import batched, everything, lab

import prunelab as pl
from prunelab import errors
from prunelab.lab.progress import Control, Meter, Progress


def in_thread(do: Any) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            do()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    return thread, raised


def test_stop_from_another_thread_ends_a_step_in_the_last_recorded_state() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    before = everything(opened)
    training = threading.Event()
    opened.on_progress.append(lambda progress: training.set() if progress.done > 2 else None)
    thread, raised = in_thread(lambda: opened.step("3", ratio=0.5, finetune=100_000))
    assert training.wait(20)
    assert opened.working == "3 50 %"
    opened.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert [type(error) for error in raised] == [errors.Stopped]
    assert everything(opened) == before
    assert opened.working == ""
    assert opened.step("3", ratio=0.5).id == "s2"


def test_pause_holds_and_resume_goes_on_to_the_same_bits() -> None:
    straight = lab()
    straight.step("0", ratio=0.5, finetune=2)
    opened = lab()
    done: list[int] = []
    reached = threading.Event()

    def watch(progress: Progress) -> None:
        done.append(progress.done)
        if progress.done == 2:
            opened.pause()
            reached.set()

    opened.on_progress.append(watch)
    thread, raised = in_thread(lambda: opened.step("0", ratio=0.5, finetune=2))
    assert reached.wait(20)
    time.sleep(0.2)
    assert opened.paused
    assert done[-1] == 2
    opened.resume()
    thread.join(20)
    assert not raised
    assert everything(opened) == everything(straight)


def test_a_paused_step_can_be_stopped() -> None:
    opened = lab()
    reached = threading.Event()

    def hold(progress: Progress) -> None:
        opened.pause()
        reached.set()

    opened.on_progress.append(hold)
    thread, raised = in_thread(lambda: opened.step("0", ratio=0.5, finetune=1))
    assert reached.wait(20)
    opened.stop()
    thread.join(20)
    assert [type(error) for error in raised] == [errors.Stopped]
    assert opened.state.id == "s0"


def test_only_one_piece_of_work_at_a_time_and_looking_goes_on() -> None:
    opened = lab()
    opened.step("0", ratio=0.3)
    expected = opened.preview("0", 0.7)
    reached = threading.Event()

    def hold(progress: Progress) -> None:
        if progress.done == 2:
            opened.pause()
            reached.set()

    opened.on_progress.append(hold)
    thread, raised = in_thread(lambda: opened.step("0", ratio=0.7, finetune=1))
    assert reached.wait(20)
    for refused in (lambda: opened.step("3"), opened.back, opened.compact, opened.evaluate):
        with pytest.raises(errors.WorkspaceError, match=r"the Lab is at work on '0 70 %'; wait for it, or end it with "
                                                        r"lab\.stop"):
            refused()
    opened._scores.clear()
    assert opened.preview("0", 0.7) == expected
    assert len(opened.history) == 2
    opened.masks("0"), opened.curves(), opened.tree(), repr(opened)
    opened.resume()
    thread.join(20)
    assert not raised
    assert opened.state.plan.removed("0") == expected.removed


def test_a_replay_is_paused_and_stopped_as_what_it_repeats() -> None:
    opened = lab()
    opened.step("0", ratio=0.5, finetune=20)
    before = everything(opened)
    done: list[int] = []
    reached = threading.Event()

    def hold(progress: Progress) -> None:
        done.append(progress.done)
        if progress.done == 3:
            opened.pause()
            reached.set()

    opened.on_progress.append(hold)
    thread, raised = in_thread(opened.replay)
    assert reached.wait(20)
    time.sleep(0.2)
    assert done[-1] == 3
    opened.stop()
    thread.join(20)
    assert [type(error) for error in raised] == [errors.Stopped]
    assert done[-1] == 3
    assert everything(opened) == before
    assert opened.working == ""
    opened.on_progress.clear()
    again = opened.replay()
    assert again.same
    assert again.lab.on_progress == []  # what the fresh Lab does from now on is its own


def test_stop_and_pause_do_nothing_to_a_lab_that_is_idle() -> None:
    opened = lab()
    opened.stop()
    opened.pause()
    assert opened.step("0", ratio=0.5).id == "s1"


def test_progress_counts_the_batches_of_the_whole_step() -> None:
    opened = lab()
    told: list[Progress] = []
    opened.on_progress.append(told.append)
    opened.step("0", ratio=0.5, finetune=2)
    # two epochs of three batches, and one batch of validation
    assert [p.done for p in told] == list(range(8))
    assert {p.total for p in told} == {7}
    assert {p.label for p in told} == {"0 50 %"}
    assert "loss" in told[3].metrics
    assert told[-1].remaining_s == 0
    told.clear()
    opened.run(to=0.9, steps=2)
    assert told[-1].done == told[-1].total


def test_data_of_unknown_length_has_no_total() -> None:
    class Endless:
        def __iter__(self) -> Any:
            return iter(batched())

    opened = lab(train=Endless())
    told: list[Progress] = []
    opened.on_progress.append(told.append)
    opened.step("0", ratio=0.5, finetune=1)
    assert {p.total for p in told} == {None}
    assert {p.remaining_s for p in told} == {None}


def test_a_pause_does_not_count_as_time() -> None:
    control = Control()
    control.begin("work")
    told: list[Progress] = []
    meter = Meter(control, [told.append], 2)
    control.pause()
    threading.Timer(0.5, control.resume).start()
    meter.tick()
    meter.tick()
    assert told[-1].elapsed_s < 0.4


def test_a_loader_with_workers_serves_a_step_in_another_thread() -> None:
    import paddle
    from paddle.io import DataLoader, TensorDataset

    x, y = batched(24, 24)[0]
    loader = DataLoader(TensorDataset([paddle.to_tensor(x), paddle.to_tensor(y)]), batch_size=8, num_workers=2)
    opened = lab(train=loader)
    thread, raised = in_thread(lambda: opened.step("0", ratio=0.5, finetune=1))
    thread.join(30)
    assert not raised
    assert opened.state.id == "s1"


def test_the_bar_is_tqdms_and_away_when_somebody_listens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    opened = lab()
    opened.step("0", ratio=0.5, finetune=1)
    assert "0 50 %: " in capsys.readouterr().err
    opened.on_progress.append(lambda progress: None)
    opened.step("3", ratio=0.5)
    assert capsys.readouterr().err == ""
    assert isinstance(opened, pl.Lab)


def test_an_export_tells_its_parts_and_stops_before_the_next_one(tmp_path: Path) -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    before, told = everything(opened), []
    opened.on_progress.append(lambda progress: told.append((progress.label, progress.done, progress.total)))
    opened.export(tmp_path / "whole", ("safetensors", "python"), timing=None)
    assert told == [("export: safetensors", 0, 4), ("export: python", 1, 4), ("export: safetensors, dense", 2, 4),
                    ("export: python, dense", 3, 4)]
    opened.on_progress[:] = [lambda progress: opened.stop() if progress.done == 1 else None]
    with pytest.raises(errors.Stopped, match="'export: python' was stopped"):
        opened.export(tmp_path / "half", ("safetensors", "python"), timing=None)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    assert everything(opened) == before
    assert opened.working == ""
