"""The rows of a state, each with a digest of what it holds: a changed bit in a database is found, and its state
named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

_COLUMNS = "number, facts, versions, plan, plan_shared, random, tensors, tensor_names"


def check_of(row: Sequence[Any]) -> bytes:
    """The digest of a state's row, ``check`` left out."""
    told = hashlib.sha256()
    for value in row:
        told.update(value if isinstance(value, bytes) else repr(value).encode())
        told.update(b"\x00")
    return told.digest()[:16]


def insert_state(db: sqlite3.Connection, row: Sequence[Any]) -> None:
    """Write a state's row: the columns in order, ``check`` left out."""
    db.execute(f'INSERT INTO states ({_COLUMNS}, "check") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', (*row, check_of(row)))


def let_go_of_bits(db: sqlite3.Connection, number: int) -> None:
    """Take the bits out of a state's row; its facts and its plan stay."""
    row = db.execute(f"SELECT {_COLUMNS} FROM states WHERE number = ?", (number,)).fetchone()
    db.execute("DELETE FROM states WHERE number = ?", (number,))
    insert_state(db, (*row[:5], None, None, None))


def insert_shared(db: sqlite3.Connection, value: bytes) -> int:
    """The number of something that many states share; written where it is not there."""
    return _numbered(db, "shared", hashlib.sha256(value).digest(), (value,))


def insert_chunk(db: sqlite3.Connection, digest: bytes, size: int) -> int:
    """The number of a chunk; written where it is not there."""
    return _numbered(db, "chunks", digest, (size,))


def insert_array(db: sqlite3.Connection, digest: bytes, chunk: int, base: int | None) -> int:
    """The number of an array, in its place from now on; written where it is not there."""
    number = _numbered(db, "arrays", digest, (chunk, base))
    db.execute("UPDATE arrays SET chunk = ?, base = ? WHERE number = ?", (chunk, base, number))
    return number


def _numbered(db: sqlite3.Connection, table: str, digest: bytes, more: Sequence[Any]) -> int:
    found = db.execute(f"SELECT number FROM {table} WHERE digest = ?", (digest,)).fetchone()
    if found is not None:
        return int(found[0])
    marks = ", ".join("?" * (2 + len(more)))
    number = db.execute(f"SELECT COALESCE(MAX(number), 0) + 1 FROM {table}").fetchone()[0]
    db.execute(f"INSERT INTO {table} VALUES ({marks})", (number, digest, *more))
    return int(number)


def damaged_row(db: sqlite3.Connection) -> str:
    """The first row that does not hold what was written; empty if there is none."""
    for *row, check in db.execute(f'SELECT {_COLUMNS}, "check" FROM states'):
        if check_of(row) != check:
            return f"the row of s{row[0]} does not hold what was written"
    for number, digest, value in db.execute("SELECT number, digest, value FROM shared"):
        if hashlib.sha256(value).digest() != digest:
            return f"the shared value {number} does not hold what was written"
    for key, value in db.execute("SELECT key, value FROM meta WHERE key = 'identity'"):
        json.loads(value)
        kept = db.execute("SELECT value FROM meta WHERE key = 'identity.check'").fetchone()
        if kept is None or kept[0] != hashlib.sha256(value.encode()).hexdigest():
            return f"its {key} does not hold what was written"
    return _nowhere(db)


def _nowhere(db: sqlite3.Connection) -> str:
    """A name, or the current state, that is of no state; empty if there is none."""
    known = {f"s{number}" for number, in db.execute("SELECT number FROM states")}
    current = db.execute("SELECT value FROM meta WHERE key = 'current'").fetchone()
    if known and (current is None or current[0] not in known):
        return f"its current state is {current and current[0]!r}, which is not there"
    for name, kind, number in db.execute("SELECT name, kind, state FROM names"):
        if f"s{number}" not in known or kind not in ("tag", "branch"):
            return f"the {kind} {name!r} is of s{number}, which is not there"
    return ""
