"""An export is a whole folder or none."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paddle
import pytest
from export_nets import entries
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.export import folder, run
from prunelab.export.exchange import exchange
from prunelab.export.onnx.format import Onnx
from prunelab.export.paddle import PaddleInference


def test_an_existing_folder_is_refused_and_with_force_replaced_whole(small: nn.Layer, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    pl.export(small, target, ("paddle",), inputs=(1, 16), timing=None)  # an empty one is taken
    (target / "notes.txt").write_text("mine")
    before = entries(target)
    with pytest.raises(errors.ExportError, match=r"out exists and is not empty; .*force=True"):
        pl.export(small, target, ("paddle",), inputs=(1, 16))
    assert entries(target) == before
    pl.export(small, target, ("paddle",), inputs=(1, 16), force=True, timing=None)
    assert entries(tmp_path) == ["out", "out/MODEL_CARD.md", "out/examples.safetensors", "out/manifest.json",
                                 "out/model.json", "out/model.pdiparams", "out/report.html"]


def test_a_failure_while_replacing_leaves_the_old_folder(small: nn.Layer, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old.txt").write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_manifest", full)
        with pytest.raises(errors.ExportError, match="No space left on device; free some"):
            pl.export(small, target, ("paddle",), inputs=(1, 16), force=True, timing=None)
    assert entries(tmp_path) == ["out", "out/old.txt"]

    rename = Path.rename

    def second_fails(self: Path, to: Path) -> Path:
        if ".new-" in self.name:
            full()
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "exchange", lambda *_: False)
        patch.setattr(Path, "rename", second_fails)
        with pytest.raises(errors.ExportError, match="No space left on device"):
            pl.export(small, target, ("paddle",), inputs=(1, 16), force=True, timing=None)
    assert entries(tmp_path) == ["out", "out/old.txt"]


def test_an_interrupt_leaves_nothing(small: nn.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PaddleInference, "load", stop)
    with pytest.raises(KeyboardInterrupt):
        pl.export(small, tmp_path / "deep" / "out", ("paddle",), inputs=(1, 16))
    assert entries(tmp_path) == []
    assert small.training


def test_an_interrupt_that_a_library_made_an_error_of_is_one(small: nn.Layer, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside the dense model, of which an error is only told; and when a folder is verified."""
    pl.export(small, tmp_path / "whole", ("onnx",), inputs=(1, 16), timing=None)
    load, calls = Onnx.load, []

    def importing(self: Onnx, *given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1 and fails_at == 2:
            return load(self, *given)
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise ImportError("initialization failed") from interrupt

    monkeypatch.setattr(Onnx, "load", importing)
    for fails_at in (1, 2):
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            pl.export(small, tmp_path / "out", ("onnx",), inputs=(1, 16), dense=nn.Linear(16, 4))
        assert len(calls) == fails_at
        assert not (tmp_path / "out").exists()
    with pytest.raises(KeyboardInterrupt):
        pl.verify_export(tmp_path / "whole")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own handling of SIGINT, which what a shell runs in the background is started without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("name", ["paddle", "onnx"])
def test_ctrl_c_while_paddle_reads_the_model_waits_for_its_end(name: str, tmp_path: Path) -> None:
    """Raised in the middle, it may meet Paddle asking for the stack, and that kills the process."""
    asked: list[str] = []

    class Slow(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(16, 16)

        def forward(self, x: Any) -> Any:
            if not paddle.in_dynamic_mode():
                asked.append("begins")
                os.kill(os.getpid(), signal.SIGINT)
            hidden = self.linear(x)
            if not paddle.in_dynamic_mode():
                asked.append("ends")
            return hidden

    with pytest.raises(KeyboardInterrupt):
        pl.export(Slow(), tmp_path / "out", (name,), inputs=(1, 16))
    assert asked == ["begins", "ends"]
    assert entries(tmp_path) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_folder_that_cannot_be_written_is_named(small: nn.Layer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "out", tmp_path / "file" / "deeper" / "out"):
        with pytest.raises(errors.ExportError, match=r"file/.*out cannot be written: Not a directory .*; choose a"):
            pl.export(small, target, ("paddle",), inputs=(1, 16))
    with pytest.raises(errors.ExportError, match="file is a file; choose a folder"):
        pl.export(small, tmp_path / "file", ("paddle",), inputs=(1, 16), force=True)
    assert entries(tmp_path) == ["file"]


def test_the_folder_one_works_in_is_not_deleted(small: nn.Layer, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "home" / "work"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    with pytest.raises(errors.ExportError, match="holds the folder you work in"):
        pl.export(small, "..", ("paddle",), inputs=(1, 16), force=True)
    assert here.is_dir()


def test_a_link_is_followed(small: nn.Layer, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with folder.whole_folder(tmp_path / "link") as new:
        (new / "a").write_text("")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").is_file()


@pytest.mark.parametrize("verify", [True, False])
def test_a_disk_that_paddle_fills_is_told(verify: bool, small: nn.Layer, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Paddle writes what it can, and says nothing."""
    save = paddle.jit.save

    def cut_off(model: Any, stem: str, **options: Any) -> None:
        save(model, stem, **options)
        os.truncate(f"{stem}.pdiparams", 40)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))

    monkeypatch.setattr(paddle.jit, "save", cut_off)
    with pytest.raises(errors.ExportError, match="out cannot be written: No space left on device; free some space"):
        pl.export(small, tmp_path / "out", ("paddle",), inputs=(1, 16), timing=None, verify=verify)
    assert entries(tmp_path) == []


def test_what_fails_on_a_full_disk_fails_for_that(small: nn.Layer, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    monkeypatch.setattr(Onnx, "load", lambda *_: 1 / 0)
    with pytest.raises(errors.ExportError, match=r"out cannot be written: the disk is full \(.*ZeroDivisionError"):
        pl.export(small, tmp_path / "out", ("onnx",), inputs=(1, 16), timing=None)
    assert entries(tmp_path) == []


@pytest.mark.parametrize("name", ["onnx", "onnx-fp16", "safetensors", "python", "torchscript"])
def test_a_full_disk_in_the_middle_of_a_format_leaves_nothing(name: str, small: nn.Layer, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "torchscript":  # whose own writer would end the process
        pytest.importorskip("torch", reason="an extra: pip install 'prunelab[torchscript]'")

    def full(self: Path, content: bytes) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(errors.ExportError, match="No space left on device; free some"):
        pl.export(small, tmp_path / "out", (name,), inputs=(1, 16), timing=None)
    assert entries(tmp_path) == []


def test_a_plan_that_finds_the_disk_full_is_told_as_the_folder(small: nn.Layer, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    plan = pl.propose(pl.trace(small, (1, 16)), sparsity=0)

    def full(self: Any, path: Path) -> None:
        raise errors.PlanError(f"the plan cannot be written to {path}: No space left on device")

    monkeypatch.setattr(type(plan), "save", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(errors.ExportError, match="out cannot be written: the disk is full"):
        pl.export(small, tmp_path / "out", ("safetensors",), inputs=(1, 16), plan=plan, timing=None)
    assert entries(tmp_path) == []


def test_what_openvino_cannot_write_is_told(small: nn.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino", reason="an extra: pip install 'prunelab[openvino]'")

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr(openvino, "save_model", full)
    with pytest.raises(errors.ExportError, match="OpenVINO cannot write Then: basic_ios::clear"):
        pl.export(small, tmp_path / "out", ("openvino",), inputs=(1, 16), timing=None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(errors.ExportError, match="out cannot be written: the disk is full"):
        pl.export(small, tmp_path / "out", ("openvino",), inputs=(1, 16), timing=None)
    assert entries(tmp_path) == []


KILLED = """
import os, sys
from pathlib import Path
from prunelab.export.folder import whole_folder
from prunelab.export import folder

if sys.argv[2] == "exchanged":
    folder.shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), 9)
if sys.argv[2] == "between":
    folder.exchange = lambda *_: False  # as on a system that cannot
    rename = Path.rename
    def first_only(self, to):
        if ".new-" in self.name:
            os.kill(os.getpid(), 9)
        return rename(self, to)
    Path.rename = first_only
with whole_folder(sys.argv[1], force=True) as new:
    (new / "a").write_text("new")
    if sys.argv[2] == "inside":
        os.kill(os.getpid(), 9)
"""


def kill_an_export(target: Path, where: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), where], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_what_a_killed_export_left_is_cleared_by_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    kill_an_export(target, "inside")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.new-")
    mine = folder.hidden_sibling(tmp_path / "other", "new")  # of a process that lives: this one
    elsewhere = tmp_path / f".out.new-{'0' * 6}-{left.name.split('-')[2]}-{'0' * 8}"  # of another host
    users = tmp_path / ".out.new-mine"
    for kept in (mine, elsewhere, users):
        kept.mkdir()
    with folder.whole_folder(target) as new:
        assert not left.exists()
        (new / "a").write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"out", mine.name, elsewhere.name, users.name}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "renameat2"), reason="a call of Linux")
def test_at_every_instant_of_a_replacement_there_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    with folder.whole_folder(target) as new:
        (new / "a").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: pytest.fail("for a moment there would be none"))
        with folder.whole_folder(target, force=True) as new:
            (new / "a").write_text("newer")
    assert entries(tmp_path) == ["out", "out/a"]
    assert (target / "a").read_text() == "newer"
    kill_an_export(target, "exchanged")
    assert (target / "a").read_text() == "new"
    (left,) = (p for p in tmp_path.iterdir() if p != target)
    assert (left / "a").read_text() == "newer"
    with folder.whole_folder(tmp_path / "other"):
        assert not left.exists()


def test_an_exchange_that_fails_is_an_error_and_one_that_cannot_be_is_none(tmp_path: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    if hasattr(ctypes.CDLL(None), "renameat2"):
        (tmp_path / "a").mkdir()
        with pytest.raises(FileNotFoundError):
            exchange(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace())
    assert exchange(tmp_path / "a", tmp_path / "b") is False


def test_a_kill_between_the_renames_loses_no_folder(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").write_text("old")
    kill_an_export(target, "between")
    assert not target.exists()
    with pytest.raises(errors.ExportError, match="exists and is not empty"), folder.whole_folder(target):
        pass
    assert entries(tmp_path) == ["out", "out/a"]
    assert (target / "a").read_text() == "old"
