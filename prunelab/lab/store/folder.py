"""A workspace's folder: made, locked, mended and brought up to date, before its database is opened."""

from __future__ import annotations

import os
import warnings
import weakref
from pathlib import Path

from prunelab.errors import WorkspaceError
from prunelab.lab.store.arrays import CHUNKS, INCOMING
from prunelab.lab.store.connection import COPY, DATABASE
from prunelab.lab.store.copies import mend
from prunelab.lab.store.database import Database
from prunelab.lab.store.files import make_folders
from prunelab.lab.store.lock import LOCK, WriterLock
from prunelab.lab.store.migration import migrate

_DATABASES = tuple(f"{name}{journal}" for name in (DATABASE, COPY) for journal in ("", "-wal", "-shm", "-journal"))


class Folder:
    """The folder and its open database, ``db``; with ``write`` nobody else writes until `close`."""

    def __init__(self, path: Path, *, write: bool, database: str) -> None:
        self.path = path
        self._lock: WriterLock | None = None
        self._lost = ""
        if write:
            self._prepare()
        try:
            if write:
                self._mend()
            self.db = Database(path, write=write, file=database)
            if self.db.prepare() == 1:
                self._migrate(write)
            if write:
                self.db.keep_copy()
        except BaseException:
            self._release()
            raise

    def _prepare(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise WorkspaceError(f"the workspace {self.path} is a file; give a folder")
        self._refuse_links()
        try:
            make_folders(self.path, self.path / CHUNKS, self.path / INCOMING)
            self._lock = WriterLock(self.path, self._on_lost)
            weakref.finalize(self, self._lock.release)
            for left in (self.path / INCOMING).glob("*.part"):  # by a process that was killed
                left.unlink()
        except OSError as error:
            self._release()
            watch = f", or look on with pl.Lab.watch({str(self.path)!r})" if (self.path / DATABASE).is_file() else ""
            raise WorkspaceError(f"the workspace {self.path} cannot be made or written: {error.strerror}; choose a "
                                 f"folder that can be{watch}") from error

    def _refuse_links(self) -> None:
        """What a folder from somebody else links to would be written, or taken away, by a Lab that opens it."""
        for name in (*_DATABASES, LOCK, CHUNKS, INCOMING):
            path = self.path / name
            if path.is_symlink():
                raise WorkspaceError(f"{path} is a link to {os.readlink(path)}, and a workspace keeps its files itself;"
                                     " copy them into it, or link the folder as a whole")

    def _mend(self) -> None:
        wrong = mend(self.path)
        if wrong:
            warnings.warn(f"{self.path / DATABASE} was damaged ({wrong}); the history goes on from its copy, and the "
                          "damaged file is prunelab.damaged.sqlite", RuntimeWarning, stacklevel=6)

    def _migrate(self, write: bool) -> None:
        if not write:
            raise WorkspaceError(f"the workspace {self.path} was written by an earlier prunelab; open it once with "
                                 "pl.Lab, which brings it up to date")
        migrate(self.db, self.path / CHUNKS)

    def _on_lost(self) -> None:
        self._lost = (f"the workspace {self.path} was opened again by a newer Lab of this process, which writes now; "
                      "go on with that one")

    def check(self) -> None:
        """Whether one may write.

        Raises:
            WorkspaceError: a newer Lab of this process does, or another process.
        """
        if self._lost:
            raise WorkspaceError(self._lost)
        if self._lock is not None:
            with self.db.told("written"):
                self._lock.check()

    def close(self) -> None:
        """Let go of the database, and let others write."""
        self._lost = f"the Lab that had the workspace {self.path} open is closed; open it again"
        self.db.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
