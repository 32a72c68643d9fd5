"""A KeyboardInterrupt at any instant leaves the last recorded state, in memory and on disk, and the work goes on."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import bits, lab, random_bits

import prunelab as pl
from prunelab.lab.store import chunks
from prunelab.lab.store.files import write_synced

PACKAGE = str(Path(pl.__file__).parent)
Work = Callable[[pl.Lab], object]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Python's own handling of SIGINT, which what a shell runs in the background is started without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def content(opened: pl.Lab) -> str:
    """What a state holds, its id and metrics apart."""
    told = hashlib.sha256(repr([(g.name, g.removed) for g in opened.plan.groups]).encode())
    for name, value in sorted(bits(opened.model).items()):
        told.update(name.encode() + value)
    told.update(random_bits())
    return told.hexdigest()


class Interrupt:
    """Sends an interrupt when so many lines of prunelab (of one file of it) were run; counts them if there is none."""

    def __init__(self, after: int, file: str = "") -> None:
        self.after, self.n_lines = after, 0
        self.file = file

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE) or f"{os.sep}graph{os.sep}" in frame.f_code.co_filename:
            return None
        if event == "line" and frame.f_code.co_filename.endswith(self.file):
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


def found(opened: pl.Lab) -> object:
    """How many trials a search has in the end; one that was interrupted gives the study so far."""
    study = opened.search(trials=2)
    if study.interrupted:
        raise KeyboardInterrupt
    return len(study)  # and not which: the number of a trial that was interrupted is not given again


def exported(opened: pl.Lab) -> object:
    """The files of an export, in the place of a folder with other ones."""
    done = opened.export(Path(str(opened.workspace)).parent / "out", ("paddle",), verify=False, force=True)
    return sorted(path.name for path in done.files["paddle"])


def tidied(opened: pl.Lab) -> None:
    opened.prune_history(keep=1)
    opened.vacuum()


def is_whole(beside: Path) -> bool:
    """Whether a folder that an export replaces is what it was, or a whole export, and an archive whole or not there."""
    archive, out = beside / "study.zip", beside / "out"
    if archive.exists():
        with zipfile.ZipFile(archive) as written:
            assert written.testzip() is None
    return [path.name for path in out.iterdir()] == ["old.txt"] or pl.verify_export(out).ok


# what is done, and at how many lines it is interrupted in the small form
WORK: dict[str, tuple[Work, int]] = {
    "step": (lambda lab: lab.step("3", ratio=0.5), 6),
    "train": (lambda lab: lab.step("3", ratio=0.5, finetune=1), 6),
    "repair": (lambda lab: lab.step("3", ratio=0.5, repair=True), 4),
    "run": (lambda lab: lab.run(to=0.7, steps=2, finetune=1), 5),
    "adopt": (lambda lab: lab.adopt({"3": [1, 2]}, finetune=1), 4),
    "goto": (lambda lab: lab.goto("s0"), 6),
    "compare": (lambda lab: lab.compare("s0"), 4),
    "evaluate": (lambda lab: lab.evaluate(), 4),
    "search": (found, 4),
    "tidy": (tidied, 5),
    "archive": (lambda lab: lab.archive(Path(str(lab.workspace)).parent / "study.zip"), 3),
    "export": (exported, 2),
}


def outcome_of(done: object) -> object:
    """What comes of a work that makes no state; states are compared by what they hold."""
    return done if isinstance(done, (int, list)) else None


@pytest.fixture(scope="module")
def at_s1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace, "run", whose current state is s1, beside a folder, "out"."""
    folder = tmp_path_factory.mktemp("at_s1")
    (folder / "out").mkdir()
    (folder / "out" / "old.txt").touch()
    opened = lab(workspace=folder / "run")
    opened.step("0", ratio=0.5)
    opened.close()
    return folder


def opened_in(folder: Path, source: Path) -> pl.Lab:
    opened = lab(workspace=shutil.copytree(source, folder) / "run")
    opened.on_progress.append(lambda progress: None)
    return opened


