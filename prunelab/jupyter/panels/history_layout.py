"""Where the states of a history stand, and which of them are in sight: a history may have thousands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from prunelab.render.tree import Node, Tree

_LEFT, _RIGHT, _AROUND = 24, 8, 8  # columns to the left and to the right, and lanes around a state that is looked at


@dataclass(frozen=True)
class Window:
    """The columns and lanes that are in sight, both ends in it."""

    left: int
    right: int
    top: int
    bottom: int

    def holds(self, column: int, lane: int) -> bool:
        """Whether a place is in it, and not at its right end: what comes next has room too."""
        return self.left <= column < self.right and self.top <= lane <= self.bottom

    @classmethod
    def around(cls, column: int, lane: int) -> Window:
        """A window with a place in it, mostly what led to it."""
        return cls(max(column - _LEFT, 0), column + _RIGHT, max(lane - _AROUND, 0), lane + _AROUND)


@dataclass(frozen=True)
class Layout:
    """A tree with each node's column and lane, the newest to the right."""

    tree: Tree

    @cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """Column and lane by id."""
        return self.tree.places()

    @property
    def size(self) -> tuple[int, int]:
        """How many columns and lanes."""
        return (max((column for column, _ in self.places.values()), default=0) + 1,
                max((lane for _, lane in self.places.values()), default=0) + 1)

    def nodes(self, window: Window) -> list[Node]:
        """The nodes in a window."""
        return [node for node in self.tree.nodes
                if self._in_columns(node, window) and window.top <= self.places[node.id][1] <= window.bottom]

    def edges(self, window: Window) -> list[tuple[int, int, int, int]]:
        """Of each edge that can be seen in a window: column and lane of the parent, column and lane of the child."""
        found = []
        for node in self.tree.nodes:
            if node.parent is not None and self._in_columns(node, window, 1):
                parent, child = self.places[node.parent], self.places[node.id]
                if parent[1] <= window.bottom and child[1] >= window.top:  # a child is never above its parent
                    found.append((*parent, *child))
        return found

    def _in_columns(self, node: Node, window: Window, more: int = 0) -> bool:
        return window.left <= self.places[node.id][0] <= window.right + more

    @cached_property
    def leaves(self) -> frozenset[str]:
        """The ids of the states that nothing was made from yet."""
        return frozenset(node.id for node in self.tree.nodes) - {node.parent for node in self.tree.nodes}
