"""One SQLite file with the tree, and beside it a copy that is used where the file is damaged."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prunelab.errors import PrunelabError, WorkspaceError
from prunelab.lab.store.connection import COPY, DATABASE, T, connect, count, set_meta, transact
from prunelab.lab.store.copies import discard
from prunelab.lab.store.schema import VERSION, found_version, make_tables, stranger


class Database:
    """Reads, and changes in whole transactions; a transaction that returned is on disk.

    Every change is made in the copy too, right after. The copy is not synced: it is for a damaged file, not for a
    crash.
    """

    def __init__(self, folder: Path, *, write: bool, file: str = "") -> None:
        self.folder, self.write = folder, write
        self.path = folder / (file or DATABASE)
        # A panel reads while a step in another thread writes. Taken by `with` itself, never in a function of ours,
        # which an interrupt may keep from giving it back
        self._lock = threading.RLock()
        self._copy: sqlite3.Connection | None = None
        self._copied = False  # whether there is to be one
        with self._lock, self.told("opened"):
            self._db = connect(self.path, write)
        weakref.finalize(self, self._db.close)

    def read(self, query: str, *values: Any) -> list[Any]:
        """All rows of a query."""
        with self._lock, self.told("read"):
            return self._db.execute(query, values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        """The first row of a query, or None."""
        found = self.read(query, *values)
        return found[0] if found else None

    def change(self, do: Callable[[sqlite3.Connection], T]) -> T:
        """Call ``do`` with the connection in a transaction, which is on disk when this returns."""
        with self._lock, self.told("written"):
            if not self.write:
                raise WorkspaceError(f"the workspace {self.folder} is only watched here; open it with pl.Lab to change "
                                     "it")
            done = transact(self._db, lambda db: _counted(db, do))
            if self._copied:
                self._change_copy(do)
            return done

    def _change_copy(self, do: Callable[[sqlite3.Connection], object]) -> None:
        """The same in the copy; anew where that was missed a change, by an interrupt or a full disk."""
        with contextlib.suppress(sqlite3.Error):
            if self._copy is not None and count(self._copy) == count(self._db) - 1:
                transact(self._copy, lambda db: _counted(db, do))
                return
        with contextlib.suppress(WorkspaceError):  # the state is safe already
            self.keep_copy()

    def keep_copy(self) -> None:
        """Open the copy, and bring it up to date where it is not."""
        self._copied = True
        with self._lock, self.told("opened"), contextlib.suppress(sqlite3.Error):
            path = self.folder / COPY
            self._drop_copy()
            self._copy = connect(path, write=True, durable=False)
            weakref.finalize(self, self._copy.close)
            if found_version(self._copy) != VERSION or count(self._copy) != count(self._db):
                self._drop_copy()
                discard(path)
                self._copy = connect(path, write=True, durable=False)
                weakref.finalize(self, self._copy.close)
                self._db.backup(self._copy)
                self._copy.execute("PRAGMA journal_mode = TRUNCATE")  # the journal's kind was copied too

    def _drop_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    @contextlib.contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Errors of the file system and the database in a person's words."""
        try:
            yield
        except PrunelabError:
            raise
        except sqlite3.IntegrityError as error:
            raise WorkspaceError(f"the workspace {self.folder} was written by another Lab meanwhile ({error}); "
                                 "open it again to go on from there") from error
        except (sqlite3.OperationalError, OSError) as error:
            raise WorkspaceError(f"the workspace {self.folder} cannot be {what}: {error}; free or mend the folder, "
                                 "or choose another one") from error
        except sqlite3.DatabaseError as error:
            raise WorkspaceError(f"{self.path} is damaged: {error}; prunelab doctor {self.folder} tells what is left, "
                                 "and pl.Lab goes on from its copy") from error

    def prepare(self) -> int:
        """Make the tables where there are none; the version that was found.

        Raises:
            WorkspaceError: a newer version, or a database of something else.
        """
        with self._lock, self.told("opened"):
            version = found_version(self._db)
            if version is None and self.write:
                transact(self._db, make_tables)
                version = VERSION
            self._check(version)
            return version or 0

    def migrate(self, move: Callable[[sqlite3.Connection], None]) -> None:
        """Bring older tables to the present ones in one transaction."""
        with self._lock, self.told("written"):
            transact(self._db, move)
            self._check(VERSION)

    def _check(self, version: int | None) -> None:
        if version not in (1, VERSION):
            raise WorkspaceError(f"the workspace {self.folder} has the schema version {version or 0}; this prunelab "
                                 f"reads versions 1 to {VERSION}: update prunelab, or choose another folder")
        odd = stranger(self._db) if version == VERSION else ""
        if odd:
            raise WorkspaceError(f"{self.path} has {odd}, which no workspace of prunelab has: it was not "
                                 "written by prunelab; choose another folder")

    def backup(self, path: Path) -> None:
        """Write the whole database, as it is now, into another file."""
        with self._lock, self.told("read"):
            other = sqlite3.connect(path)
            try:
                self._db.backup(other)
                other.execute("PRAGMA journal_mode = DELETE")
            finally:
                other.close()

    def shrink(self) -> None:
        """Give the space of deleted rows back to the file system."""
        with self._lock, self.told("written"):
            for db in filter(None, (self._db, self._copy)):
                db.execute("VACUUM")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the files."""
        self._drop_copy()
        self._db.close()


def _counted(db: sqlite3.Connection, do: Callable[[sqlite3.Connection], T]) -> T:
    done = do(db)
    set_meta(db, "changes", str(count(db) + 1))
    return done