# Where `with` leaves one of Python's own (a zip file, a folder for a time, a file that is hashed), an interrupt at that
# line keeps it from being closed: Python closes it when it is collected, and says so
left_to_python = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <(_io.FileIO|finalize object|function ZipFile.__del__):"
    "pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=left_to_python if name in ("archive", "export", "tidy") else ()) for name in WORK])
@pytest.mark.parametrize("times", [1, pytest.param(80, marks=pytest.mark.slow)])
def test_an_interrupt_at_any_line_leaves_a_recorded_state(name: str, times: int, at_s1: Path, tmp_path: Path) -> None:
    work, few = WORK[name]
    for number in range(2):  # what is imported at the first time counts no lines at the second
        opened = opened_in(tmp_path / f"whole {number}", at_s1)
        with Interrupt(-1) as counted:
            outcome = outcome_of(work(opened))
        if number == 0:  # a Lab that nobody closed is let go when it is collected, where Python drops interrupts
            opened.close()
    ended, contents = opened.state.id, {}
    for state in opened.states:
        opened.goto(state)
        contents[state.id] = content(opened)
    opened.close()
    draw = random.Random(times)
    for place in draw.sample(range(1, counted.n_lines), min(few * times, counted.n_lines - 1)):
        opened = opened_in(tmp_path / str(place), at_s1)
        with pytest.raises(KeyboardInterrupt), Interrupt(place):
            work(opened)
        here = opened.state
        assert content(opened) == contents[here.id], place
        assert opened.working == ""
        assert paddle.is_grad_enabled()
        assert is_whole(tmp_path / str(place))
        if here.id != ended or ended == "s1":  # called again, it goes through
            assert outcome_of(work(opened)) == outcome
            assert (opened.state.id, content(opened)) == (ended, contents[ended])
        here = opened.state
        opened.close()
        watcher = pl.Lab.watch(tmp_path / str(place) / "run")
        assert watcher.state == here
        watcher.close()
        assert pl.doctor(tmp_path / str(place) / "run").ok
        shutil.rmtree(tmp_path / str(place))


