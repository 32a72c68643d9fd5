"""Files that are on disk, whole and synced, or not there at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from prunelab.graph.interrupts import Uninterrupted


def write_synced(folder: Path, files: Mapping[str, bytes], incoming: Path) -> None:
    """Write files under names that tell their content; those that are there already, whole, are left alone.

    Each is written and synced beside, then renamed; when this returns, the names are synced too.
    """
    missing = {name: content for name, content in files.items() if not _holds(folder / name, content)}
    for name, content in missing.items():
        with written_beside(content, incoming) as temporary:
            os.replace(temporary, folder / name)
    if files:  # also for one that was there: an attempt that failed may have renamed it, and not synced its name
        sync_folder(folder)


@contextlib.contextmanager
def written_beside(content: bytes, folder: Path) -> Iterator[Path]:
    """A temporary file that holds ``content``, synced; what is not renamed inside is gone afterwards."""
    with contextlib.ExitStack() as stack:
        with Uninterrupted():  # between making the file and knowing its name nobody could take it away
            handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
            stack.callback(_unlink, name)
            file = stack.enter_context(os.fdopen(handle, "wb", buffering=0))
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest):]
        os.fsync(handle)
        file.close()
        yield Path(name)


def _unlink(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable; Windows cannot open folders, and needs no such call."""
    if os.name == "nt":
        return
    with Uninterrupted():
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_folders(*folders: Path) -> None:
    """Make folders that are not there, and make their names durable."""
    for folder in folders:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)


def _holds(path: Path, content: bytes) -> bool:
    try:
        with Uninterrupted():  # as in `chunks`
            return os.stat(path).st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False
