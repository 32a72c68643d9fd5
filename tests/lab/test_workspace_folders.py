"""What becomes of a workspace around its Lab: links, moves, forks, lost locks, changes of the current folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_nets import batched, data, everything, lab, net

import prunelab as pl
from prunelab import errors
from prunelab.lab.store.connection import COPY, DATABASE
from prunelab.lab.store.lock import LOCK

posix = pytest.mark.skipif(sys.platform == "win32", reason="fork, links and locks of a process are POSIX's")


def reopened(folder: Path) -> pl.Lab:
    return pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)


def test_a_relative_workspace_is_where_it_was_when_the_process_changes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    opened = lab(workspace="runs/digits")
    monkeypatch.chdir(tmp_path / "elsewhere")
    opened.step("0", ratio=0.5)
    opened.sensitivity(["3"], ratios=[0.5])
    opened.search(trials=2)
    assert opened.replay().same
    assert opened.workspace == "runs/digits"
    opened.close()
    assert not list((tmp_path / "elsewhere").iterdir())
    assert {"search", "sensitivity"} <= {path.name for path in (tmp_path / "runs" / "digits").iterdir()}
    assert pl.doctor(tmp_path / "runs" / "digits").n_states == 3


def test_a_workspace_may_be_called_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened = lab(workspace="memory")
    assert opened.workspace == "memory"
    opened.close()
    assert lab().workspace is None


@pytest.mark.parametrize("name", ["ünï 😀 a?b#c%20d quo'te\nline", "x" * 200])
def test_a_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / name)
    opened.step("0", ratio=0.5)
    here = everything(opened)
    opened.close()
    again = reopened(tmp_path / name)
    assert everything(again) == here
    again.close()
    assert pl.doctor(tmp_path / name).ok


def test_what_a_killed_process_was_writing_is_taken_away_when_the_folder_is_opened(tmp_path: Path) -> None:
    lab(workspace=tmp_path).close()
    for name in (".abc.part", "notes.txt"):
        (tmp_path / "incoming" / name).write_text("half")
    reopened(tmp_path).close()
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["notes.txt"]


def test_a_folder_that_is_moved_away_loses_only_the_step(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "a")
    here = everything(opened)
    os.rename(tmp_path / "a", tmp_path / "b")
    with pytest.raises(errors.WorkspaceError, match=r"a cannot be written: .*No such file"):
        opened.step("0", ratio=0.5)
    assert everything(opened) == here
    os.rename(tmp_path / "b", tmp_path / "a")
    assert opened.step("0", ratio=0.5).id == "s1"
    opened.close()
    assert pl.doctor(tmp_path / "a").n_states == 2


# links: what somebody's folder links to is neither written nor taken away


@posix
@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal", COPY, LOCK, "chunks", "incoming"])
def test_a_workspace_whose_parts_are_links_is_refused(name: str, tmp_path: Path) -> None:
    lab(workspace=tmp_path / "run").close()
    mine, part = tmp_path / "mine", tmp_path / "run" / name
    if part.is_dir():
        part.rename(mine)
        (mine / "notes.txt").write_text("mine")
    else:
        part.unlink(missing_ok=True)
        mine.write_text("mine")
    part.symlink_to(mine)
    with pytest.raises(errors.WorkspaceError, match=rf"{name} is a link to {mine}, and a workspace keeps its files"):
        reopened(tmp_path / "run")
    assert (mine / "notes.txt" if mine.is_dir() else mine).read_text() == "mine"


@posix
def test_a_workspace_may_be_a_link_as_a_whole(tmp_path: Path) -> None:
    lab(workspace=tmp_path / "disk").close()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    reopened(tmp_path / "run").close()


def test_a_vacuum_takes_away_nothing_that_is_not_the_histories_own(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    (tmp_path / "chunks" / "notes.txt").write_text("mine")
    (tmp_path / "chunks" / f"{'0' * 64}.safetensors").write_text("of a state that was not finished")
    opened.vacuum()
    opened.close()
    assert (tmp_path / "chunks" / "notes.txt").exists()
    assert not (tmp_path / "chunks" / f"{'0' * 64}.safetensors").exists()


# one writer


TAKE = """
import fcntl, json, os, socket, sys
file = open(sys.argv[1], "r+" if os.path.exists(sys.argv[1]) else "w")
try:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("in use", flush=True)
else:
    file.write(json.dumps({"process": os.getpid(), "host": socket.gethostname()}))
    file.truncate()
    file.flush()
    print("taken", flush=True)
    sys.stdin.read()
