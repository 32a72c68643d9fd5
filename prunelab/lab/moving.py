"""Going about in a Lab's history, and naming what is found there."""

from __future__ import annotations

from collections.abc import Callable

from prunelab.errors import StateError, check_whole, unknown_name
from prunelab.evaluate import evaluate
from prunelab.lab.comparison import Answers, Comparison, with_predictions
from prunelab.lab.opened import Opened
from prunelab.lab.progress import notify
from prunelab.lab.state import State
from prunelab.lab.store.base import Name
from prunelab.render.numbers import counted


class Moving(Opened):
    """The history as a tree of states, and going to any of them."""

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

        ``state`` is an id, a tag, or a branch: then to its newest state, and the next step goes on with that branch.

        Raises:
            StateError: no such state; the nearest id or name is in the message.
        """
        return self._work.go(self._nodes.find(state), self._nodes.branch_of(state))

    def branch(self, name: str) -> State:
        """Begin a branch at the current state: the steps from here on are on it, until one goes elsewhere.

        Gives the current state. ``lab.goto(name)`` comes back to the branch's newest state.

        Raises:
            OptionError: a name that cannot be one, or is given already.
        """
        name = self._nodes.check_name(name, "branch")
        self._name(f"branch {name}", lambda: self._bench.name(Name(name, "branch", self.state.id)))
        return self.state

    def tag(self, name: str, state: str | State | None = None, *, move: bool = False) -> State:
        """Name a state (the current one), so that ``lab.goto(name)`` finds it; gives the state.

        Args:
            name: letters, digits, ``.``, ``+``, ``-``.
            state: an id or a name; the current state if left out.
            move: take the tag from the state that has it.

        Raises:
            OptionError: a name that cannot be one, or is given already.
            StateError: no such state.
        """
        found = self.state if state is None else self._nodes.find(state)
        name = self._nodes.check_name(name, "tag", move=move)
        self._name(f"tag {name}", lambda: self._bench.name(Name(name, "tag", found.id)))
        return found

    def untag(self, name: str) -> State:
        """Take a tag back; gives the state that had it.

        Raises:
            UnknownNameError: there is no such tag.
        """
        if name not in self._nodes.tags:
            raise unknown_name("tag", name, self._nodes.tags)
        found = self._nodes.find(name)
        self._name(f"untag {name}", lambda: self._bench.unname(name))
        return found

    def _name(self, label: str, change: Callable[[], object]) -> None:
        with self._work.begin(label):
            change()
        notify(self._work.on_change, self.state)

    def compare(self, a: str | State, b: str | State | None = None) -> Comparison:
        """What differs between two states (``b`` is the current one if left out).

        Layers cut, metrics, cost, the weights' distance, and, with validation data, the predictions that changed; of
        states whose weights were let go, what is recorded.

        Raises:
            StateError: no such state; the nearest one is in the message.
        """
        found = super().compare(a, b)
        if self._task.val is None or found.let_go:
            return found
        size = self._task.val.size
        with self._work.begin(f"compare {found.a.id} {found.b.id}", None if size is None else 2 * size) as meter:
            answers = []
            for state in (found.a, found.b):
                self._bench.visit(state)
                answers.append(Answers())
                evaluate(self._bench.graph.model, self._task.val, answers[-1], self._task.loss, on_batch=meter.tick)
            self._bench.visit(self.state)
        return with_predictions(found, *answers)
