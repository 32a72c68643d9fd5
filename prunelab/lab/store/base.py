"""What a store is: it keeps states as plain data, and a state exists from the moment `Store.add` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from prunelab.lab.snapshot import Change, Snapshot

Array = np.ndarray[Any, Any]
Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A state on its way into a store: what is told of it (but ``stored_bytes``, where the store finds that out), its
    plan as JSON data, its bits (None where they were let go), and the arrays that are new.

    ``identity`` comes with the first state: the dense model's plan and the Lab's seed.
    """

    facts: Facts
    plan: Mapping[str, Any]
    bits: Snapshot | None
    fresh: Mapping[str, Change] = field(default_factory=dict)
    identity: Mapping[str, Any] | None = None

    @property
    def number(self) -> int:
        """The number in the state's id."""
        return int(self.facts["id"][1:])


@dataclass(frozen=True)
class Name:
    """A name that a person gave: a "tag" of one state, or a "branch", which begins at ``state``."""

    name: str
    kind: str
    state: str


class Store(Protocol):
    """Keeps states as plain data. What came before `add` returned may be lost; nothing after it is."""

    name: str

    @property
    def folder(self) -> Path | None:
        """Where it is kept, as a full path, since a process may change its folder; None in memory."""

    def identity(self) -> dict[str, Any] | None:
        """What the first state was added with; None where there is no state."""

    def next_number(self) -> int:
        """The number of the next state: one that no state had."""

    def add(self, entry: Entry) -> int:
        """Add a state and make it the current one: both or neither; the bytes that its arrays took."""

    def move(self, state: str, branch: str) -> None:
        """Make another state and branch the current ones."""

    def current(self) -> tuple[str, str]:
        """The id of the current state and the current branch; empty where there is none."""

    def states(self) -> Sequence[Facts]:
        """The facts of all states, in the order in which they were added."""

    def plan(self, state: str) -> Mapping[str, Any]:
        """The plan of a state, as JSON data."""

    def snapshot(self, state: str) -> Snapshot | None:
        """The bits of a state; None where they were let go."""

    def get(self, digest: str) -> Array:
        """The array of that digest; not to be written to."""

    def names(self) -> Sequence[Name]:
        """The names that were given."""

    def set_name(self, name: Name) -> None:
        """Give a name, or give it to another state; a branch that is named becomes the current one."""

    def drop_name(self, name: str) -> None:
        """Take a name back."""

    def forget(self, states: Sequence[str], bits: Sequence[str]) -> None:
        """Forget ``states`` as a whole, and the bits of the states in ``bits``."""

    def close(self) -> None:
        """Let go of files."""
