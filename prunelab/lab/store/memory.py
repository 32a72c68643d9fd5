"""The store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prunelab.lab.snapshot import Snapshot
from prunelab.lab.store.base import Array, Entry, Facts, Name


class MemoryStore:
    """A history that ends with the process."""

    name = "memory"
    folder: Path | None = None

    def __init__(self) -> None:
        self._identity: dict[str, Any] | None = None
        self._arrays: dict[str, Array] = {}
        self._states: dict[str, Entry] = {}
        self._bits: dict[str, Snapshot] = {}
        self._names: dict[str, Name] = {}
        self._current = ("", "")
        self._n_made = 0

    def identity(self) -> dict[str, Any] | None:
        """What the first state was added with."""
        return self._identity

    def next_number(self) -> int:
        """The number of the next state."""
        return self._n_made

    def add(self, entry: Entry) -> int:
        """Add a state and make it the current one."""
        stored = sum(change.array.nbytes for digest, change in entry.fresh.items() if digest not in self._arrays)
        if entry.identity is not None:
            self._identity = dict(entry.identity)
        for digest, change in entry.fresh.items():
            self._arrays.setdefault(digest, change.array)
        name = entry.facts["id"]
        if entry.bits is not None:
            self._bits[name] = entry.bits
        self._states[name] = replace(entry, facts={"stored_bytes": stored, **entry.facts})
        self._n_made = entry.number + 1
        self._current = (name, entry.facts["branch"])
        return stored

    def move(self, state: str, branch: str) -> None:
        """Make another state and branch the current ones."""
        self._current = (state, branch)

    def current(self) -> tuple[str, str]:
        """The id of the current state, and the current branch."""
        return self._current

    def states(self) -> Sequence[Facts]:
        """The facts of all states."""
        return [entry.facts for entry in self._states.values()]

    def plan(self, state: str) -> Mapping[str, Any]:
        """The plan of a state."""
        return self._states[state].plan

    def snapshot(self, state: str) -> Snapshot | None:
        """The bits of a state."""
        return self._bits.get(state)

    def get(self, digest: str) -> Array:
        """The array of that digest."""
        return self._arrays[digest]

    def names(self) -> Sequence[Name]:
        """The names that were given."""
        return list(self._names.values())

    def set_name(self, name: Name) -> None:
        """Give a name."""
        self._names[name.name] = name
        if name.kind == "branch":
            self._current = (name.state, name.name)

    def drop_name(self, name: str) -> None:
        """Take a name back."""
        del self._names[name]

    def forget(self, states: Sequence[str], bits: Sequence[str]) -> None:
        """Forget states, and the bits of others; arrays that no state needs any more go too."""
        for name in states:
            del self._states[name]
        for name in (*states, *bits):
            self._bits.pop(name, None)
        gone = set(states)
        self._names = {k: v for k, v in self._names.items() if v.state not in gone}
        needed = {digest for bits in self._bits.values() for digest in bits.tensors.values()}
        self._arrays = {digest: array for digest, array in self._arrays.items() if digest in needed}

    def close(self) -> None:
        """Nothing to let go of."""
