"""The store on disk: SQLite for the tree, one safetensors file for each different array.

A state exists when its row is committed. Before that its arrays are written to temporary files, synced, renamed to the
digest of what they hold, and their folders synced: so a crash at any instant loses at most the state being written.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import load, save

from prunelab.errors import PrunelabError, WorkspaceError
from prunelab.lab.snapshot import Snapshot, digest_of

Array = np.ndarray[Any, Any]

SCHEMA_VERSION = 1
DATABASE = "prunelab.sqlite"

# Facts apart from plans and bits: ten thousand states are listed without reading either.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE states (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, facts TEXT NOT NULL);
CREATE TABLE plans (state TEXT PRIMARY KEY REFERENCES states(id), plan TEXT NOT NULL);
CREATE TABLE bits (state TEXT PRIMARY KEY REFERENCES states(id), tensors TEXT NOT NULL, random BLOB NOT NULL);
"""


class DiskStore:
    """A history in a folder; the same folder opened again goes on with it."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder = folder
        self._lock = threading.RLock()  # a panel reads while a step in another thread writes
        if folder.exists() and not folder.is_dir():
            raise WorkspaceError(f"the workspace {folder} is a file; give a folder")
        try:
            (folder / "arrays").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"the workspace {folder} cannot be made: {error.strerror}; "
                                 "choose a folder that can be written") from error
        with self._told("opened"):
            # autocommit: transactions are begun and ended by name
            self._db = sqlite3.connect(folder / DATABASE, isolation_level=None, check_same_thread=False, timeout=10)
            weakref.finalize(self, self._db.close)
            self._open()

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0 and not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif found != SCHEMA_VERSION:
                raise WorkspaceError(f"the workspace {self._folder} has the schema version {found}; this prunelab "
                                     f"reads version {SCHEMA_VERSION}: update prunelab, or choose another folder")

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors of the file system and the database in a person's words."""
        try:
            with self._lock:
                yield
        except PrunelabError:
            raise
        except sqlite3.IntegrityError as error:
            raise WorkspaceError(f"the workspace {self._folder} was written by another Lab meanwhile ({error}); "
                                 "open it again to go on from there") from error
        except (sqlite3.Error, OSError) as error:
            raise WorkspaceError(f"the workspace {self._folder} cannot be {what}: {error}; free or mend the folder, "
                                 "or choose another one") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # arrays

    def _path(self, digest: str) -> Path:
        return self._folder / "arrays" / digest[:2] / f"{digest}.safetensors"

    def put(self, digest: str, array: Array) -> None:
        """Keep an array under its digest; it is on disk, and synced, when this returns."""
        path = self._path(digest)
        with self._told("written"):
            if not path.exists():
                if not path.parent.exists():
                    path.parent.mkdir(exist_ok=True)
                    _sync_folder(path.parent.parent)
                _write_synced(path, save({"array": np.asarray(array, order="C")}))

    def get(self, digest: str) -> Array:
        """The array of that digest, whose bytes were checked."""
        path = self._path(digest)
        try:
            array: Array = load(path.read_bytes())["array"]
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            raise WorkspaceError(f"{path} cannot be read: {error}; states without this array can still be opened, "
                                 "or restore the file from a copy") from error
        if digest_of(array) != digest:
            raise WorkspaceError(f"{path} does not hold what its name says: it is damaged; states without this array "
                                 "can still be opened, or restore the file from a copy")
        array.setflags(write=False)
        return array

    # the tree

    def identity(self) -> dict[str, Any] | None:
        """What the first state was added with."""
        found = self._one("SELECT value FROM meta WHERE key = 'identity'")
        return None if found is None else json.loads(found[0])

    def add(self, facts: Mapping[str, Any], plan: Mapping[str, Any], snapshot: Snapshot,
            identity: Mapping[str, Any] | None = None) -> None:
        """Add a state and make it the current one, in one transaction."""
        name = facts["id"]
        with self._told("written"), self._transaction():
            self._db.execute("INSERT INTO states (id, facts) VALUES (?, ?)", (name, json.dumps(facts)))
            self._db.execute("INSERT INTO plans VALUES (?, ?)", (name, json.dumps(plan)))
            random = save({key: np.asarray(value, order="C") for key, value in snapshot.random.items()})
            self._db.execute("INSERT INTO bits VALUES (?, ?, ?)", (name, json.dumps(dict(snapshot.tensors)), random))
            if identity is not None:
                self._db.execute("INSERT INTO meta VALUES ('identity', ?)", (json.dumps(identity),))
            self._set_current(name)

    def move(self, state: str) -> None:
        """Make another state the current one."""
        with self._told("written"), self._transaction():
            self._set_current(state)

    def _set_current(self, state: str) -> None:
        self._db.execute("INSERT INTO meta VALUES ('current', ?) ON CONFLICT (key) DO UPDATE SET value = "
                         "excluded.value",
                         (state,))

    def current(self) -> str | None:
        """The id of the current state."""
        found = self._one("SELECT value FROM meta WHERE key = 'current'")
        return None if found is None else str(found[0])

    def states(self) -> Sequence[Mapping[str, Any]]:
        """The facts of all states."""
        with self._told("read"):
            return [json.loads(row[0]) for row in self._db.execute("SELECT facts FROM states ORDER BY number")]

    def plan(self, state: str) -> Mapping[str, Any]:
        """The plan of a state."""
        plan: dict[str, Any] = json.loads(self._one("SELECT plan FROM plans WHERE state = ?", state)[0])
        return plan

    def snapshot(self, state: str) -> Snapshot:
        """The bits of a state."""
        tensors, random = self._one("SELECT tensors, random FROM bits WHERE state = ?", state)
        return Snapshot(json.loads(tensors), load(random))

    def _one(self, query: str, *values: str) -> Any:
        with self._told("read"):
            return self._db.execute(query, values).fetchone()

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()


def _write_synced(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable; Windows cannot open folders, and needs no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
