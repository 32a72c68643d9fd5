"""Connections to a workspace's SQLite files, and transactions on them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

DATABASE, COPY = "prunelab.sqlite", "prunelab.copy.sqlite"
T = TypeVar("T")


def connect(path: Path, write: bool, durable: bool = True) -> sqlite3.Connection:
    """An open SQLite file: made where it is not there and ``write`` is true; ``durable``: a transaction is on disk when
    it returns."""
    mode = "rwc" if write else "ro"
    # autocommit: transactions are begun and ended by name
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None,
                         check_same_thread=False, timeout=10)
    try:
        # a database that somebody crafted runs nothing: no function in a schema, no cell that points outside its page
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA cell_size_check = ON")
        if write:
            # small pages and a small journal, beside the arrays of a small model
            db.execute("PRAGMA page_size = 2048")
            db.execute(f"PRAGMA journal_mode = {'WAL' if durable else 'TRUNCATE'}")
            db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            db.execute("PRAGMA wal_autocheckpoint = 64")
        else:
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        db.close()
        if write or os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise
        return _unshared(path)
    except BaseException:
        db.close()
        raise
    return db


def _unshared(path: Path) -> sqlite3.Connection:
    """A database in a folder that cannot be written, which has no room for the files that readers share; then nobody
    writes either."""
    journal = path.with_name(f"{path.name}-wal")
    if not journal.exists() or not journal.stat().st_size:
        return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None,
                               check_same_thread=False)
    # its newest states are in the journal of a process that was killed, which is read where there is room
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        shutil.copy(journal, folder)
        with contextlib.closing(sqlite3.connect(copy)) as whole:
            whole.backup(memory)
    return memory


def transact(db: sqlite3.Connection, do: Callable[[sqlite3.Connection], T]) -> T:
    """Call ``do`` in a transaction: all of it, or nothing."""
    if db.in_transaction:  # left by an interrupt: one thread at a time comes here
        db.execute("ROLLBACK")
    try:
        db.execute("BEGIN IMMEDIATE")
        done = do(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return done


def count(db: sqlite3.Connection) -> int:
    """How many changes were made."""
    found = db.execute("SELECT value FROM meta WHERE key = 'changes'").fetchone()
    return int(found[0]) if found else 0


def set_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Set one of the few values that a workspace has once."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))
