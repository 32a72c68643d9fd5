"""One SQLite file with the tree, and beside it a copy that is used where the file is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from prunelab.errors import PrunelabError, WorkspaceError
from prunelab.lab.store.rows import damaged_row
from prunelab.lab.store.schema import VERSION, found_version, make_tables, stranger

DATABASE, COPY = "prunelab.sqlite", "prunelab.copy.sqlite"
T = TypeVar("T")


class Database:
    """Reads, and changes in whole transactions; a transaction that returned is on disk.

    Every change is made in the copy too, right after. The copy is not synced: it is for a damaged file, not for a
    crash.
    """

    def __init__(self, folder: Path, *, write: bool, file: str = "") -> None:
        self.folder, self.write = folder, write
        self._lock = threading.RLock()  # a panel reads while a step in another thread writes
        self._copy: sqlite3.Connection | None = None
        with self.told("opened"):
            self._db = _connect(folder / (file or DATABASE), write)
        weakref.finalize(self, self._db.close)

    def read(self, query: str, *values: Any) -> list[Any]:
        """All rows of a query."""
        with self.told("read"):
            return self._db.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        """The first row of a query, or None."""
        found = self.read(query, *values)
        return found[0] if found else None

    def change(self, do: Callable[[sqlite3.Connection], T]) -> T:
        """Call ``do`` with the connection in a transaction, which is on disk when this returns."""
        with self.told("written"):
            if not self.write:
                raise WorkspaceError(f"the workspace {self.folder} is only watched here; open it with pl.Lab to change "
                                     "it")
            done = transact(self._db, lambda db: _counted(db, do))
            if self._copy is not None:
                try:
                    transact(self._copy, lambda db: _counted(db, do))
                except sqlite3.Error:  # a full disk: the state is safe already, and the next opening copies anew
                    self._drop_copy()
            return done

    def keep_copy(self) -> None:
        """Open the copy, and bring it up to date where it is not."""
        with self.told("opened"), contextlib.suppress(sqlite3.Error):
            path = self.folder / COPY
            self._copy = _connect(path, write=True, durable=False)
            weakref.finalize(self, self._copy.close)
            if found_version(self._copy) != VERSION or count(self._copy) != count(self._db):
                self._drop_copy()
                discard(path)
                self._copy = _connect(path, write=True, durable=False)
                weakref.finalize(self, self._copy.close)
                self._db.backup(self._copy)
                self._copy.execute("PRAGMA journal_mode = TRUNCATE")  # the journal's kind was copied too

    def _drop_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    @contextlib.contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Errors of the file system and the database in a person's words; one thread at a time."""
        try:
            with self._lock:
                yield
        except PrunelabError:
            raise
        except sqlite3.IntegrityError as error:
            raise WorkspaceError(f"the workspace {self.folder} was written by another Lab meanwhile ({error}); "
                                 "open it again to go on from there") from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise WorkspaceError(f"the workspace {self.folder} cannot be {what}: {error}; free or mend the folder, "
                                 "or choose another one") from error

    def prepare(self) -> int:
        """Make the tables where there are none; the version that was found.

        Raises:
            WorkspaceError: a newer version, or a database of something else.
        """
        with self.told("opened"):
            version = found_version(self._db)
            if version is None and self.write:
                transact(self._db, make_tables)
                version = VERSION
            self._check(version)
            return version or 0

    def migrate(self, move: Callable[[sqlite3.Connection], None]) -> None:
        """Bring older tables to the present ones in one transaction."""
        with self.told("written"):
            transact(self._db, move)
            self._check(VERSION)

    def _check(self, version: int | None) -> None:
        if version not in (1, VERSION):
            raise WorkspaceError(f"the workspace {self.folder} has the schema version {version or 0}; this prunelab "
                                 f"reads versions 1 to {VERSION}: update prunelab, or choose another folder")
        odd = stranger(self._db) if version == VERSION else ""
        if odd:
            raise WorkspaceError(f"{self.folder / DATABASE} has {odd}, which no workspace of prunelab has: it was not "
                                 "written by prunelab; choose another folder")

    def backup(self, path: Path) -> None:
        """Write the whole database, as it is now, into another file."""
        with self.told("read"):
            other = sqlite3.connect(path)
            try:
                self._db.backup(other)
                other.execute("PRAGMA journal_mode = DELETE")
            finally:
                other.close()

    def shrink(self) -> None:
        """Give the space of deleted rows back to the file system."""
        with self.told("written"):
            for db in filter(None, (self._db, self._copy)):
                db.execute("VACUUM")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the files."""
        self._drop_copy()
        self._db.close()


def _connect(path: Path, write: bool, durable: bool = True) -> sqlite3.Connection:
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
        # a folder that cannot be written has no room for the files that readers share; then nobody writes either
        return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None,
                               check_same_thread=False)
    except BaseException:
        db.close()
        raise
    return db


def transact(db: sqlite3.Connection, do: Callable[[sqlite3.Connection], T]) -> T:
    """Call ``do`` in a transaction: all of it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        done = do(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return done


def _counted(db: sqlite3.Connection, do: Callable[[sqlite3.Connection], T]) -> T:
    done = do(db)
    set_meta(db, "changes", str(count(db) + 1))
    return done


def count(db: sqlite3.Connection) -> int:
    """How many changes were made."""
    found = db.execute("SELECT value FROM meta WHERE key = 'changes'").fetchone()
    return int(found[0]) if found else 0


def set_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Set one of the few values that a workspace has once."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))


def damage(db: sqlite3.Connection) -> str:
    """What is damaged in a database; empty if nothing."""
    try:
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        return found.splitlines()[-1] if found != "ok" else damaged_row(db) if found_version(db) == VERSION else ""
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
                             "or choose another one")
    discard(path, "prunelab.damaged.sqlite")
    source, target = _connect(copy, write=True, durable=False), _connect(path, write=True)
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
        db = _connect(path, write=write, durable=path.name == DATABASE)
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
