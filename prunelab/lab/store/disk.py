"""The store on disk: SQLite for the tree, chunks of safetensors for the arrays.

A state exists when its row is committed. Before that its chunks are written beside, synced, renamed to the digest of
what they hold, and their folder synced: so a crash or a full disk at any instant loses at most the state being written.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import StateError, WorkspaceError
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import Change, Snapshot, digest_of
from prunelab.lab.store import rows
from prunelab.lab.store.arrays import Arrays, number_of
from prunelab.lab.store.base import Array, Entry, Facts, Name
from prunelab.lab.store.connection import DATABASE, set_meta
from prunelab.lab.store.folder import Folder
from prunelab.lab.store.plans import join_plan, pack, split_plan, unpack


class DiskStore:
    """A history in a folder; the same folder opened again goes on with it."""

    def __init__(self, folder: Path, *, write: bool = True, database: str = DATABASE) -> None:
        if not write and not (folder / database).is_file():
            raise WorkspaceError(f"{folder} holds no history; a Lab makes one: pl.Lab(model, "
                                 f"workspace={str(folder)!r})")
        self.name = str(folder)
        self.folder: Path = folder.absolute()
        self._folder = Folder(self.folder, write=write, database=database)
        self._db = self._folder.db
        self.arrays = Arrays(self._db)

    def get(self, digest: str) -> Array:
        """The array of that digest, whose bytes were checked."""
        return self.arrays.get(digest)

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
        newest = self._db.one("SELECT COALESCE(MAX(number), -1) FROM states")[0]
        return max(int(self._meta("n_made") or 0), int(newest) + 1)

    def add(self, entry: Entry) -> int:
        """Add a state and make it the current one, in one transaction."""
        self._folder.check()
        bits = entry.bits
        random, drawn = (None, {}) if bits is None else _split_random(bits.random)
        written = self.arrays.write({**entry.fresh, **drawn})
        stored_bytes = sum(written.sizes.values())
        plan_shared, plan = split_plan(entry.plan)
        facts = {"stored_bytes": stored_bytes, **entry.facts}
        versions = facts.pop("versions")
        tensors = {} if bits is None else bits.tensors

        def insert(db: sqlite3.Connection) -> None:
            written.insert(db)
            numbers = np.array([number_of(db, digest) for digest in tensors.values()], "<i4").tobytes()
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
        self._folder.check()
        self._db.change(lambda db: _set_current(db, state, branch))

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
            raise WorkspaceError(f"{self._db.path} cannot be read: {error}; prunelab doctor {self.folder} "
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

    def digests_of(self, state: str) -> set[str]:
        """The arrays that a state needs: its tensors' and its random states', and the whole ones they are patches
        of."""
        random, tensors = self._row("random, tensors", state)
        if tensors is None:
            return set()
        found = {*self._digests(np.frombuffer(tensors, "<i4").tolist()), *json.loads(random)["arrays"].values()}
        return found | {root for digest in found if (root := self.arrays.root_of(digest)) is not None}

    # names

    def names(self) -> Sequence[Name]:
        """The names that were given."""
        return [Name(name, kind, f"s{number}") for name, kind, number in
                self._db.read("SELECT name, kind, state FROM names ORDER BY rowid")]

    def set_name(self, name: Name) -> None:
        """Give a name."""
        self._folder.check()

        def give(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO names VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, "
                       "state = excluded.state", (name.name, name.kind, int(name.state[1:])))
            if name.kind == "branch":
                _set_current(db, name.state, name.name)

        self._db.change(give)

    def drop_name(self, name: str) -> None:
        """Take a name back."""
        self._folder.check()
        self._db.change(lambda db: db.execute("DELETE FROM names WHERE name = ?", (name,)))

    def forget(self, states: Sequence[str], bits: Sequence[str]) -> None:
        """Forget states, and the bits of others. The arrays stay on disk until `vacuum`."""
        self._folder.check()

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
        self._folder.check()
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
        self._folder.close()


def _set_current(db: sqlite3.Connection, state: str, branch: str) -> None:
    set_meta(db, "current", state)
    set_meta(db, "branch", branch)


def _split_random(random: RandomState) -> tuple[str, dict[str, Change]]:
    """What is told of the random states, and the arrays of those that were drawn from."""
    digests = {key: digest_of(array) for key, array in random.arrays.items()}
    told = {"seed": random.seed, "arrays": digests, "check": random.check}
    return json.dumps(told), {digests[key]: Change(array) for key, array in random.arrays.items()}
