"""The store on disk: what it takes, who may write, what is done about damage, and workspaces of earlier versions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from first_schema import write_first_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_nets import batched, bits, data, everything, lab, net
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.lab.snapshot import same_bits
from prunelab.lab.store import lock, migration
from prunelab.lab.store.connection import COPY, DATABASE
from prunelab.lab.store.patches import patch, patched


def reopened(folder: Path) -> pl.Lab:
    return pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_fifty_states_without_training_take_hardly_more_than_the_model(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2D(1, 256, 3), nn.BatchNorm2D(256), nn.ReLU(), nn.Conv2D(256, 256, 3, padding=1),
                          nn.ReLU(), nn.Conv2D(256, 256, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2D(1),
                          nn.Flatten(), nn.Linear(256, 3))  # fmt: skip
    opened = pl.Lab(model, inputs=(1, 1, 6, 6), workspace=tmp_path)
    one = sum(t.numpy().nbytes for t in (*model.parameters(), *model.buffers()))
    for k in range(50):
        layer = ("0", "3", "5")[k % 3]
        opened.step(layer, ratio=opened.plan.ratio(layer) + 0.05)
    assert len(opened.states) == 51
    assert size_of(tmp_path) < 1.2 * one
    here = bits(opened.model)
    opened.close()
    assert size_of(tmp_path) < 1.2 * one
    again = pl.Lab(model, workspace=tmp_path)
    again.goto("s0")
    again.goto("s50")
    assert bits(again.model) == here
    again.close()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 0.3, 1.0]), st.booleans(),
       st.sampled_from(["float32", "float64", "uint16", "uint8"]))
def test_a_patch_gives_the_array_to_the_last_bit(seed: int, fraction: float, zeros: bool, dtype: str) -> None:
    draw = np.random.default_rng(seed)
    base = (draw.normal(0, 50, (37, 64)) ** 2).astype(dtype)
    if dtype.startswith("float"):
        base[0, :4] = [np.nan, -0.0, np.inf, 1e-40]
    array, where = base.copy(), draw.random(base.shape) < fraction
    array[where] = 0 if zeros else draw.integers(0, 200, where.sum())
    parts = patch(array, base)
    if parts is None:
        assert not zeros
        assert fraction >= 0.3
    else:
        assert same_bits(patched(base, parts), array)
        assert sum(part.nbytes for part in parts.values()) <= array.nbytes / 2


def test_a_patch_is_of_one_array_only() -> None:
    base = np.ones(1000, np.float32)
    parts = patch(np.zeros(1000, np.float32), base)
    assert parts is not None
    for other in (np.ones(10_000, np.float32), np.ones(100, np.float32)):
        with pytest.raises(ValueError, match="another array"):
            patched(other, parts)
    assert patch(base, base.astype(np.float64)) is None
    assert patch(base[:100], base) is None


def test_a_patch_that_would_unpack_to_much_is_not_unpacked() -> None:
    bomb = np.frombuffer(zlib.compress(bytes(1 << 26), 1), np.uint8)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="another array"):
            patched(np.ones(1000, np.float32), {"where": bomb})
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


# who may write


def in_another_process(code: str, folder: Path) -> str:
    run = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


TRY = """
import sys, warnings
warnings.simplefilter("ignore")
from prunelab.errors import WorkspaceError
from prunelab.lab.store.disk import DiskStore
from pathlib import Path
try:
    print("current", DiskStore(Path(sys.argv[1])).current()[0])
except WorkspaceError as error:
    print(error)
