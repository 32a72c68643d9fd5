"""The arrays of a history: each once, in a chunk, whole or as a patch of a whole one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prunelab.errors import WorkspaceError
from prunelab.lab.snapshot import Change, digest_of
from prunelab.lab.store import chunks, rows
from prunelab.lab.store.base import Array
from prunelab.lab.store.database import Database
from prunelab.lab.store.files import write_synced
from prunelab.lab.store.patches import patch, patched

CHUNKS, INCOMING = "chunks", "incoming"


@dataclass(frozen=True)
class Written:
    """Arrays that are on disk, and in no table yet: the size of each chunk, the chunk of each array, and the array that
    it is a patch of."""

    sizes: Mapping[str, int]
    places: Mapping[str, str]
    bases: Mapping[str, str | None]

    def insert(self, db: sqlite3.Connection) -> None:
        """Put them into the tables, where what they are patches of is; those that are there get a new place."""
        numbers = {name: rows.insert_chunk(db, bytes.fromhex(name), size) for name, size in self.sizes.items()}
        for digest, chunk in self.places.items():
            base = self.bases[digest]
            root = None if base is None else number_of(db, base)
            rows.insert_array(db, bytes.fromhex(digest), numbers[chunk], root)


class Arrays:
    """Reads arrays by their digest, and writes those that are new."""

    def __init__(self, db: Database) -> None:
        self._db, self.folder = db, db.folder / CHUNKS

    def get(self, digest: str) -> Array:
        """The array of that digest, whose bytes were checked."""
        path, array = self._read(digest)
        if digest_of(array) != digest:
            raise chunks.not_what_was_recorded(path)
        array.setflags(write=False)
        return array

    def readable(self, digest: str) -> bool:
        """Whether the array of that digest is there, undamaged."""
        try:
            self.get(digest)
        except WorkspaceError:
            return False
        return True

    def _read(self, digest: str, *, whole: bool = False) -> tuple[Path, Array]:
        """The chunk that an array is in, and the array; of a patch ``whole`` is not."""
        path, parts, base = self._found(digest)
        if whole and base is not None:
            raise self._nowhere(digest)
        try:
            return path, parts[""] if base is None else patched(self._read(base, whole=True)[1], parts)
        except (KeyError, ValueError, IndexError) as error:
            raise chunks.not_what_was_recorded(path) from error

    def _found(self, digest: str) -> tuple[Path, chunks.Parts, str | None]:
        """The chunk of an array, what it holds of it, and the array that this is a patch of."""
        before = None
        while True:
            found = self._db.one("SELECT chunks.digest, chunks.size, bases.digest FROM arrays JOIN chunks "
                                 "ON chunks.number = arrays.chunk LEFT JOIN arrays AS bases "
                                 "ON bases.number = arrays.base WHERE arrays.digest = ?", bytes.fromhex(digest))
            if found is None:
                raise self._nowhere(digest)
            chunk, size, base = found
            path = chunks.path_of(self.folder, chunk.hex())
            try:
                return path, chunks.read_parts(path, size, digest), None if base is None else base.hex()
            except WorkspaceError:
                if chunk == before:
                    raise
                before = chunk  # the writer may have moved the array into another chunk meanwhile

    def _nowhere(self, digest: str) -> WorkspaceError:
        return WorkspaceError(f"{self._db.path} does not say where the array {digest[:12]} is: it is damaged; "
                              "states without this array can still be opened")

    def places(self) -> dict[str, str]:
        """The chunk that each array is in."""
        return {array.hex(): chunk.hex() for array, chunk in self._db.read(
            "SELECT arrays.digest, chunks.digest FROM arrays JOIN chunks ON chunks.number = arrays.chunk")}

    def chunk_files(self) -> list[tuple[str, int]]:
        """Each chunk and its size in bytes."""
        return [(digest.hex(), size) for digest, size in self._db.read("SELECT digest, size FROM chunks")]

    def root_of(self, digest: str) -> str | None:
        """The digest of the whole array that a patch of this one would be of; None where this one is not stored."""
        found = self._db.one("SELECT bases.digest FROM arrays LEFT JOIN arrays AS bases ON bases.number = arrays.base "
                             "WHERE arrays.digest = ?", bytes.fromhex(digest))
        return None if found is None else digest if found[0] is None else found[0].hex()

    def write(self, fresh: Mapping[str, Change]) -> Written:
        """Write those that are not there, or are damaged; they are on disk, and synced, when this returns."""
        stored = {}
        for digest, change in fresh.items():
            if self.root_of(digest) is None:
                stored[digest] = self._parts(change)
            elif not self.readable(digest):
                stored[digest] = {"": change.array}, None
        with self._db.told("written"):
            files, places = chunks.packed({digest: parts for digest, (parts, _) in stored.items()})
            write_synced(self.folder, {f"{name}.safetensors": content for name, content in files.items()},
                         self._db.folder / INCOMING)
        bases = {digest: base for digest, (_, base) in stored.items()}
        return Written({name: len(content) for name, content in files.items()}, places, bases)

    def _parts(self, change: Change) -> tuple[chunks.Parts, str | None]:
        """How an array is stored: whole, or as a patch of a whole one."""
        base = None if change.base is None else self.root_of(change.base)
        # a base that cannot be read is no base
        with contextlib.suppress(WorkspaceError):
            if base is not None and change.base_array is not None:
                root = change.base_array if base == change.base else self.get(base)
                parts = patch(change.array, root)
                if parts is not None:
                    return parts, base
        return {"": change.array}, None


def number_of(db: sqlite3.Connection, digest: str) -> int:
    """The number of an array in the tables."""
    found = db.execute("SELECT number FROM arrays WHERE digest = ?", (bytes.fromhex(digest),)).fetchone()
    if found is None:
        raise sqlite3.DatabaseError(f"the array {digest[:12]} is not there")
    return int(found[0])
