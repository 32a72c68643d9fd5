"""What is done with a Lab's history as a whole: replayed, thinned out, packed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunelab.criteria import Criterion
from prunelab.errors import OptionError, Stopped, check_whole, shown
from prunelab.lab.opened import Opened
from prunelab.lab.randomness import read_random, restore_random
from prunelab.lab.replaying import Replay, differences, lines_of
from prunelab.lab.state import State
from prunelab.render.numbers import counted, size

if TYPE_CHECKING:
    from prunelab.lab.lab import Lab


@dataclass(frozen=True)
class Thinned:
    """What `prune_history` did: ``forgotten`` states are gone, of ``let_go`` ones the weights."""

    forgotten: tuple[str, ...]
    let_go: tuple[str, ...]

    def __repr__(self) -> str:
        return (f"{counted(len(self.forgotten), 'state')} forgotten, the weights of {len(self.let_go)} let go; "
                "lab.vacuum() gives their space back")


@dataclass(frozen=True)
class Space:
    """The size of a workspace before and after `vacuum`, in bytes."""

    before_bytes: int
    after_bytes: int

    def __repr__(self) -> str:
        return f"{size(self.before_bytes)} → {size(self.after_bytes)}"


class Storing(Opened):
    """A history that others can have, repeat, and that does not grow for ever."""

    _given: Mapping[str, Any]

    def replay(self, state: str | State | None = None, *, criteria: Mapping[str, Criterion] | None = None) -> Replay:
        """Run the recorded lines that lead to a state again, on a fresh Lab in memory.

        The fresh Lab has the dense model, data and options of this one; this one is left as it is.

        Args:
            state: an id, a tag or a branch; the current state if left out.
            criteria: criteria of one's own that the lines name.

        Raises:
            StateError: no such state, or a line that cannot be replayed.
            Stopped: `stop` was called.
        """
        found = self.state if state is None else self._nodes.find(state)
        path = self._nodes.path(found)
        known = {**self._own_criteria(), **(criteria or {})}
        lines = lines_of(path, known)
        random = read_random()
        with self._work.begin(f"replay {found.id}"):
            try:
                fresh = self._fresh(self._bench.copy_of(path[0]))
                fresh.on_progress.extend([*self._work.on_progress, lambda progress: self._heed(fresh)])
                for line in lines:
                    line.run(fresh, known, lambda name: self._nodes.find(name).plan)
                fresh.on_progress.clear()
            finally:
                restore_random(random)
        told = differences((self._bench.store, found), (fresh._bench.store, fresh.state))
        return Replay(found, fresh, told)

    def _heed(self, fresh: Lab) -> None:
        """Pause and stop are asked of this Lab, and are for the one that works."""
        try:
            self._work.control.check()
        except Stopped:
            fresh.stop()

    def _own_criteria(self) -> dict[str, Criterion]:
        raise NotImplementedError

    def _fresh(self, model: Any) -> Lab:
        raise NotImplementedError

    def prune_history(self, keep: int | Iterable[str | State]) -> Thinned:
        """Forget all states but those to ``keep``, the tagged ones, the current one and the dense model.

        Of the states that led to one that is kept, the record stays (plan, metrics, the line that made it), and the
        weights go: so the history of what is kept can still be read and replayed.

        Args:
            keep: ids or names, or a number: so many of the newest.

        Raises:
            StateError: a state that is not there; nothing is forgotten then.
        """
        nodes = self._nodes
        if isinstance(keep, (str, State)):
            raise OptionError(f"keep is {shown(keep)}; give a list of states, or how many of the newest")
        if isinstance(keep, Iterable):
            wanted = [nodes.find(state) for state in keep]
        else:
            wanted = list(self.states[-check_whole(keep, "keep", 1):])
        kept = {state.id for state in wanted} | {nodes.current, self.states[0].id, *nodes.tags.values()}
        led = {state.id for name in kept for state in nodes.path(nodes.states[name])}
        forgotten = tuple(s.id for s in self.states if s.id not in led)
        let_go = tuple(name for name in sorted(led - kept) if self._bench.store.snapshot(name) is not None)
        with self._work.begin("prune_history"):
            self._bench.forget(forgotten, let_go)
        return Thinned(forgotten, let_go)

    def vacuum(self) -> Space:
        """Give the disk space back that no state needs any more; tells the size before and after."""
        from prunelab.lab.store.disk import DiskStore
        from prunelab.lab.store.vacuum import vacuum

        store = self._bench.store
        if not isinstance(store, DiskStore):
            return Space(0, 0)
        with self._work.begin("vacuum"):
            before = store.size_bytes()
            vacuum(store)
            return Space(before, store.size_bytes())

    def archive(self, path: str | os.PathLike[str]) -> Path:
        """Write the whole history into one zip file, for `pl.Lab.from_archive`; gives its path.

        Raises:
            WorkspaceError: a place that cannot be written.
        """
        from prunelab.lab.store.archive import write_archive

        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise OptionError(f"path is {shown(path)}; give a file, such as 'study.zip'")
        with self._work.begin("archive"):
            write_archive(self._bench.store, Path(path))
        return Path(path)