print("watched", DiskStore(Path(sys.argv[1]), write=False).current()[0])
"""


def test_two_processes_cannot_both_write_and_the_second_is_told_who_does(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5)
    told = in_another_process(TRY, tmp_path)
    assert f"is in use: process {os.getpid()} on " in told
    assert f"pl.Lab.watch('{tmp_path}')" in told
    assert told.endswith("watched s1")
    assert opened.step("3", ratio=0.5).id == "s2"
    opened.close()
    assert in_another_process(TRY, tmp_path) == "current s2\nwatched s2"
    reopened(tmp_path).close()


def test_where_the_file_system_knows_no_locks_a_dead_process_is_taken_over_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(handle: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock, "_lock_file", no_locks)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = lock.socket.gethostname()
    (tmp_path / lock.LOCK).write_text(f'{{"process": {os.getppid()}, "host": "{host}"}}')
    with pytest.raises(errors.WorkspaceError, match=rf"in use: process {os.getppid()} on {host}"):
        lab(workspace=tmp_path)
    (tmp_path / lock.LOCK).write_text(f'{{"process": {gone.pid}, "host": "elsewhere"}}')  # where it may live
    with pytest.raises(errors.WorkspaceError, match=f"in use: process {gone.pid} on elsewhere"):
        lab(workspace=tmp_path)
    (tmp_path / lock.LOCK).write_text(f'{{"process": {gone.pid}, "host": "{host}"}}')
    lab(workspace=tmp_path).close()


# damage to the database


def flip(content: bytes) -> bytes:
    damaged = bytearray(content)
    for place in range(200, len(damaged), 97):
        damaged[place] ^= 0x5A
    return bytes(damaged)


DAMAGE = {
    "flipped": flip,
    "truncated": lambda content: content[: len(content) // 2],
    "cut to nothing": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "half zeros": lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
}


@pytest.mark.parametrize("damage", [*DAMAGE, "gone"])
def test_a_damaged_database_is_named_and_every_state_is_still_there(damage: str, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5, finetune=1)
    opened.step("3", ratio=0.5)
    here, states = everything(opened), opened.states
    opened.close()
    file = tmp_path / DATABASE
    file.unlink() if damage == "gone" else file.write_bytes(DAMAGE[damage](file.read_bytes()))
    with pytest.warns(RuntimeWarning, match=rf"{DATABASE} was damaged \(.*goes on from its copy"):
        again = reopened(tmp_path)
    assert (tmp_path / "prunelab.damaged.sqlite").exists() == (damage != "gone")
    assert again.states == states
    assert everything(again) == here
    for state in states:
        again.goto(state)
    again.goto(states[-1])
    assert again.step("0", ratio=0.7).id == "s3"
    again.close()
    reopened(tmp_path).close()  # without a warning, which would be an error


def test_a_damaged_copy_is_made_again_and_two_damaged_files_are_refused(tmp_path: Path) -> None:
    lab(workspace=tmp_path).close()
    for damage in DAMAGE.values():
        (tmp_path / COPY).write_bytes(damage((tmp_path / COPY).read_bytes()))
        reopened(tmp_path).close()
    here = shutil.copytree(tmp_path, tmp_path.parent / "copy")
    for name in (DATABASE, COPY):
        (here / name).write_bytes(flip((here / name).read_bytes()))
    with pytest.raises(errors.WorkspaceError, match=rf"{DATABASE} is damaged: .*its copy {COPY} is damaged too"):
        reopened(here)


@pytest.mark.parametrize(("statement", "message"), [
    ("UPDATE states SET facts = replace(facts, '50 %', '60 %') WHERE number = 1", "the row of s1"),
    ("UPDATE shared SET value = x'789c8bae05000109009e' WHERE number = 1", "the shared value 1"),
    ("UPDATE meta SET value = replace(value, 'channel', 'charnel') WHERE key = 'identity'", "its identity"),
])  # fmt: skip
def test_a_changed_letter_is_found(statement: str, message: str, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5)
    states, plans = opened.states, [state.plan for state in opened.states]
    opened.close()
    db = sqlite3.connect(tmp_path / DATABASE)
    assert db.execute(statement).rowcount == 1
    db.commit()
    db.close()
    assert f"{message} does not hold what was written" in pl.doctor(tmp_path).problems[0].what
    with pytest.warns(RuntimeWarning, match=f"{message} does not hold what was written"):
        again = reopened(tmp_path)
    assert again.states == states
    assert [state.plan for state in again.states] == plans
    again.close()


def test_a_journal_that_was_lost_loses_nothing(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "a")
    opened.step("0", ratio=0.5)
    here = everything(opened)
    shutil.copytree(tmp_path / "a", tmp_path / "b")  # as a process that is killed leaves it, with its journal
    opened.close()
    journal = tmp_path / "b" / f"{DATABASE}-wal"
    journal.write_bytes(bytes(journal.stat().st_size))
    with pytest.warns(RuntimeWarning, match="damaged"):
        again = reopened(tmp_path / "b")
    assert everything(again) == here
    again.close()


# earlier versions, and what somebody made


def test_a_workspace_of_the_first_schema_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = lab(seed=3)
    opened.step("0", ratio=0.5, finetune=1)
    opened.step("3", ratio=0.5)
    opened.back()
    hashes = {}
    for state in opened.states:
        opened.goto(state)
        hashes[state.id] = everything(opened)
    opened.goto("s1")
    write_first_schema(opened, tmp_path)
    for look in (pl.Lab.watch, pl.doctor):
        with pytest.raises(errors.WorkspaceError, match="written by an earlier prunelab; open it once with"):
            look(tmp_path)
    synced: list[Path] = []
    monkeypatch.setattr(migration, "sync_folder", synced.append)
    again = reopened(tmp_path)
    assert synced == [tmp_path / "chunks"]  # the new names, before the tables tell of them
    assert again.state == opened.state
    assert again.states == opened.states
    for state in again.states:
        again.goto(state)
        assert everything(again) == hashes[state.id]
    assert not (tmp_path / "arrays").exists()
    assert again.step("0", ratio=0.7).id == "s3"
    again.close()
    reopened(tmp_path).close()


def test_an_upgrade_that_fails_leaves_the_workspace_as_it_was(tmp_path: Path) -> None:
    write_first_schema(lab(), tmp_path / "a")
    damaged = shutil.copytree(tmp_path / "a", tmp_path / "b")
    next((damaged / "arrays").rglob("*.safetensors")).unlink()
    with pytest.raises(errors.WorkspaceError, match=r"cannot be written: .*No such file"):
        reopened(damaged)
    db = sqlite3.connect(damaged / DATABASE)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT COUNT(*) FROM bits").fetchone() == (1,)
    db.close()


@pytest.mark.parametrize("statement", [
    "CREATE TRIGGER t AFTER INSERT ON states BEGIN DELETE FROM states; END",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TABLE more (a)",
    "DROP TABLE names",
])  # fmt: skip
def test_a_database_with_more_or_less_than_ours_is_refused(statement: str, tmp_path: Path) -> None:
    lab(workspace=tmp_path / "run").close()
    for file in (DATABASE, COPY):
        db = sqlite3.connect(tmp_path / "run" / file)
        db.execute(statement)
        db.commit()
        db.close()
        if file == DATABASE:
            whole = shutil.copytree(tmp_path / "run", tmp_path / "whole")
    with pytest.raises(errors.WorkspaceError, match=r"which no workspace has; its copy .* is damaged too: it has"):
        reopened(tmp_path / "run")
    with pytest.raises(errors.WorkspaceError, match="which no workspace of prunelab has: it was not written by"):
        pl.Lab.watch(tmp_path / "run")
    with pytest.warns(RuntimeWarning, match=r"which no workspace has\); the history goes on from its copy"):
        reopened(whole).close()
