"""A history as one zip file, to hand to somebody else; and back, believing nothing that the file says.

Entries are stored and not compressed: safetensors hardly compress, and what comes out is no larger than the archive.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from prunelab.errors import WorkspaceError, reason_of
from prunelab.graph.interrupts import Uninterrupted
from prunelab.lab.snapshot import Change
from prunelab.lab.store import chunks
from prunelab.lab.store.arrays import CHUNKS
from prunelab.lab.store.base import Entry, Store
from prunelab.lab.store.connection import DATABASE
from prunelab.lab.store.disk import DiskStore
from prunelab.lab.store.doctor import doctor
from prunelab.lab.store.files import sync_folder

_NAMES = re.compile(rf"{re.escape(DATABASE)}|{CHUNKS}/[0-9a-f]{{64}}\.safetensors")


def write_archive(store: Store, path: Path) -> None:
    """Write a whole history into a zip file, which appears whole or not at all.

    Raises:
        WorkspaceError: a place that cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory() as folder, _beside(path) as temporary:
            source = store if isinstance(store, DiskStore) else _on_disk(store, Path(folder) / "run")
            try:
                _write(source, Path(folder) / DATABASE, temporary)
            finally:
                if source is not store:
                    source.close()
            os.replace(temporary, path)
            sync_folder(path.parent)
    except OSError as error:
        raise WorkspaceError(f"the archive {path} cannot be written: {error.strerror or error}; choose a folder that "
                             "exists and can be written") from error


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    name = ""
    try:
        with Uninterrupted():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
            os.close(handle)
        os.chmod(name, 0o644)  # a temporary file is its owner's alone; an archive is to be read by others
        yield Path(name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _write(store: DiskStore, snapshot: Path, target: Path) -> None:
    store.snapshot_database(snapshot)
    with open(target, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.write(snapshot, DATABASE)
            for name, _ in store.arrays.chunk_files():
                archive.write(chunks.path_of(store.arrays.folder, name), f"{CHUNKS}/{name}.safetensors")
        file.flush()
        os.fsync(file.fileno())


def _on_disk(store: Store, folder: Path) -> DiskStore:
    """The same history in a folder."""
    copied = DiskStore(folder)
    for facts in store.states():
        bits = store.snapshot(facts["id"])
        fresh = {} if bits is None else {digest: Change(store.get(digest)) for digest in bits.tensors.values()}
        first = facts["parent"] is None
        copied.add(Entry(facts=facts, plan=store.plan(facts["id"]), bits=bits, fresh=fresh,
                         identity=store.identity() if first else None))
    for name in store.names():
        copied.set_name(name)
    copied.move(*store.current())
    return copied


def read_archive(path: Path, workspace: Path) -> None:
    """Unpack an archive into a folder that is not there yet, or is empty; whole and checked, or not at all.

    Raises:
        WorkspaceError: no archive of a history, one that is damaged, or that holds what none of ours does; a folder
            that is in use.
    """
    if workspace.exists() and (not workspace.is_dir() or any(workspace.iterdir())):
        raise WorkspaceError(f"the workspace {workspace} is not empty; give a folder that is not there yet")
    try:
        workspace.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=workspace.parent, prefix=f".{workspace.name}.") as folder:
            unpacked = Path(folder) / "run"
            _unpack(path, unpacked)
            found = doctor(unpacked)
            # the copy is not in the archive: it is made again
            bad = [problem for problem in found.problems if problem.states or problem.place.startswith(CHUNKS)]
            if bad:
                raise WorkspaceError(f"the archive {path} is damaged: {bad[0].place}: {bad[0].what}; get it again")
            if workspace.exists():
                workspace.rmdir()
            os.rename(unpacked, workspace)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or reason_of(error)
        raise WorkspaceError(f"the archive {path} cannot be read: {why}; archives are written by "
                             "lab.archive") from error


def _unpack(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check(entries, path)
        (folder / CHUNKS).mkdir(parents=True)
        for entry in entries:
            with archive.open(entry) as source, open(folder / entry.filename, "xb") as target:
                shutil.copyfileobj(source, target)


def _check(entries: list[zipfile.ZipInfo], path: Path) -> None:
    """Refuse names that lead elsewhere, and entries that come out larger than they are."""
    names = [entry.filename for entry in entries]
    odd = next((name for name in names if not _NAMES.fullmatch(name)), None)
    if odd is not None:
        raise WorkspaceError(f"the archive {path} holds {odd!r}, which no history has; it was not written by prunelab")
    if DATABASE not in names or len(set(names)) < len(names):
        raise WorkspaceError(f"the archive {path} lacks {DATABASE}, or holds a file twice; it was not written by "
                             "prunelab")
    packed = next((entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED
                   or entry.file_size != entry.compress_size), None)
    if packed is not None or sum(entry.file_size for entry in entries) > path.stat().st_size:
        why = packed or "its files overlap"
        raise WorkspaceError(f"the archive {path} would unpack to more than its size ({why}); it was not written by "
                             "prunelab")
