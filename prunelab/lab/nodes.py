"""The states of a history, by id and by name, as a store tells them: the same for the Lab that writes and for those who
watch."""

from __future__ import annotations

import re
from typing import Any

from prunelab.errors import OptionError, StateError, shown, unknown_name
from prunelab.lab.state import State
from prunelab.lab.store import Store
from prunelab.lab.store.base import Name
from prunelab.plan import Plan

MAIN = "main"  # the branch that every history begins on
_ID = re.compile(r"s\d+")
_NAME = re.compile(r"[^\W_][\w.+-]{0,59}")


class Nodes:
    """All states, the current one and its branch, and the names that were given."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.states: dict[str, State] = {}
        self.names: dict[str, Name] = {}
        self.current, self.branch = "", MAIN

    def read(self) -> None:
        """Read what the store holds; states that are known already stay the same objects."""
        found = {str(facts["id"]): facts for facts in self.store.states()}
        self.states = {name: self.states[name] if name in self.states
                       else State.from_json(facts, self._plan_reader(name)) for name, facts in found.items()}
        self.names = {name.name: name for name in self.store.names()}
        current, branch = self.store.current()
        self.current, self.branch = current, branch or MAIN

    def _plan_reader(self, state: str) -> Any:
        return lambda: Plan.from_json(self.store.plan(state), place=f"the plan of {state}")

    @property
    def state(self) -> State:
        """The current state."""
        return self.states[self.current]

    def find(self, state: str | State) -> State:
        """The state of that id, tag or branch; of a branch the newest, or where it begins.

        Raises:
            StateError: there is none; the nearest id or name is in the message.
        """
        name = state.id if isinstance(state, State) else str(state)
        if name in self.states:
            return self.states[name]
        known = self.names.get(name)
        if known is not None and known.kind == "tag":
            return self.states[known.state]
        if known is not None or name == MAIN:
            return self.tip(name)
        raise StateError(str(unknown_name("state", name, [*self.states, *self.names], place="the history")))

    def branch_of(self, state: str | State) -> str:
        """The branch that steps from there are on: the one that was asked for by name, or the state's own."""
        named = str(state) in self.branches and not isinstance(state, State)
        return str(state) if named else self.find(state).branch

    @property
    def branches(self) -> list[str]:
        """All branches, in the order in which they were begun."""
        return [MAIN, *(name.name for name in self.names.values() if name.kind == "branch")]

    @property
    def tags(self) -> dict[str, str]:
        """The id of the state of each tag."""
        return {name.name: name.state for name in self.names.values() if name.kind == "tag"}

    def tip(self, branch: str) -> State:
        """The newest state of a branch, or the one it begins at."""
        on_it = [s for s in list(self.states.values()) if s.branch == branch]
        newest = max(on_it, key=lambda s: s.number, default=None)
        return newest or self.states[self.names[branch].state if branch in self.names else next(iter(self.states))]

    def names_of(self) -> dict[str, tuple[str, ...]]:
        """What stands beside each state that has names: its tags, and the branches of which it is the newest."""
        found: dict[str, list[str]] = {}
        for tag, tagged in self.tags.items():
            found.setdefault(tagged, []).append(tag)
        branches = self.branches
        if len(branches) > 1:
            newest: dict[str, State] = {}
            for state in sorted(self.states.values(), key=lambda s: s.number):  # one walk for all branches
                newest[state.branch] = state
            for branch in branches:
                found.setdefault((newest.get(branch) or self.tip(branch)).id, []).append(branch)
        return {named: tuple(names) for named, names in found.items()}

    def path(self, state: State) -> list[State]:
        """The states from the dense one to ``state``."""
        found = [state]
        while found[-1].parent is not None:
            found.append(self.states[found[-1].parent])
        return found[::-1]

    def made(self, state: State) -> list[State]:
        """The states on the way to ``state`` that its bits came of: without searches, which change nothing."""
        return [one for one in self.path(state) if not one.searched]

    def check_name(self, name: object, kind: str, *, move: bool = False) -> str:
        """A name that can be given.

        Raises:
            OptionError: one that looks like a state's id, or holds what a line could not; one that is given already.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name) or _ID.fullmatch(name):
            raise OptionError(f"the {kind} is called {shown(name)}; a name has letters, digits, '.', '+' and '-', "
                              "begins with a letter or digit, and is no state's id such as 's3'")
        known = Name(MAIN, "branch", "") if name == MAIN else self.names.get(name)
        if known is not None and not (move and known.kind == "tag"):
            where = f"of {known.state}" if known.kind == "tag" else f"of a branch: lab.goto({name!r}) goes there"
            raise OptionError(f"'{name}' is the name {where}; choose another one"
                              + (f", or lab.tag({name!r}, move=True)" if known.kind == kind == "tag" else ""))
        return name


