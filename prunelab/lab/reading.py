"""Reading a history: what the Lab that writes it and those who watch it have in common."""

from __future__ import annotations

from typing import Any

from prunelab.lab.comparison import Comparison, compared
from prunelab.lab.history import history_frame
from prunelab.lab.nodes import Nodes
from prunelab.lab.state import State
from prunelab.lab.views import curves_of, tree_of
from prunelab.plan import Plan
from prunelab.render.curves import Curves
from prunelab.render.tree import Tree


class Reading:
    """The tree of states."""

    @property
    def _nodes(self) -> Nodes:
        raise NotImplementedError

    @property
    def state(self) -> State:
        """The current state."""
        return self._nodes.state

    @property
    def states(self) -> tuple[State, ...]:
        """All states, in the order in which they were made."""
        found = list(self._nodes.states.values())  # in one go: another thread may add to them
        return tuple(sorted(found, key=lambda s: s.number))

    @property
    def plan(self) -> Plan:
        """What is cut in the current state, relative to the dense model."""
        return self.state.plan

    @property
    def history(self) -> Any:
        """All states as a pandas DataFrame; ``current`` marks the one the Lab is in."""
        nodes = self._nodes
        tags: dict[str, list[str]] = {}
        for tag, state in nodes.tags.items():
            tags.setdefault(state, []).append(tag)
        return history_frame(nodes.states.values(), nodes.current, tags)

    @property
    def branches(self) -> dict[str, State]:
        """Each branch's newest state, by the branch's name."""
        nodes = self._nodes
        return {branch: nodes.tip(branch) for branch in nodes.branches}

    @property
    def tags(self) -> dict[str, State]:
        """The state of each tag."""
        nodes = self._nodes
        return {tag: nodes.states[state] for tag, state in nodes.tags.items()}

    def path(self, state: str | State | None = None) -> tuple[State, ...]:
        """The states from the dense model to ``state`` (an id, a tag or a branch; the current one if left out)."""
        nodes = self._nodes
        return tuple(nodes.path(nodes.state if state is None else nodes.find(state)))

    def tree(self) -> Tree:
        """The history as a tree: text, HTML and SVG."""
        nodes = self._nodes
        return tree_of(self.states, nodes.current, nodes.names_of())

    def curves(self, *names: str) -> Curves:
        """Metrics and cost over all states: ``names`` of metrics, "params", "macs", "sparsity"."""
        return curves_of(self.states, self._nodes.current, names)

    def compare(self, a: str | State, b: str | State | None = None) -> Comparison:
        """What differs between two states (``b`` is the current one if left out): layers cut, metrics, cost, weights.

        Raises:
            StateError: no such state; the nearest one is in the message.
        """
        nodes = self._nodes
        return compared(nodes.store, nodes.find(a), nodes.state if b is None else nodes.find(b))
