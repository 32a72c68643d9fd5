"""A KeyboardInterrupt at any instant leaves the last recorded state, in memory and on disk, and the work goes on."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import paddle
import pytest
from lab_nets import bits, lab, random_bits

import prunelab as pl

PACKAGE = str(Path(pl.__file__).parent)
Work = Callable[[pl.Lab], object]


def content(opened: pl.Lab) -> str:
    """What a state holds, its id and metrics apart."""
    told = hashlib.sha256(repr([(g.name, g.removed) for g in opened.plan.groups]).encode())
    for name, value in sorted(bits(opened.model).items()):
        told.update(name.encode() + value)
    told.update(random_bits())
    return told.hexdigest()


class Interrupt:
    """Sends an interrupt when so many lines of prunelab were run; counts them if there is none."""

    def __init__(self, after: int) -> None:
        self.after, self.n_lines = after, 0

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE) or f"{os.sep}graph{os.sep}" in frame.f_code.co_filename:
            return None
        if event == "line":
            self.n_lines += 1
            if self.n_lines == self.after:
                signal.raise_signal(signal.SIGINT)
        return self._trace

    def __enter__(self) -> Interrupt:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)


WORK: dict[str, Work] = {
    "step": lambda lab: lab.step("3", ratio=0.5),
    "train": lambda lab: lab.step("3", ratio=0.5, finetune=1),
    "goto": lambda lab: lab.goto("s0"),
    "compare": lambda lab: lab.compare("s0"),
    "evaluate": lambda lab: lab.evaluate(),
}


def opened_at_s1(folder: Path) -> pl.Lab:
    opened = lab(workspace=folder)
    opened.on_progress.append(lambda progress: None)
    opened.step("0", ratio=0.5)
    return opened


@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize("n", [12, pytest.param(1000, marks=pytest.mark.slow)])
def test_an_interrupt_at_any_line_leaves_a_recorded_state(name: str, n: int, tmp_path: Path) -> None:
    opened = opened_at_s1(tmp_path / "whole")
    before = content(opened)
    with Interrupt(-1) as counted:
        WORK[name](opened)
    after, ended = content(opened), opened.state.id
    opened.close()
    draw = random.Random(n)
    for place in draw.sample(range(1, counted.n_lines), min(n, counted.n_lines - 1)):
        opened = opened_at_s1(tmp_path / str(place))
        with pytest.raises(KeyboardInterrupt), Interrupt(place):
            WORK[name](opened)
        here = opened.state
        assert content(opened) == (before if here.id == "s1" else after), place
        assert opened.working == ""
        assert paddle.is_grad_enabled()
        if ended != here.id:  # called again, it goes through
            WORK[name](opened)
            assert (opened.state.id, content(opened)) == (ended, after)
        here = opened.state
        opened.close()
        watcher = pl.Lab.watch(tmp_path / str(place))
        assert watcher.state == here
        watcher.close()
        assert pl.doctor(tmp_path / str(place)).ok


def test_real_interrupts_at_random_instants(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.on_progress.append(lambda progress: None)
    hashes = {"s0": content(opened)}
    draw = random.Random(0)
    n_interrupted = 0
    for _ in range(40):
        timer = threading.Timer(draw.uniform(0, 0.15), signal.raise_signal, (signal.SIGINT,))
        try:
            timer.start()
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                opened.step("3", ratio=0.5, finetune=2)
                opened.goto("s0")
        except KeyboardInterrupt:
            n_interrupted += 1
        hashed = content(opened)
        assert hashes.setdefault("s0" if opened.state.id == "s0" else "cut", hashed) == hashed
        opened.goto("s0")
        assert content(opened) == hashes["s0"]
    assert n_interrupted >= 38  # Python drops what is raised while it calls a finalizer
    assert pl.doctor(tmp_path).ok
    opened.close()


def test_a_run_that_is_interrupted_again_and_again_ends_as_one_that_is_not(tmp_path: Path) -> None:
    whole = lab()
    whole.run(to=0.6, steps=4, finetune=1)
    opened = lab(workspace=tmp_path)
    opened.on_progress.append(lambda progress: None)
    draw, done, n_interrupted = random.Random(1), False, 0
    while not done:
        timer = threading.Timer(draw.uniform(0.05, 0.4), signal.raise_signal, (signal.SIGINT,))
        timer.start()
        try:
            opened.run(to=0.6, steps=4, finetune=1)
            done = True
            timer.join()
            time.sleep(0.01)
        except KeyboardInterrupt:
            n_interrupted += 1
        except pl.PrunelabError as error:  # it was done when the interrupt came
            assert "gone already" in str(error)  # noqa: PT017
            done = True
    assert [s.metrics for s in opened.states] == [s.metrics for s in whole.states]
    assert content(opened) == content(whole)
    opened.close()


def test_a_transaction_that_an_interrupt_left_open_is_taken_back(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    database = opened._bench.store._db._db
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM states")
    assert opened.step("0", ratio=0.5).id == "s1"
    opened.close()
    watcher = pl.Lab.watch(tmp_path)
    assert [state.id for state in watcher.states] == ["s0", "s1"]
    watcher.close()


def test_work_whose_end_was_interrupted_is_not_under_way() -> None:
    from prunelab.lab.piece import Piece

    opened = lab()

    def begun_and_never_ended() -> Piece:
        piece = opened._work.begin("something")
        piece.__enter__()
        opened.model[0].weight.set_value(opened.model[0].weight * 0)
        assert opened.working == "something"
        with pytest.raises(pl.PrunelabError, match="at work on 'something'"):
            opened.step("0", ratio=0.5)
        return piece

    before = content(opened)
    piece = begun_and_never_ended()
    assert not piece.running
    assert opened.working == ""
    assert opened.goto("s0").id == "s0"
    assert content(opened) == before