"""


def taker(folder: Path) -> subprocess.Popen[str]:
    """Another process, which takes the lock as a Lab's does."""
    return subprocess.Popen([sys.executable, "-c", TAKE, str(folder / LOCK)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@posix
@pytest.mark.parametrize("loses", [lambda folder: shutil.copytree(folder, folder.parent / "copy"),
                                   lambda folder: (folder / LOCK).unlink()], ids=["copied", "taken away"])
def test_a_lock_that_was_lost_is_taken_again_and_a_second_writer_is_found(
    loses: Callable[[Path], object], tmp_path: Path
) -> None:
    opened = lab(workspace=tmp_path / "run")
    loses(tmp_path / "run")  # POSIX: a closed handle of the file takes the lock with it
    opened.step("0", ratio=0.5)
    with taker(tmp_path / "run") as other:
        assert told(other) == "in use\n"
        other.communicate()
    shutil.copytree(tmp_path / "run", tmp_path / "copy", dirs_exist_ok=True)
    here = everything(opened)
    with taker(tmp_path / "run") as other:
        assert told(other) == "taken\n"
        for _ in range(2):
            with pytest.raises(errors.WorkspaceError, match=rf"is in use: process {other.pid} on"):
                opened.step("3", ratio=0.5)
            assert everything(opened) == here
        other.communicate()
    assert opened.step("3", ratio=0.5).id == "s2"
    opened.close()
    assert pl.doctor(tmp_path / "run").ok


@posix
def test_a_lock_whose_holder_is_not_named_yet_is_a_lock(tmp_path: Path) -> None:
    """As between the locking and the writing of who did it."""
    lab(workspace=tmp_path).close()
    with taker(tmp_path) as other:
        assert told(other) == "taken\n"
        os.truncate(tmp_path / LOCK, 0)
        with pytest.raises(errors.WorkspaceError, match="is in use: process unknown on an unknown host writes into it"):
            reopened(tmp_path)
        other.communicate()
    reopened(tmp_path).close()


@posix
def test_a_process_that_is_forked_cannot_write_into_its_parents_history(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    child = os.fork()
    if not child:
        try:
            opened.step("0", ratio=0.5)
        except errors.WorkspaceError as error:
            opened.close()
            os._exit(0 if f"process {os.getppid()} writes into the workspace" in str(error) else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert f'"process": {os.getpid()}' in (tmp_path / LOCK).read_text()
    assert opened.step("0", ratio=0.5).id == "s1"
    opened.close()
    assert pl.doctor(tmp_path).n_states == 2


# the database's copy, and what SQLite does not see


def edit(folder: Path, statement: str, *names: str) -> None:
    for name in names:
        db = sqlite3.connect(folder / name)
        db.execute(statement)
        db.commit()
        db.close()


@pytest.mark.parametrize("change", [lambda lab: lab.step("3", ratio=0.5), lambda lab: lab.tag("best", "s0")],
                         ids=["a step", "a tag"])
def test_a_copy_that_missed_a_change_is_made_anew_at_the_next_one(
    change: Callable[[pl.Lab], object], tmp_path: Path
) -> None:
    opened = lab(workspace=tmp_path)
    database = opened._bench.store._db
    copy, database._copied = database._copy, False  # as an interrupt between the two leaves it
    opened.step("0", ratio=0.5)
    database._copied = True
    assert database._copy is copy
    change(opened)
    states = opened.states
    opened.close()
    (tmp_path / DATABASE).unlink()
    with pytest.warns(RuntimeWarning, match="goes on from its copy"):
        again = reopened(tmp_path)
    assert again.states == states
    again.close()


@pytest.mark.parametrize(("statement", "message"), [
    ("UPDATE meta SET value = 's9' WHERE key = 'current'", "its current state is 's9', which is not there"),
    ("DELETE FROM meta WHERE key = 'current'", "its current state is None"),
    ("UPDATE names SET state = 7", "the tag 'best' is of s7, which is not there"),
    ("UPDATE names SET kind = 'tab'", "the tab 'best' is of s1"),
])  # fmt: skip
def test_what_points_at_no_state_is_damage(statement: str, message: str, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5)
    opened.tag("best")
    opened.close()
    edit(tmp_path, statement, DATABASE)
    assert message in pl.doctor(tmp_path).problems[0].what
    with pytest.warns(RuntimeWarning, match=message):
        again = reopened(tmp_path)
    assert again.goto("best").id == again.state.id == "s1"
    again.close()


def test_a_number_is_never_given_twice_whatever_the_database_says(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5)
    opened.close()
    edit(tmp_path, "UPDATE meta SET value = '0' WHERE key = 'n_made'", DATABASE, COPY)
    again = reopened(tmp_path)
    assert again.step("3", ratio=0.5).id == "s2"
    again.close()


def test_a_step_that_is_made_again_mends_what_was_damaged(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    before = set((tmp_path / "chunks").iterdir())
    opened.step("0", ratio=0.5, finetune=1)
    here = everything(opened)
    opened.goto("s0")
    for chunk in set((tmp_path / "chunks").iterdir()) - before:
        content = chunk.read_bytes()
        chunk.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    assert {state for problem in pl.doctor(tmp_path).problems for state in problem.states} == {"s1"}
    opened.step("0", ratio=0.5, finetune=1)
    opened.close()
    assert not [problem for problem in pl.doctor(tmp_path).problems if problem.states]
    again = reopened(tmp_path)
    again.goto("s1")
    assert everything(again) == here
    again.vacuum()
    again.close()
    assert pl.doctor(tmp_path).ok
