"""The store on disk: SQLite for the tree, chunks of safetensors for the arrays.

A state exists when its row is committed. Before that its chunks are written beside, synced, renamed to the digest of
what they hold, and their folder synced: so a crash or a full disk at any instant loses at most the state being written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import StateError, WorkspaceError
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import Change, Snapshot, digest_of
from prunelab.lab.store import chunks, rows
from prunelab.lab.store.base import Array, Entry, Facts, Name
from prunelab.lab.store.database import DATABASE, Database, mend, set_meta
from prunelab.lab.store.files import make_folders, write_synced
from prunelab.lab.store.lock import WriterLock
from prunelab.lab.store.migration import migrate
from prunelab.lab.store.patches import patch, patched
from prunelab.lab.store.plans import join_plan, pack, split_plan, unpack

CHUNKS, INCOMING = "chunks", "incoming"


class DiskStore:
    """A history in a folder; the same folder opened again goes on with it."""

    def __init__(self, folder: Path, *, write: bool = True, database: str = DATABASE) -> None:
        self.name, self.folder = str(folder), folder
        self.chunks = folder / CHUNKS
        self._lock: WriterLock | None = None
        self._lost = ""
        if write:
            self._prepare()
        elif not (folder / database).is_file():
            raise WorkspaceError(f"{folder} holds no history; a Lab makes one: pl.Lab(model, workspace="
                                 f"{str(folder)!r})")
        try:
            if write:
                self._mend()
            self._db = Database(folder, write=write, file=database)
            if self._db.prepare() == 1:
                migrate(self._db, self.chunks)
            if write:
                self._db.keep_copy()
        except BaseException:
            self._release()
            raise

    def _prepare(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise WorkspaceError(f"the workspace {self.folder} is a file; give a folder")
        try:
            make_folders(self.folder, self.chunks, self.folder / INCOMING)
            self._lock = WriterLock(self.folder, self._on_lost)
            weakref.finalize(self, self._lock.release)
            for left in (self.folder / INCOMING).glob("*.part"):  # by a process that was killed
                left.unlink()
        except OSError as error:
            self._release()
            raise WorkspaceError(f"the workspace {self.folder} cannot be made or written: {error.strerror}; choose a "
                                 f"folder that can be, or look on with pl.Lab.watch({self.name!r})") from error

    def _mend(self) -> None:
        wrong = mend(self.folder)
        if wrong:
            warnings.warn(f"{self.folder / DATABASE} was damaged ({wrong}); the history goes on from its copy, and the "
                          "damaged file is prunelab.damaged.sqlite", RuntimeWarning, stacklevel=5)

    def _on_lost(self) -> None:
        self._lost = (f"the workspace {self.folder} was opened again by a newer Lab of this process, which writes now; "
                      "go on with that one")

    # arrays

    def get(self, digest: str) -> Array:
        """The array of that digest, whose bytes were checked."""
        path, array = self._read(digest)
        if digest_of(array) != digest:
            raise chunks.not_what_was_recorded(path)
        array.setflags(write=False)
        return array

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
            path = chunks.path_of(self.chunks, chunk.hex())
            try:
                return path, chunks.read_parts(path, size, digest), None if base is None else base.hex()
            except WorkspaceError:
                if chunk == before:
                    raise
                before = chunk  # the writer may have moved the array into another chunk meanwhile

    def _nowhere(self, digest: str) -> WorkspaceError:
        return WorkspaceError(f"{self.folder / DATABASE} does not say where the array {digest[:12]} is: it is damaged; "
                              "states without this array can still be opened")

    def places(self) -> dict[str, str]:
        """The chunk that each array is in."""
        return {array.hex(): chunk.hex() for array, chunk in self._db.read(
            "SELECT arrays.digest, chunks.digest FROM arrays JOIN chunks ON chunks.number = arrays.chunk")}

    def chunk_files(self) -> list[tuple[str, int]]:
        """Each chunk and its size in bytes."""
        return [(digest.hex(), size) for digest, size in self._db.read("SELECT digest, size FROM chunks")]

    def digests_of(self, state: str) -> set[str]:
        """The arrays that a state needs: its tensors' and its random states', and the whole ones they are patches
        of."""
        random, tensors = self._row("random, tensors", state)
        if tensors is None:
            return set()
        found = {*self._digests(np.frombuffer(tensors, "<i4").tolist()), *json.loads(random)["arrays"].values()}
        return found | {root for digest in found if (root := self.root_of(digest)) is not None}

    def root_of(self, digest: str) -> str | None:
        """The digest of the whole array that a patch of this one would be of; None where this one is not stored."""
        found = self._db.one("SELECT bases.digest FROM arrays LEFT JOIN arrays AS bases ON bases.number = arrays.base "
                             "WHERE arrays.digest = ?", bytes.fromhex(digest))
        return None if found is None else digest if found[0] is None else found[0].hex()

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

    # the tree

    def identity(self) -> dict[str, Any] | None:
        """What the first state was added with."""
        found = self._meta("identity")
        return json.loads(found) if found else None

    def _meta(self, key: str) -> str:
        found = self._db.one("SELECT value FROM meta WHERE key = ?", key)
        return "" if found is None else str(found[0])

    def next_number(self) -> int:
        """The number of the next state."""
        return int(self._meta("n_made") or 0)

    def add(self, entry: Entry) -> int:
        """Add a state and make it the current one, in one transaction."""
        self._may_write()
        bits = entry.bits
        random, drawn = (None, {}) if bits is None else _split_random(bits.random)
        fresh = {**entry.fresh, **drawn}
        unknown = {d: c for d, c in fresh.items() if self.root_of(d) is None}
        stored = {digest: self._parts(change) for digest, change in unknown.items()}
        with self._db.told("written"):
            files, places = chunks.packed({digest: parts for digest, (parts, _) in stored.items()})
            write_synced(self.chunks, {f"{name}.safetensors": content for name, content in files.items()},
                         self.folder / INCOMING)
        plan_shared, plan = split_plan(entry.plan)
        stored_bytes = sum(map(len, files.values()))
        facts = {"stored_bytes": stored_bytes, **entry.facts}
        versions = facts.pop("versions")
        tensors = {} if bits is None else {name: bytes.fromhex(d) for name, d in bits.tensors.items()}

        def insert(db: sqlite3.Connection) -> None:
            sizes = {name: rows.insert_chunk(db, bytes.fromhex(name), len(content)) for name, content in files.items()}
            for digest, (_, base) in sorted(stored.items(), key=lambda item: item[1][1] is not None):
                root = None if base is None else _number(db, bytes.fromhex(base))
                rows.insert_array(db, bytes.fromhex(digest), sizes[places[digest]], root)
            numbers = np.array([_number(db, digest) for digest in tensors.values()], "<i4").tobytes()
            named = (None, None) if bits is None else (numbers, rows.insert_shared(db, pack(list(tensors))))
            rows.insert_state(db, (entry.number, json.dumps(facts), rows.insert_shared(db, pack(versions)), plan,
                                   rows.insert_shared(db, plan_shared), random, *named))
            if entry.identity is not None:
                identity = json.dumps(entry.identity)
                set_meta(db, "identity", identity)
                set_meta(db, "identity.check", hashlib.sha256(identity.encode()).hexdigest())
            set_meta(db, "n_made", str(entry.number + 1))
            _set_current(db, entry.facts["id"], entry.facts["branch"])

        self._db.change(insert)
        return stored_bytes

    def move(self, state: str, branch: str) -> None:
        """Make another state and branch the current ones."""
        self._may_write()
        self._db.change(lambda db: _set_current(db, state, branch))

    def _may_write(self) -> None:
        if self._lost:
            raise WorkspaceError(self._lost)

    def current(self) -> tuple[str, str]:
        """The id of the current state, and the current branch."""
        state, branch = self._meta("current"), self._meta("branch")
        return state, branch

    def states(self) -> Sequence[Facts]:
        """The facts of all states."""
        shared: dict[int, Any] = {}
        found = []
        for facts, versions in self._db.read("SELECT facts, versions FROM states ORDER BY number"):
            if versions not in shared:
                shared[versions] = self._told(unpack, self._shared(versions))
            found.append({**json.loads(facts), "versions": shared[versions]})
        return found

    def _told(self, read: Callable[..., Any], *packed: bytes) -> Any:
        try:
            return read(*packed)
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(f"{self.folder / DATABASE} cannot be read: {error}; prunelab doctor {self.folder} "
                                 "tells what is damaged") from error

    def _shared(self, number: int) -> bytes:
        value: bytes = self._db.one("SELECT value FROM shared WHERE number = ?", number)[0]
        return value

    def plan(self, state: str) -> Mapping[str, Any]:
        """The plan of a state."""
        plan, shared = self._row("plan, plan_shared", state)
        return self._told(join_plan, self._shared(shared), plan)

    def snapshot(self, state: str) -> Snapshot | None:
        """The bits of a state; None where they were let go."""
        random, tensors, names = self._row("random, tensors, tensor_names", state)
        if tensors is None:
            return None
        numbers = np.frombuffer(tensors, "<i4").tolist()
        named = zip(self._told(unpack, self._shared(names)), self._digests(numbers), strict=True)
        return Snapshot(dict(named), self._joined_random(random))

    def _row(self, columns: str, state: str) -> Any:
        found = self._db.one(f"SELECT {columns} FROM states WHERE number = ?", int(state[1:]))
        if found is None:
            raise StateError(f"the state {state} is not in {self.folder}")
        return found

    def _digests(self, numbers: Sequence[int]) -> list[str]:
        known = {number: self._db.one("SELECT digest FROM arrays WHERE number = ?", number) for number in set(numbers)}
        return [known[number][0].hex() for number in numbers]

    def _joined_random(self, told: str) -> RandomState:
        found = json.loads(told)
        arrays = {key: self.get(digest) for key, digest in found["arrays"].items()}
        return RandomState(found["seed"], arrays, found["check"])

    # names

    def names(self) -> Sequence[Name]:
        """The names that were given."""
        return [Name(name, kind, f"s{number}") for name, kind, number in
                self._db.read("SELECT name, kind, state FROM names ORDER BY rowid")]

    def set_name(self, name: Name) -> None:
        """Give a name."""
        self._may_write()

        def give(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO names VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, "
                       "state = excluded.state", (name.name, name.kind, int(name.state[1:])))
            if name.kind == "branch":
                _set_current(db, name.state, name.name)

        self._db.change(give)

    def drop_name(self, name: str) -> None:
        """Take a name back."""
        self._may_write()
        self._db.change(lambda db: db.execute("DELETE FROM names WHERE name = ?", (name,)))

    def forget(self, states: Sequence[str], bits: Sequence[str]) -> None:
        """Forget states, and the bits of others. The arrays stay on disk until `vacuum`."""
        self._may_write()

        def delete(db: sqlite3.Connection) -> None:
            for state in states:
                db.execute("DELETE FROM states WHERE number = ?", (int(state[1:]),))
                db.execute("DELETE FROM names WHERE state = ?", (int(state[1:]),))
            for state in bits:
                rows.let_go_of_bits(db, int(state[1:]))

        self._db.change(delete)

    # the folder as a whole

    def change(self, do: Callable[[sqlite3.Connection], None]) -> None:
        """Change the database in one transaction."""
        self._may_write()
        self._db.change(do)

    def snapshot_database(self, path: Path) -> None:
        """Write the database as it is now into another file, which stands alone."""
        self._db.backup(path)

    def shrink(self) -> None:
        """Give the space of deleted rows back."""
        self._db.shrink()

    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def close(self) -> None:
        """Let go of the database, and let others write."""
        self._db.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _set_current(db: sqlite3.Connection, state: str, branch: str) -> None:
    set_meta(db, "current", state)
    set_meta(db, "branch", branch)


def _number(db: sqlite3.Connection, digest: bytes) -> int:
    found = db.execute("SELECT number FROM arrays WHERE digest = ?", (digest,)).fetchone()
    if found is None:
        raise sqlite3.DatabaseError(f"the array {digest.hex()[:12]} is not there")
    return int(found[0])


def _split_random(random: RandomState) -> tuple[str, dict[str, Change]]:
    """What is told of the random states, and the arrays of those that were drawn from."""
    digests = {key: digest_of(array) for key, array in random.arrays.items()}
    told = {"seed": random.seed, "arrays": digests, "check": random.check}
    return json.dumps(told), {digests[key]: Change(array) for key, array in random.arrays.items()}
