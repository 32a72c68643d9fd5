"""Going about in a Lab's history."""

from __future__ import annotations

from typing import Any

from prunelab.errors import StateError, check_whole
from prunelab.lab.history import history_frame
from prunelab.lab.opened import Opened
from prunelab.lab.state import State
from prunelab.lab.views import tree_of
from prunelab.render.numbers import counted
from prunelab.render.tree import Tree


class Moving(Opened):
    """The history as a tree of states, and going to any of them."""

    @property
    def history(self) -> Any:
        """All states as a pandas DataFrame; ``current`` marks the one the Lab is in."""
        return history_frame(self.states, self.state.id)

    def path(self, state: str | State | None = None) -> tuple[State, ...]:
        """The states from the dense model to ``state`` (the current one)."""
        return tuple(self._bench.path(self.state if state is None else self._bench.find(state)))

    def tree(self) -> Tree:
        """The history as a tree."""
        return tree_of(self.states, self.state.id)

    def back(self, n: int = 1) -> State:
        """Go back ``n`` states, bit for bit; the states that are left stay in the history.

        Raises:
            StateError: there are not so many.
        """
        n = check_whole(n, "n", 1)
        path = self.path()
        if n >= len(path):
            raise StateError(f"{counted(len(path) - 1, 'state')} before {self.state.id}, and {n} to be gone back; "
                             f"lab.goto('s0') goes to the dense model")
        return self.goto(path[-1 - n])

    def goto(self, state: str | State) -> State:
        """Go to a state, bit for bit: parameters, buffers and random states.

        Raises:
            StateError: no such state; the nearest id is in the message.
        """
        return self._work.go(self._bench.find(state))
