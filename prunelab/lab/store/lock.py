"""One writer: a file that the writing process holds locked, and that names it for the others.

The operating system lets go of the lock when the process ends, however it ends: a lock is never left behind, and who
comes next takes over. Where the file system knows no locks, the process that is named decides: it lives, or not.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from prunelab.errors import WorkspaceError
from prunelab.graph.interrupts import Uninterrupted

LOCK = "writer.lock"
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # what a lock that somebody else has is refused with
_held: dict[Path, WriterLock] = {}
_guard = threading.Lock()  # taken where no interrupt comes, which might keep it from being given back


class WriterLock:
    """The right to write into a folder. In one process the Lab that was opened last has it, and the one before is told:
    a notebook's cell that opens a Lab is run again and again."""

    def __init__(self, folder: Path, on_lost: Callable[[], None]) -> None:
        self._path = folder.resolve() / LOCK
        self._on_lost = weakref.WeakMethod(on_lost)
        self._process = os.getpid()
        with Uninterrupted(), _guard:
            before = _held.get(self._path)
            self._handle = _locked(self._path) if before is None else before._give_up()
            _held[self._path] = self

    def _give_up(self) -> int:
        """The open file, for the one who comes next in this process."""
        lost = self._on_lost()
        if lost is not None:
            lost()
        handle, self._handle = self._handle, -1
        return handle

    def check(self) -> None:
        """Hold the lock still, or again.

        POSIX takes a process's lock away when any of its handles of the file is closed, such as that of who copies the
        folder; and the file itself may be taken away.

        Raises:
            WorkspaceError: another process holds it now, or this one was forked from the one that does.
        """
        folder = self._path.parent
        if self._process != os.getpid():
            raise WorkspaceError(f"process {self._process} writes into the workspace {folder}, and this one was forked "
                                 "from it; open a Lab of its own here, with another folder")
        with Uninterrupted(), _guard:
            if not _is_at(self._handle, self._path):
                if self._handle >= 0:
                    os.close(self._handle)
                self._handle = -1
                self._handle = _locked(self._path)
            elif not _held_still(self._handle):
                raise WorkspaceError(in_use(folder, _holder(self._handle)))

    def release(self) -> None:
        """Let another process write."""
        if self._process != os.getpid():  # a child that was forked: the lock is its parent's
            return
        with Uninterrupted(), _guard:
            if self._handle >= 0 and _held.get(self._path) is self:
                del _held[self._path]
                os.ftruncate(self._handle, 0)  # not by its path: the folder may be gone
                os.close(self._handle)
            self._handle = -1


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def _locked(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        holder = _holder(handle)
        if not _lock(handle, holder):
            raise WorkspaceError(in_use(path.parent, holder))
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, json.dumps({"process": os.getpid(), "host": socket.gethostname(), "since": _now()}).encode())
    except BaseException:
        os.close(handle)
        raise
    return handle


def _lock(handle: int, holder: Mapping[str, Any]) -> bool:
    """Lock the file, if nobody else has it locked."""
    try:
        _lock_file(handle)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        return not _alive(holder)  # a file system without locks
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock_file(handle: int) -> None:
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond what is read of it: Windows locks bytes against reading
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _held_still(handle: int) -> bool:
        return True  # Windows takes a lock away only with the handle that has it
else:
    import fcntl

    def _lock_file(handle: int) -> None:
        # of the process, not of the open file: a child that was forked does not keep it when its parent is killed
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _held_still(handle: int) -> bool:
        try:
            _lock_file(handle)
        except OSError as error:
            return error.errno not in _TAKEN
        return True


def _holder(handle: int) -> Mapping[str, Any]:
    """What the file says of its holder; empty where it says nothing."""
    os.lseek(handle, 0, os.SEEK_SET)
    try:
        told = json.loads(os.read(handle, 4096) or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _alive(holder: Mapping[str, Any]) -> bool:
    """Whether the process that the file names may still live: of another host nobody here can tell."""
    process = holder.get("process")
    if not isinstance(process, int) or holder.get("host") != socket.gethostname():
        return bool(holder)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return process != os.getpid()


def in_use(folder: Path, holder: Mapping[str, Any]) -> str:
    """What is told of a workspace that another process writes into."""
    who = f"process {holder.get('process', 'unknown')} on {holder.get('host', 'an unknown host')}"
    since = f" since {holder['since']}" if "since" in holder else ""
    return (f"the workspace {folder} is in use: {who} writes into it{since}; close that Lab, or look on with "
            f"pl.Lab.watch({str(folder)!r})")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