class Storm:
    """Inside, real interrupts at random instants, some thousand a second; ``n`` is how many were raised.

    What is raised where nothing can be is told in ``unraisable``.
    """

    def __init__(self) -> None:
        self.n, self._on = 0, False
        self.unraisable: list[str] = []

    def survive(self, do: Callable[[], object]) -> None:
        """Do it; an interrupt ends it."""
        try:
            self._on = True
            do()
            self._on = False
        except KeyboardInterrupt:
            self.n += 1

    def _came(self, *signal_and_frame: object) -> None:
        if self._on:
            self._on = False
            raise KeyboardInterrupt

    def _blow(self, main: int) -> None:
        draw = random.Random(0)
        while not self._over.wait(draw.uniform(0, 0.0005)):
            signal.pthread_kill(main, signal.SIGINT)

    def __enter__(self) -> Storm:
        self._before = signal.signal(signal.SIGINT, self._came), sys.unraisablehook
        sys.unraisablehook = lambda told: self.unraisable.append(str(told.exc_value))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._blow, args=(threading.get_ident(),))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        signal.signal(signal.SIGINT, self._before[0])
        sys.unraisablehook = self._before[1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a thread are POSIX's")
def test_an_interrupt_while_files_are_opened_leaves_none_open_or_behind(tmp_path: Path) -> None:
    (tmp_path / "chunks").mkdir()
    (tmp_path / "incoming").mkdir()
    array = np.arange(1000.0)
    content, _ = chunks.packed({"a": {"": array}})
    name = next(iter(content))
    path = tmp_path / "chunks" / f"{name}.safetensors"

    def use() -> None:
        write_synced(path.parent, {path.name: content[name]}, tmp_path / "incoming")
        chunks.read_parts(path, len(content[name]), "a")
        assert chunks.damage(path, name, len(content[name])) == ""

    use()
    n_open = len(os.listdir("/dev/fd"))
    with Storm() as storm:
        for number in range(1000):
            if number % 10 == 0:
                path.unlink(missing_ok=True)
            storm.survive(use)
    assert storm.n > 100
    assert storm.unraisable == []
    assert list((tmp_path / "incoming").iterdir()) == []
    assert len(os.listdir("/dev/fd")) <= n_open  # what earlier tests left to the collector may be closed meanwhile


def test_an_interrupt_at_every_line_of_what_begins_and_ends_work() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    contents = {name: (opened.goto(name), content(opened))[1] for name in ("s0", "s1")}
    for line in range(1, 1000):
        opened.goto("s1")
        try:
            with Interrupt(line, "piece.py") as interrupt:
                opened.goto("s0")
        except KeyboardInterrupt:
            assert interrupt.n_lines >= line  # more where it was held back
        assert not opened._work.guard.locked()
        assert content(opened) == contents[opened.state.id]
        assert opened.working == ""
        if interrupt.n_lines < line:
            break
    assert 30 < line < 100


# Between `open` and `with` in code that is not ours an interrupt leaves the file to Python, which closes it and says so
elsewhere = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")


@elsewhere
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


@elsewhere
def test_real_interrupts_leave_a_search_that_goes_on(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.on_progress.append(lambda progress: None)
    before, draw, n_interrupted = content(opened), random.Random(0), 0
    for seed in range(16):
        timer = threading.Timer(draw.uniform(0, 0.2), signal.raise_signal, (signal.SIGINT,))
        try:
            timer.start()
            n_interrupted += opened.search(trials=40, seed=seed).interrupted
            timer.join()
        except KeyboardInterrupt:
            n_interrupted += 1
        assert content(opened) == before
    assert n_interrupted >= 14  # Python drops what is raised while it calls a finalizer
    assert {path.suffix for path in (tmp_path / "search").iterdir()} == {".log"}, "a lock that nobody gives back"
    for seed in range(16):
        assert len(opened.search(trials=1, seed=seed)) >= 1
    opened.close()


@elsewhere
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
            try:
                opened.run(to=0.6, steps=4, finetune=1)
            except pl.PrunelabError as error:  # it was done when the last interrupt came
                assert "gone already" in str(error)  # noqa: PT017
            done = True
            timer.join()  # it comes here, and not in another test
            time.sleep(0.01)
        except KeyboardInterrupt:
            n_interrupted += 1
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
    begun_and_never_ended()
    opened.step("3", ratio=0.5)  # from s0, and not from what was left of it
    clean = lab()
    clean.step("3", ratio=0.5)
    assert content(opened) == content(clean)


def test_what_an_interrupted_function_leaves_behind_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modes and gradients, which it was about to put back itself."""
    opened = lab()
    layers = opened.model.sublayers(include_self=True)
    modes = [layer.training for layer in layers]
    layers[2].training = modes[2] = not modes[2]

    def left_behind(entry: object) -> None:
        for layer in layers:
            layer.training = not layer.training
        paddle.set_grad_enabled(False)
        raise KeyboardInterrupt

    monkeypatch.setattr(opened._bench.store, "add", left_behind)
    with pytest.raises(KeyboardInterrupt):
        opened.step("0", ratio=0.5)
    assert [layer.training for layer in layers] == modes
    assert paddle.is_grad_enabled()


def test_a_second_interrupt_waits_until_the_model_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab()
    before, undo = content(opened), opened._bench.undo

    def interrupt(*entry: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(opened._bench.store, "add", interrupt)
    monkeypatch.setattr(opened._bench, "undo", lambda: (interrupt(), undo()))
    with pytest.raises(KeyboardInterrupt):
        opened.step("0", ratio=0.5, finetune=1)
    assert content(opened) == before
    assert opened.working == ""
