"""A disk that fills up at every write in turn, a file system with a limit, a folder that cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_nets import batched, data, everything, lab, net

import prunelab as pl
from prunelab import errors
from prunelab.lab.store import files
from prunelab.lab.store.connection import DATABASE
from prunelab.lab.store.disk import DiskStore


def reopened(folder: Path) -> pl.Lab:
    return pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)


class FullAt:
    """A module whose ``n``-th call to one of ``calls`` finds the disk full, and every one after it too."""

    def __init__(self, module: Any, calls: tuple[str, ...], n: int, count: list[int]) -> None:
        self.module, self.calls, self.n, self.count = module, calls, n, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if name not in self.calls:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.count[0] += 1
            if self.count[0] >= self.n:
                raise OSError(errno.ENOSPC, "No space left on device")
            return found(*args, **kwargs)

        return call


def test_a_disk_that_is_full_at_any_write_loses_only_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab(workspace=tmp_path)
    here = everything(opened)
    refused = 0
    for n in range(1, 100):
        count = [0]
        with monkeypatch.context() as patch:
            patch.setattr(files, "os", FullAt(os, ("write", "fsync", "replace", "open"), n, count))
            patch.setattr(files, "tempfile", FullAt(tempfile, ("mkstemp",), n, count))
            with contextlib.suppress(errors.WorkspaceError):
                opened.step("0", ratio=0.5, finetune=1)
                break
        refused += 1
        assert everything(opened) == here
        assert not list(tmp_path.rglob("*.part"))
        found = pl.doctor(tmp_path)
        assert found.ok
        for name in found.left_over:  # so that every attempt writes the same
            (tmp_path / "chunks" / name).unlink()
    assert refused >= 6  # a file made, written, synced, renamed, and its folder opened and synced
    opened.close()
    again = reopened(tmp_path)
    assert again.state.id == "s1"
    again.close()


def test_a_vacuum_that_fails_anywhere_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab(workspace=tmp_path)
    hashes = {"s0": everything(opened)}
    opened.finetune(1)
    opened.step("3", ratio=0.5)
    hashes["s2"] = everything(opened)
    opened.prune_history(keep=["s2"])

    def full(*anything: Any) -> None:
        raise errors.WorkspaceError("the disk is full")

    def fails(*, n: int = 1 << 30, at: tuple[str, ...] = ()) -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(files, "os", FullAt(os, ("write", "fsync", "replace", "open"), n, [0]))
            for name in at:
                patch.setattr(DiskStore, name, full)
            with contextlib.suppress(errors.WorkspaceError, OSError):
                opened.vacuum()
                return False
        for name, hashed in hashes.items():
            opened.goto("s0")
            opened.goto(name)
            assert everything(opened) == hashed
        found = pl.doctor(tmp_path)
        assert found.ok
        for name in found.left_over:  # so that every attempt writes the same
            (tmp_path / "chunks" / name).unlink()
        return True

    n = 1
    assert fails(at=("change",))
    while fails(n=n):
        n += 1
    assert n > 5  # written, synced, renamed; the folder opened and synced
    opened.close()


def test_a_file_system_with_a_limit_loses_only_the_step(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("3", ratio=0.25)
    refused = taken = 0
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in [*range(0, 8_000, 500), *range(8_000, 200_000, 8_000)]:
        here = everything(opened)
        try:
            # every write beyond the limit fails, SQLite's too: journal, database, copy, chunks
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            opened.step("0", ratio=0.5, finetune=1)
        except errors.WorkspaceError:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            refused += 1
            assert everything(opened) == here
        else:
            taken += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        opened.goto("s1")
    assert refused > 5
    assert taken > 5
    states = opened.states
    opened.close()
    assert pl.doctor(tmp_path).ok or [p.place for p in pl.doctor(tmp_path).problems] == ["prunelab.copy.sqlite"]
    again = reopened(tmp_path)
    assert again.states == states
    for state in states:
        again.goto(state)
    again.close()
    assert pl.doctor(tmp_path).ok


def test_a_database_that_cannot_grow_loses_only_the_step(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    database = opened._bench.store._db._db
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    recorded = 0
    for _ in range(20):
        here = everything(opened)
        try:
            opened.step("0", ratio=0.5)
        except errors.WorkspaceError as error:
            assert "full" in str(error)  # noqa: PT017
            assert everything(opened) == here
            break
        recorded += 1
        opened.goto("s0")
    else:
        pytest.fail("the database grew")
    database.execute("PRAGMA max_page_count = 100000")
    assert opened.step("3", ratio=0.5).id == f"s{recorded + 1}"
    opened.close()
    reopened(tmp_path).close()


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """As somebody whom permissions bind."""
    if os.geteuid():
        yield
        return
    # Paddle writes what it translates below the home
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        os.chmod(home, 0o777)
        patch.setenv("HOME", home)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)


def test_a_folder_that_cannot_be_written_can_be_watched() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        opened = lab(workspace=folder / "run")
        opened.step("0", ratio=0.5)
        states = opened.states
        opened.close()
        for path in (folder / "run").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (folder / "run").chmod(0o555)
        before = sorted((folder / "run").rglob("*"))
        with unprivileged():
            for place, watch in ((folder / "run", ", or look on with .*watch"), (folder / "run" / "more", "$")):
                with pytest.raises(errors.WorkspaceError, match=f"or written: Permission denied; .* can be{watch}"):
                    reopened(place)
            watcher = pl.Lab.watch(folder / "run")
            assert watcher.states == states
            assert watcher.plan == states[1].plan
            watcher.close()
            assert pl.doctor(folder / "run").ok
        assert sorted((folder / "run").rglob("*")) == before
    finally:
        for path in (folder / "run", *(folder / "run").rglob("*")):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_what_a_killed_process_left_in_its_journal_is_seen_where_nothing_can_be_written() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        opened = lab(workspace=folder / "run")
        opened.step("0", ratio=0.5)
        # as a killed process leaves it, copied without what only readers share
        left = shutil.copytree(folder / "run", folder / "left", ignore=shutil.ignore_patterns("*-shm"))
        states = opened.states
        opened.close()
        assert (left / f"{DATABASE}-wal").stat().st_size
        for path in (left, *left.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        with unprivileged():
            watcher = pl.Lab.watch(left)
            assert watcher.states == states
            watcher.close()
            assert pl.doctor(left).ok
    finally:
        for path in folder.rglob("*"):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_becomes_unwritable_loses_only_the_step() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o777)
        with unprivileged():
            opened = lab(workspace=folder / "run")
            here = everything(opened)
            for path in (folder / "run", folder / "run" / "chunks", folder / "run" / "incoming"):
                path.chmod(0o555)
            with pytest.raises(errors.WorkspaceError, match=r"cannot be written: .*Permission denied"):
                opened.step("0", ratio=0.5)
            assert everything(opened) == here
            for path in (folder / "run", folder / "run" / "chunks", folder / "run" / "incoming"):
                path.chmod(0o755)
            assert opened.step("0", ratio=0.5).id == "s1"
            opened.close()
        assert (folder / "run" / DATABASE).exists()
    finally:
        shutil.rmtree(folder)
