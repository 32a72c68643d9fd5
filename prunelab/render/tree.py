"""A history as a tree: lines of text, or SVG with the newest to the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from prunelab.render.numbers import counted

_COLUMN, _LANE, _RADIUS, _MARGIN = 108, 44, 6, 58  # pixels
_NARROW, _ROOM = 15, 92  # between nodes at least, and between labels of a lane
_CURRENT = "var(--jp-brand-color1,#1976d2)"
_LINE = "var(--jp-ui-font-color2,#757575)"
_TEXT = "var(--jp-ui-font-color1,currentColor)"
_GROUND = "var(--jp-layout-color1,#fff)"


@dataclass(frozen=True)
class Node:
    """A state: ``parent`` is another node's id, or None for the root; ``note`` is what is told of it, ``names`` what
    it is called."""

    id: str
    parent: str | None
    label: str
    note: str = ""
    names: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """All of it in a line."""
        return "  ".join(filter(None, [f"{self.id} {self.label}".rstrip(), self.note,
                                       f"[{', '.join(self.names)}]" if self.names else ""]))


@dataclass(frozen=True)
class Tree:
    """Nodes, parents before their children, and the ``current`` one's id; ``before``: how many older nodes are left
    out."""

    nodes: tuple[Node, ...]
    current: str
    before: int = 0

    def children(self, node: Node) -> list[Node]:
        """The nodes below, oldest first."""
        return [n for n in self.nodes if n.parent == node.id]

    def places(self) -> dict[str, tuple[int, int]]:
        """Each node's column (its depth) and lane: a first child goes on in its parent's lane, others open new ones."""
        found: dict[str, tuple[int, int]] = {}
        continued: set[str] = set()
        n_lanes = 0
        for node in self.nodes:
            depth, lane = found.get(node.parent or "", (-1, 0))
            if node.parent is None or node.parent in continued:
                lane, n_lanes = n_lanes, n_lanes + 1
            continued.add(node.parent or "")
            found[node.id] = (depth + 1, lane)
        return found

    def newest(self, n: int) -> Tree:
        """The ``n`` newest nodes; those whose parent is not among them are roots."""
        shown = self.nodes[-n:]
        ids = {node.id for node in shown}
        cut = tuple(node if node.parent in ids else replace(node, parent=None) for node in shown)
        return Tree(cut, self.current, self.before + len(self.nodes) - len(shown))

    @property
    def _note(self) -> str:
        return f"and {counted(self.before, 'state')} before these" if self.before else ""

    def __str__(self) -> str:
        lines: list[str] = []
        below: dict[str | None, list[Node]] = {}
        for node in self.nodes:
            below.setdefault(node.parent, []).append(node)
        # a stack and no recursion: a chain of states has no natural limit. A chain stays in one column, branches
        # indent.
        todo = [(node, "", "") for node in reversed(below.get(None, []))]
        while todo:
            node, lead, prefix = todo.pop()
            mark = "●" if node.id == self.current else "○"
            lines.append(f"{lead}{mark} {node.told}")
            first, *others = below.get(node.id, [None])
            if first is not None:
                todo.append((first, prefix, prefix))
            todo += [(other, f"{prefix}├─", f"{prefix}│ ") for other in reversed(others) if other is not None]
        return "\n".join([*filter(None, [self._note]), *lines])

    __repr__ = __str__

    def to_svg(self, fit: int | None = None) -> str:
        """The tree as inline SVG; each node is a group with its id in ``data-state``.

        With ``fit`` it is no wider than so many pixels if its nodes then still stand apart; labels that would lie over
        others are left out, those of the current node, of the ends and of what has a name last.
        """
        places = self.places()
        last = max((column for column, _ in places.values()), default=0)
        step = _COLUMN if fit is None else max(_NARROW, min(_COLUMN, (fit - 2 * _MARGIN) // max(last, 1)))
        at = {name: (_MARGIN + column * step, 24 + lane * _LANE) for name, (column, lane) in places.items()}
        edges = "".join(_edge(at[n.parent], at[n.id]) for n in self.nodes if n.parent is not None)
        labelled = self._labelled(at)
        dots = "".join(self._dot(n, *at[n.id], n.id in labelled) for n in self.nodes)
        width = max((x for x, _ in at.values()), default=0) + _MARGIN
        height = max((y for _, y in at.values()), default=0) + 20
        told = f"history, {counted(len(self.nodes), 'state')}"
        return (f'<svg role="img" aria-label="{told}" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}">{edges}{dots}</svg>')

    def _labelled(self, at: Mapping[str, tuple[int, int]]) -> set[str]:
        """The nodes whose label is drawn: what matters first, and others where there is room."""
        parents = {node.parent for node in self.nodes}
        first = [n.id for n in self.nodes if n.id == self.current or n.parent is None]
        then = [n.id for n in self.nodes if n.names or n.id not in parents]
        taken: dict[int, list[int]] = {}
        found = set()
        for name in dict.fromkeys([*first, *then, *(n.id for n in self.nodes)]):
            x, y = at[name]
            if all(abs(x - other) >= _ROOM for other in taken.setdefault(y, [])):
                taken[y].append(x)
                found.add(name)
        return found

    def _dot(self, node: Node, x: int, y: int, labelled: bool) -> str:
        here = node.id == self.current
        fill, stroke = (_CURRENT, _CURRENT) if here else (_GROUND, _LINE)
        label = _cut(node.label)
        weight = ' font-weight="600"' if here else ""
        named = "" if not node.names or not labelled else (
            f'<text x="{x}" y="{y + 20}" text-anchor="middle" font-size="10" style="fill:{_CURRENT}">'
            f'{escape(_cut(", ".join(node.names)))}</text>')
        return (f'<g data-state="{escape(node.id)}"><title>{escape(node.told)}</title>'
                f'<circle cx="{x}" cy="{y}" r="{_RADIUS + here}" stroke-width="1.5" '
                f'style="fill:{fill};stroke:{stroke}"/>'
                + (f'<text x="{x}" y="{y - 12}" text-anchor="middle" font-size="11" style="fill:{_TEXT}"{weight}>'
                   f"{escape(label)}</text>" if labelled else "") + f"{named}</g>")

    def _repr_html_(self) -> str:
        return ('<div style="overflow-x:auto;font-family:var(--jp-ui-font-family,system-ui,sans-serif)">'
                f"{self.to_svg()}{f'<p>{self._note}</p>' if self._note else ''}</div>")


def _cut(text: str) -> str:
    return text if len(text) <= 14 else f"{text[:13]}…"


def _edge(a: tuple[int, int], b: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = a, b
    wide = min(60, x2 - x1)
    bend = (f"C{x1 + wide * 2 // 3} {y1} {x1 + wide // 2} {y2} {x1 + wide} {y2}L{x2} {y2}" if y1 != y2
            else f"L{x2} {y2}")
    return f'<path d="M{x1} {y1}{bend}" fill="none" style="stroke:{_LINE}" stroke-width="1.5"/>'


def tree(nodes: Sequence[Node], current: str) -> Tree:
    """A tree of nodes, parents before their children."""
    return Tree(tuple(nodes), current)
