"""Reading what is left of a damaged SQLite file, row by row; whoever asks checks each row by its digest."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TABLES = ("states", "shared", "arrays")  # those with a number as their key
_MOST_MISSES = 5000  # numbers in a row that are not found, where the last one cannot be had

Rows = dict[int, tuple[Any, ...]]


@contextlib.contextmanager
def rescued(path: Path, first_page_of: Path) -> Iterator[sqlite3.Connection | None]:
    """A copy of a damaged database, open as far as it can be; None where nothing of it can be read.

    Where its first page, which tells where the tables are, is gone, that of another file of the same workspace serves.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "database.sqlite"
        for first_page in (None, first_page_of):
            if not path.is_file() or (first_page is not None and not first_page.is_file()):
                continue
            shutil.copy(path, copy)
            if path.with_name(f"{path.name}-wal").is_file():
                shutil.copy(path.with_name(f"{path.name}-wal"), f"{copy}-wal")
            if first_page is not None:
                _transplant(first_page, copy)
            db = sqlite3.connect(copy, isolation_level=None)
            try:
                # reads a file that is shorter than its header says, too
                db.execute("PRAGMA writable_schema = ON")
                known = db.execute("SELECT name FROM sqlite_master WHERE name = 'states'").fetchone()
            except sqlite3.Error:
                known = None
            if known is None:
                db.close()
                continue
            try:
                yield db
            finally:
                db.close()
            return
        yield None


def _transplant(source: Path, target: Path) -> None:
    page = source.read_bytes()[:65536]
    size = int.from_bytes(page[16:18], "big") or 0
    if size >= 512:
        with open(target, "r+b") as file:
            file.write(page[: 65536 if size == 1 else size])


def numbered_rows(db: sqlite3.Connection, table: str) -> Rows:
    """The rows of one of the tables with numbers that can be read, by number."""
    assert table in _TABLES
    found: Rows = {}
    with contextlib.suppress(sqlite3.Error):
        for row in db.execute(f"SELECT * FROM {table} ORDER BY number"):
            found[row[0]] = row
    last = max(found, default=-1)
    with contextlib.suppress(sqlite3.Error):
        for row in db.execute(f"SELECT * FROM {table} ORDER BY number DESC"):
            if row[0] <= last:
                return found
            found[row[0]] = row
    misses, number = 0, last
    while misses < _MOST_MISSES:
        number += 1
        misses += 1
        with contextlib.suppress(sqlite3.Error):
            row = found.get(number) or db.execute(f"SELECT * FROM {table} WHERE number = ?", (number,)).fetchone()
            if row is not None:
                found[number] = row
                misses = 0
    return found


def other_rows(db: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query, up to the first that cannot be read."""
    found: list[tuple[Any, ...]] = []
    with contextlib.suppress(sqlite3.Error):
        found.extend(db.execute(query))
    return found
