"""Giving space back: arrays that no state needs any more, chunks that hold little else, chunks nobody knows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping

from prunelab.lab.store import chunks, rows
from prunelab.lab.store.arrays import INCOMING
from prunelab.lab.store.chunks import OURS
from prunelab.lab.store.disk import DiskStore
from prunelab.lab.store.files import write_synced


def vacuum(store: DiskStore) -> None:
    """Take what no state needs off the disk. A crash on the way loses nothing: what is needed is written first."""
    needed = _needed(store)
    held: dict[str, set[str]] = {name: set() for name, _ in store.arrays.chunk_files()}
    for array, chunk in store.arrays.places().items():
        held[chunk].add(array)
    sizes = dict(store.arrays.chunk_files())
    moving = {}
    for chunk, arrays in held.items():
        live, path = arrays & needed, chunks.path_of(store.arrays.folder, chunk)
        damaged = bool(live) and bool(chunks.damage(path, chunk, sizes[chunk]))
        if damaged and not all(map(store.arrays.readable, live)):
            continue  # it stays as it is
        if live and (damaged or live != arrays):
            moving.update({array: chunks.read_parts(path, sizes[chunk], array) for array in live})
    files, places = chunks.packed(moving)
    write_synced(store.arrays.folder, {f"{name}.safetensors": content for name, content in files.items()},
                 store.folder / INCOMING)
    store.change(lambda db: _forget(db, needed, {name: len(content) for name, content in files.items()}, places))
    known = {f"{name}.safetensors" for name, _ in store.arrays.chunk_files()}
    for name in os.listdir(store.arrays.folder):
        path = store.arrays.folder / name
        if OURS.fullmatch(name) and name not in known and path.is_file() and not path.is_symlink():
            path.unlink()
    store.shrink()


def _needed(store: DiskStore) -> set[str]:
    return {digest for facts in store.states() for digest in store.digests_of(facts["id"])}


def _forget(db: sqlite3.Connection, needed: set[str], sizes: Mapping[str, int], places: Mapping[str, str]) -> None:
    numbers = {name: rows.insert_chunk(db, bytes.fromhex(name), size) for name, size in sizes.items()}
    for array, chunk in places.items():
        db.execute("UPDATE arrays SET chunk = ? WHERE digest = ?", (numbers[chunk], bytes.fromhex(array)))
    gone = [number for number, digest in db.execute("SELECT number, digest FROM arrays")
            if digest.hex() not in needed]
    db.executemany("DELETE FROM arrays WHERE number = ?", [(number,) for number in gone])
    db.execute("DELETE FROM chunks WHERE number NOT IN (SELECT chunk FROM arrays)")
    db.execute("DELETE FROM shared WHERE number NOT IN (SELECT versions FROM states UNION SELECT plan_shared FROM "
               "states UNION SELECT tensor_names FROM states WHERE tensor_names IS NOT NULL)")

