"""Long stretches of a history drawn as one: states that nobody named, branched from or looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from prunelab.render.tree import Node, Tree

_LEAST = 12  # states that are worth it
_BEFORE, _BEHIND = 2, 6  # states at the ends of a stretch that stay: how it began, and what led to where it ends


@dataclass(frozen=True)
class Fold:
    """A stretch of states in which each came of the one before; ``id`` is no state's."""

    states: tuple[str, ...]

    @property
    def id(self) -> str:
        """What stands for it in the tree."""
        return f"{self.states[0]}…{self.states[-1]}"


def folded(tree: Tree, kept: Collection[str], opened: Collection[str]) -> tuple[Tree, dict[str, Fold]]:
    """The tree with a node for each long stretch, and these by id. States that are ``kept``, the current one, and those
    of a stretch of which one is ``opened`` stay."""
    folds = [fold for run in _runs(tree, {*kept, tree.current}) if (fold := _fold(run, opened)) is not None]
    within = {state: fold.id for fold in folds for state in fold.states}
    first = {fold.states[0]: fold for fold in folds}
    nodes = []
    for node in tree.nodes:
        parent = None if node.parent is None else within.get(node.parent, node.parent)
        if node.id in first:
            nodes.append(Node(first[node.id].id, parent, ""))
        elif node.id not in within:
            nodes.append(replace(node, parent=parent))
    return replace(tree, nodes=tuple(nodes)), {fold.id: fold for fold in folds}


def _fold(run: list[str], opened: Collection[str]) -> Fold | None:
    inner = run[_BEFORE:-_BEHIND]
    return Fold(tuple(inner)) if len(inner) >= _LEAST and not set(inner) & set(opened) else None


def _runs(tree: Tree, kept: Collection[str]) -> Iterator[list[str]]:
    """Stretches of states, each with one child, that may be folded."""
    n_children = Counter(node.parent for node in tree.nodes)
    plain = {node.id: node.parent for node in tree.nodes
             if node.parent is not None and n_children[node.id] == 1 and not node.names and node.id not in kept}
    runs: dict[str, list[str]] = {}  # by the last state of each
    for state, parent in plain.items():  # parents come before their children
        runs[state] = [*runs.pop(parent, []), state] if n_children[parent] == 1 else [state]
    yield from runs.values()
