"""`salvage`: of a history whose database and copy are both damaged, what is left, as a new workspace.

Every row of a state has its digest, and every array its own: so what is taken over is what was written, wherever it was
found. Of a state whose arrays are gone its record stays, as of one that was thinned out.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import WorkspaceError
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import Change, Snapshot, digest_of
from prunelab.lab.store import checked_folder, chunks
from prunelab.lab.store.arrays import CHUNKS
from prunelab.lab.store.base import Array, Entry, Name
from prunelab.lab.store.connection import COPY, DATABASE
from prunelab.lab.store.disk import DiskStore
from prunelab.lab.store.patches import patched
from prunelab.lab.store.plans import join_plan, unpack
from prunelab.lab.store.rescue import Rows, numbered_rows, other_rows, rescued
from prunelab.lab.store.rows import check_of
from prunelab.render.numbers import counted


@dataclass(frozen=True)
class Salvaged:
    """What `salvage` saved: the ids of the ``states``, of those ``without_weights``, and of those whose parent is lost,
    which now stand ``under_first``, the first state."""

    workspace: str
    states: tuple[str, ...]
    without_weights: tuple[str, ...] = ()
    under_first: tuple[str, ...] = ()

    def __repr__(self) -> str:
        told = [f"{counted(len(self.states), 'state')} saved in {self.workspace}"]
        if self.without_weights:
            told.append(f"the weights of {', '.join(self.without_weights)} are lost")
        if self.under_first:
            told.append(f"the parents of {', '.join(self.under_first)} are lost: they stand under {self.states[0]}")
        return "; ".join(told)


@dataclass
class Found:
    """The rows of both files, merged: what one has lost, the other may have."""

    states: Rows = field(default_factory=dict)
    shared: Rows = field(default_factory=dict)
    arrays: Rows = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)

    def add(self, db: sqlite3.Connection) -> None:
        """What can be read of one more file; each row only where its digest is its own."""
        for row in numbered_rows(db, "states").values():
            if check_of(row[:-1]) == row[-1]:
                self.states.setdefault(row[0], row)
        for row in numbered_rows(db, "shared").values():
            if isinstance(row[2], bytes) and hashlib.sha256(row[2]).digest() == row[1]:
                self.shared.setdefault(row[0], row)
        for number, row in numbered_rows(db, "arrays").items():
            self.arrays.setdefault(number, row)
        for key, value in other_rows(db, "SELECT key, value FROM meta"):
            self.meta.setdefault(str(key), str(value))
        for name, kind, number in other_rows(db, "SELECT name, kind, state FROM names"):
            self.names.setdefault(str(name), Name(str(name), str(kind), f"s{number}"))

    def unpacked(self, number: int) -> Any:
        """What many states share."""
        return unpack(self.shared[number][2])

    def identity(self, first: Mapping[str, Any], plan: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the history is of: as it was written, or told by its dense model."""
        told = self.meta.get("identity", "")
        if hashlib.sha256(told.encode()).hexdigest() == self.meta.get("identity.check"):
            found: dict[str, Any] = json.loads(told)
            return found
        return {"plan": plan, "seed": first["seed"]}


class Chunks:
    """The arrays of a folder of chunks, found by their names there, whatever a database says."""

    def __init__(self, folder: Path, arrays: Rows) -> None:
        self._at: dict[str, list[Path]] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if chunks.OURS.fullmatch(path.name) and path.is_file():
                for name in chunks.names_in(path):
                    self._at.setdefault(name, []).append(path)
        digests = {number: row[1].hex() for number, row in arrays.items() if isinstance(row[1], bytes)}
        self._bases = {digests[number]: digests.get(row[3]) for number, row in arrays.items() if number in digests}
        self.digests = digests

    def base_of(self, digest: str) -> str | None:
        """The whole array that this one is a patch of."""
        return self._bases.get(digest)

    def get(self, digest: str) -> Array | None:
        """The array of that digest; None where it is damaged or gone."""
        for path in self._at.get(digest, ()):
            with contextlib.suppress(WorkspaceError, KeyError, ValueError, IndexError):
                parts = chunks.read_parts(path, path.stat().st_size, digest)
                base = None if "" in parts else self.get(self._bases[digest] or "")
                array = parts[""] if "" in parts else patched(np.empty(0) if base is None else base, parts)
                if digest_of(array) == digest:
                    return array
        return None


