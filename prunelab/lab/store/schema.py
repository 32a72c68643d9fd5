"""The tables of a workspace, and the way from the older ones."""

from __future__ import annotations

import sqlite3

VERSION = 2

# Facts apart from plans and bits: ten thousand states are listed without reading either. `shared` holds what many
# states have in common (a plan's structure, the names of tensors, versions), once, under its digest. `check` is the
# digest of the rest of its row: a page of SQLite has none.
_TABLES = {
    "meta": "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "shared": "CREATE TABLE shared (number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, value BLOB NOT NULL)",
    "chunks": "CREATE TABLE chunks (number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, size INTEGER NOT NULL)",
    "arrays": ("CREATE TABLE arrays (number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, "
               "chunk INTEGER NOT NULL REFERENCES chunks(number), base INTEGER REFERENCES arrays(number))"),
    "states": ("CREATE TABLE states (number INTEGER PRIMARY KEY, facts TEXT NOT NULL, versions INTEGER NOT NULL, "
               "plan BLOB NOT NULL, plan_shared INTEGER NOT NULL, random TEXT, tensors BLOB, tensor_names INTEGER, "
               '"check" BLOB NOT NULL)'),
    "names": "CREATE TABLE names (name TEXT PRIMARY KEY, kind TEXT NOT NULL, state INTEGER NOT NULL)",
}


def found_version(db: sqlite3.Connection) -> int | None:
    """The version of the tables; None for an empty database."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    return None if version == 0 and not _objects(db) else version


def make_tables(db: sqlite3.Connection) -> None:
    """Make the tables; to be called in a transaction."""
    for statement in _TABLES.values():
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def stranger(db: sqlite3.Connection) -> str:
    """What the database has that a workspace has not (a trigger, a view, another table), or lacks; empty if nothing."""
    found = _objects(db)
    odd = [f"{kind} {name}" for name, (kind, text) in found.items() if _TABLES.get(name) != text]
    missing = [f"no table {name}" for name in _TABLES if name not in found]
    return next(iter([*odd, *missing]), "")


def _objects(db: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = db.execute("SELECT name, type, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {name: (kind, text) for name, kind, text in rows}
