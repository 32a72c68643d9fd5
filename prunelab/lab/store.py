"""Where a Lab keeps its history: the interface, and the store in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from prunelab.errors import OptionError
from prunelab.lab.snapshot import Snapshot

Array = np.ndarray[Any, Any]


class Store(Protocol):
    """Keeps states as plain data. A state exists from the moment `add` returns; what came before it may be lost."""

    name: str

    def identity(self) -> dict[str, Any] | None:
        """What the first state was added with: the model's structure and the seed; None where there is no state."""

    def put(self, digest: str, array: Array) -> None:
        """Keep an array under its digest."""

    def get(self, digest: str) -> Array:
        """The array of that digest; not to be written to."""

    def add(self, facts: Mapping[str, Any], plan: Mapping[str, Any], snapshot: Snapshot,
            identity: Mapping[str, Any] | None = None) -> None:
        """Add a state, whose arrays were put, and make it the current one: both or neither."""

    def move(self, state: str) -> None:
        """Make another state the current one."""

    def current(self) -> str | None:
        """The id of the current state."""

    def states(self) -> Sequence[Mapping[str, Any]]:
        """The facts of all states, in the order in which they were added."""

    def plan(self, state: str) -> Mapping[str, Any]:
        """The plan of a state, as JSON data."""

    def snapshot(self, state: str) -> Snapshot:
        """The bits of a state."""

    def close(self) -> None:
        """Let go of files."""


class MemoryStore:
    """A history that ends with the process."""

    name = "memory"

    def __init__(self) -> None:
        self._identity: dict[str, Any] | None = None
        self._arrays: dict[str, Array] = {}
        self._states: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], Snapshot]] = {}
        self._current: str | None = None

    def identity(self) -> dict[str, Any] | None:
        """What the first state was added with."""
        return self._identity

    def put(self, digest: str, array: Array) -> None:
        """Keep an array under its digest."""
        self._arrays.setdefault(digest, array)

    def get(self, digest: str) -> Array:
        """The array of that digest."""
        return self._arrays[digest]

    def add(self, facts: Mapping[str, Any], plan: Mapping[str, Any], snapshot: Snapshot,
            identity: Mapping[str, Any] | None = None) -> None:
        """Add a state and make it the current one."""
        if identity is not None:
            self._identity = dict(identity)
        self._states[facts["id"]] = (facts, plan, snapshot)
        self._current = facts["id"]

    def move(self, state: str) -> None:
        """Make another state the current one."""
        self._current = state

    def current(self) -> str | None:
        """The id of the current state."""
        return self._current

    def states(self) -> Sequence[Mapping[str, Any]]:
        """The facts of all states."""
        return [facts for facts, _, _ in self._states.values()]

    def plan(self, state: str) -> Mapping[str, Any]:
        """The plan of a state."""
        return self._states[state][1]

    def snapshot(self, state: str) -> Snapshot:
        """The bits of a state."""
        return self._states[state][2]

    def close(self) -> None:
        """Nothing to let go of."""


def open_store(workspace: str | os.PathLike[str] | None) -> Store:
    """The store in that folder, made if it is not there; in memory for None.

    Raises:
        WorkspaceError: a place that cannot be written, or holds something else.
    """
    if workspace is None:
        return MemoryStore()
    if not isinstance(workspace, (str, os.PathLike)) or not os.fspath(workspace):
        raise OptionError(f"workspace is {workspace!r}; give a folder, such as 'runs/digits', or None to keep it in "
                          "memory")
    from prunelab.lab.disk import DiskStore

    return DiskStore(Path(workspace))
