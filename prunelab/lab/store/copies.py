"""Whether a database is whole, and the copy that takes its place where it is not."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path

from prunelab.errors import WorkspaceError
from prunelab.lab.store.connection import COPY, DATABASE, connect, count
from prunelab.lab.store.rows import damaged_row
from prunelab.lab.store.schema import VERSION, found_version, stranger


def damage(db: sqlite3.Connection) -> str:
    """What is damaged in a database; empty if nothing."""
    try:
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            return str(found.splitlines()[-1])
        if found_version(db) != VERSION:
            return ""
        odd = stranger(db)
        return f"it has {odd}, which no workspace has" if odd else damaged_row(db)
    except (sqlite3.DatabaseError, ValueError) as error:
        return str(error)


def discard(path: Path, aside: str | None = None) -> None:
    """Take a database and its journals away, or put them under another name."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            if aside is None:
                os.unlink(f"{path}{suffix}")
            else:
                os.replace(f"{path}{suffix}", f"{path.with_name(aside)}{suffix}")


def mend(folder: Path) -> str:
    """Put the copy in the place of a database that is damaged, gone or behind; what was wrong, empty if nothing.

    The damaged file stays beside, as ``prunelab.damaged.sqlite``. To be called by the one who may write, before it
    opens the database.

    Raises:
        WorkspaceError: the copy is damaged too, or not there.
    """
    path, copy = folder / DATABASE, folder / COPY
    wrong, n_here = inspect(path)
    worse, n_there = inspect(copy)
    if not wrong and n_here >= n_there and (n_here >= 0 or not worse):
        if worse:
            discard(copy)  # it is made again
        return ""
    if worse or n_there < 0:
        raise WorkspaceError(f"{path} is damaged: {wrong or 'it is empty'}; its copy {copy.name} is "
                             f"{f'damaged too: {worse}' if worse else 'not there'}; restore the folder from a backup, "
                             f"or save what can be read: prunelab doctor {folder} --salvage NEW")
    discard(path, "prunelab.damaged.sqlite")
    source, target = connect(copy, write=True, durable=False), connect(path, write=True)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return wrong or f"it lacks {n_there - max(n_here, 0)} changes that its copy has"


def inspect(path: Path, *, write: bool = True) -> tuple[str, int]:
    """What is damaged in a database file, and how many changes it holds: -1 for one that is not there or empty."""
    if not path.exists():
        return "", -1
    journal = path.with_name(f"{path.name}-journal")
    if not write and journal.exists() and journal.stat().st_size:
        return "", 0  # a process was killed in the middle of a change, which the next one to open it takes back
    try:
        db = connect(path, write=write, durable=path.name == DATABASE)
    except sqlite3.Error as error:
        return str(error), -1
    try:
        wrong = damage(db)
        version = None if wrong else found_version(db)
        # another version is not ours to replace
        return wrong, count(db) if version == VERSION else -1 if version is None else sys.maxsize
    except sqlite3.Error as error:
        return str(error), -1
    finally:
        db.close()