def salvage(workspace: str | os.PathLike[str], target: str | os.PathLike[str]) -> Salvaged:
    """Save what can be read of a damaged history into ``target``, a folder that is not there yet.

    ``workspace`` is left as it is. Of states whose arrays are lost the record stays: plan, metrics, line.

    Raises:
        WorkspaceError: nothing can be saved; a ``target`` that is there already, or cannot be written.
    """
    folder, new = checked_folder(workspace), checked_folder(target)
    if new.exists() and (not new.is_dir() or any(new.iterdir())):
        raise WorkspaceError(f"{new} is there already; give a folder that is not")
    found = Found()
    for name, other in ((DATABASE, COPY), (COPY, DATABASE)):
        with rescued(folder / name, folder / other) as db:
            if db is not None:
                found.add(db)
    if not found.states:
        raise WorkspaceError(f"nothing can be saved of {folder}: no state can be read in {DATABASE} or in {COPY}; "
                             "restore the folder from a backup")
    source = Chunks(folder / CHUNKS, found.arrays)
    store = DiskStore(new)
    try:
        saved = _saved(found, source, store)
    except BaseException:
        store.close()
        shutil.rmtree(new, ignore_errors=True)
        raise
    store.close()
    return saved


def _saved(found: Found, source: Chunks, store: DiskStore) -> Salvaged:
    saved: list[str] = []
    without, under = [], []
    for _, row in sorted(found.states.items()):
        read = _read(found, row)
        if read is None:
            continue
        facts, plan = read
        bits, fresh = _bits(found, source, store, row)
        if saved and facts["parent"] not in saved:
            under.append(facts["id"])
            facts["parent"] = saved[0]
        identity = None if saved else found.identity(facts, plan)
        store.add(Entry(facts={**facts, "parent": facts["parent"] if saved else None}, plan=plan, bits=bits,
                        fresh=fresh, identity=identity))
        saved.append(facts["id"])
        without += [] if bits is not None else [facts["id"]]
    if not saved or len(without) == len(saved):
        raise WorkspaceError(f"nothing can be saved: of {counted(len(found.states), 'state')} that can be read none "
                             "has its plan and its arrays; restore the folder from a backup")
    for name in found.names.values():
        if name.state in saved and name.kind in ("tag", "branch"):
            store.set_name(name)
    whole = [state for state in saved if state not in without]
    current, branch = found.meta.get("current", ""), found.meta.get("branch", "main")
    store.move(current if current in whole else whole[-1], branch)
    return Salvaged(store.name, tuple(saved), tuple(without), tuple(under))


def _read(found: Found, row: tuple[Any, ...]) -> tuple[dict[str, Any], Mapping[str, Any]] | None:
    """What is told of a state, and its plan; None where a part of it that it shares with others is lost."""
    try:
        plan = join_plan(found.shared[row[4]][2], row[3])
    except (KeyError, ValueError):
        return None
    facts = json.loads(row[1])
    facts["versions"] = found.unpacked(row[2]) if row[2] in found.shared else {}
    del facts["stored_bytes"]
    return facts, plan


def _bits(found: Found, source: Chunks, store: DiskStore, row: tuple[Any, ...]) -> tuple[Snapshot | None,
                                                                                        dict[str, Change]]:
    """The bits of a state and the arrays of them that are not saved yet; none where one is lost."""
    try:
        named = found.unpacked(row[7])
        digests = [source.digests[number] for number in np.frombuffer(row[6], "<i4").tolist()]
        random = json.loads(row[5])
        drawn = {key: _needed(source, digest) for key, digest in random["arrays"].items()}
        fresh = {digest: _change(source, digest) for digest in digests if store.arrays.root_of(digest) is None}
    except (KeyError, TypeError, ValueError):
        return None, {}
    tensors = dict(zip(named, digests, strict=True))
    return Snapshot(tensors, RandomState(random["seed"], drawn, random["check"])), fresh


def _change(source: Chunks, digest: str) -> Change:
    base = source.base_of(digest)
    return Change(_needed(source, digest), base, None if base is None else source.get(base))


def _needed(source: Chunks, digest: str) -> Array:
    array = source.get(digest)
    if array is None:
        raise KeyError(digest)
    return array
