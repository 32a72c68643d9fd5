"""Where a Lab keeps its history: in memory, or in a folder that nothing short of losing the disk makes forget."""

from __future__ import annotations

import os
from pathlib import Path

from prunelab.errors import OptionError, shown
from prunelab.lab.store.base import Entry, Store
from prunelab.lab.store.memory import MemoryStore

__all__ = ["Entry", "MemoryStore", "Store", "checked_folder", "open_store"]


def open_store(workspace: str | os.PathLike[str] | None, *, write: bool = True) -> Store:
    """The store in that folder, made if it is not there; in memory for None.

    With ``write=False`` it is only read, and nothing is made: another process may write meanwhile.

    Raises:
        WorkspaceError: a place that cannot be written, is in use, or holds something else.
    """
    if workspace is None:
        return MemoryStore()
    from prunelab.lab.store.disk import DiskStore

    return DiskStore(checked_folder(workspace), write=write)


def checked_folder(workspace: object) -> Path:
    """``workspace`` as a path.

    Raises:
        OptionError: what names no folder.
    """
    if not isinstance(workspace, (str, os.PathLike)) or not os.fspath(workspace):
        raise OptionError(f"workspace is {shown(workspace)}; give a folder, such as 'runs/digits'")
    return Path(workspace)
