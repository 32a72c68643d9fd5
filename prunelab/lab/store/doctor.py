"""`doctor`: every byte of a workspace read and compared with its digest; what is damaged, and which states need it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prunelab.errors import PrunelabError, WorkspaceError, reason_of
from prunelab.lab.state import State
from prunelab.lab.store import checked_folder, chunks
from prunelab.lab.store.arrays import CHUNKS
from prunelab.lab.store.chunks import OURS
from prunelab.lab.store.connection import COPY, DATABASE
from prunelab.lab.store.copies import inspect
from prunelab.lab.store.disk import DiskStore
from prunelab.plan import Plan
from prunelab.render.numbers import counted, size
from prunelab.render.table import html_table, text_table


@dataclass(frozen=True)
class Problem:
    """Something that is damaged: the file or the state, what is wrong with it, and the ids of states that lack it."""

    place: str
    what: str
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What `doctor` found. ``left_over``: files that no state needs, from states that were not finished or were
    forgotten."""

    workspace: str
    n_states: int
    n_arrays: int
    size_bytes: int
    problems: tuple[Problem, ...] = ()
    left_over: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.problems

    def _told(self) -> str:
        verdict = "is whole" if self.ok else f"has {counted(len(self.problems), 'problem')}"
        return (f"{self.workspace} {verdict}: {counted(self.n_states, 'state')}, {counted(self.n_arrays, 'array')}, "
                f"{size(self.size_bytes)}")

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(p.place, p.what, ", ".join(p.states) or "–") for p in self.problems]

    def _notes(self) -> list[str]:
        notes = []
        hurt = {state for problem in self.problems for state in problem.states}
        if hurt:
            others = self.n_states - len(hurt)
            told = f"the other {counted(others, 'state')}" if others else "no state"
            notes.append(f"{told} can be opened; restore these files from a backup to have the rest")
        if self.left_over:
            notes.append(f"{counted(len(self.left_over), 'file')} that no state needs; lab.vacuum() takes them away")
        return notes

    def __repr__(self) -> str:
        table = text_table(["place", "what is wrong", "states that need it"], self._rows()) if self.problems else ""
        return "\n".join(filter(None, [self._told(), table, *self._notes()]))

    def _repr_html_(self) -> str:
        return "<div>" + html_table(["place", "what is wrong", "states that need it"], self._rows(),
                                    caption=self._told(), notes=self._notes()) + "</div>"


def doctor(workspace: str | os.PathLike[str]) -> Diagnosis:
    """Check a workspace, and write nothing: its database, its copy, each chunk, each array, each state.

    It may be in use meanwhile.

    Raises:
        WorkspaceError: a folder that holds no history, one of another version, or one whose database and copy are both
            beyond reading.
    """
    folder = checked_folder(workspace)
    if not any((folder / name).is_file() for name in (DATABASE, COPY)):
        raise WorkspaceError(f"{folder} holds no history; give the folder that a Lab was opened with as workspace=")
    wrong = {}
    for name in (DATABASE, COPY):
        what, n_changes = inspect(folder / name, write=False)
        if what or n_changes < 0:
            wrong[name] = what or "it is not there"
    sound = next((name for name in (DATABASE, COPY) if name not in wrong), "")
    if not sound:
        told = "; ".join(f"{name}: {what}" for name, what in wrong.items())
        raise WorkspaceError(f"{folder} cannot be checked: {told}; restore it from a backup, or save what can be read: "
                             f"prunelab doctor {folder} --salvage NEW")
    rest = {DATABASE: "its copy takes its place when a Lab opens the folder", COPY: "it is made again"}
    found = [Problem(name, f"{what}; {rest[name]}") for name, what in wrong.items()]
    store = DiskStore(folder, write=False, database=sound)
    try:
        return _examined(store, found)
    finally:
        store.close()


def _examined(store: DiskStore, problems: list[Problem]) -> Diagnosis:
    places = store.arrays.places()
    bad = {digest for digest in places if not store.arrays.readable(digest)}
    needed = {facts["id"]: _arrays_of(store, facts["id"]) for facts in store.states()}
    files = dict(store.arrays.chunk_files())
    for name, length in files.items():
        wrong = chunks.damage(chunks.path_of(store.arrays.folder, name), name, length)
        # a patch is not to blame for the array that it is a patch of
        hurt = [array for array, chunk in places.items() if chunk == name and array in bad
                and (store.arrays.root_of(array) in (None, array) or store.arrays.root_of(array) not in bad)]
        if wrong or hurt:
            states = tuple(state for state, arrays in needed.items() if arrays.intersection(hurt))
            problems.append(Problem(f"{CHUNKS}/{name}.safetensors", wrong or "an array in it is damaged", states))
    problems += _states(store, set(places))
    total = sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())
    return Diagnosis(store.name, len(needed), len(places), total, tuple(problems),
                     tuple(_left_over(store.arrays.folder, set(files))))


def _arrays_of(store: DiskStore, state: str) -> set[str]:
    try:
        return store.digests_of(state)
    except (PrunelabError, ValueError, KeyError, TypeError):
        return set()  # told with the state's row


def _states(store: DiskStore, places: set[str]) -> Iterator[Problem]:
    for facts in store.states():
        name = facts["id"]
        try:
            plan = Plan.from_json(store.plan(name), place=f"the plan of {name}")
            State.from_json(facts, functools.partial(_itself, plan))
            if not store.digests_of(name) <= places:
                yield Problem(name, "it needs arrays that are nowhere", (name,))
        except (PrunelabError, ValueError, KeyError, TypeError) as error:
            yield Problem(name, reason_of(error), (name,))


def _itself(plan: Plan) -> Plan:
    return plan


def _left_over(folder: Path, known: set[str]) -> list[str]:
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    return [name for name in names if OURS.fullmatch(name) and name.removesuffix(".safetensors") not in known]
