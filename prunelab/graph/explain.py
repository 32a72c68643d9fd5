"""Why parameters shrink together, or stay whole: the operators that an axis passes, from the layer that makes it."""

from __future__ import annotations

import html
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.errors import PlanError
from prunelab.graph.dims import Dim, find, leaves
from prunelab.graph.groups import Group, Member, find_groups
from prunelab.graph.program import Op, Program
from prunelab.graph.rules import RULES
from prunelab.graph.solver import Solution, solve


@dataclass(frozen=True)
class Link:
    """One operator that an axis passes: its name, the user's line, the parameters' axes that it brings along."""

    operator: str
    line: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        brings = f": {', '.join(self.members)}" if self.members else ""
        return f"{self.operator}{self.line}{brings}"


@dataclass(frozen=True)
class Explanation:
    """A chain of operators, and what it shows: ``print`` it."""

    title: str
    links: tuple[Link, ...]
    end: str

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  {link}" for link in self.links), *([f"  {self.end}"] if self.end else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{html.escape(str(link))}</li>" for link in self.links)
        end = f"<div>{html.escape(self.end)}</div>" if self.end else ""
        return f"<div><b>{html.escape(self.title)}</b><ol>{rows}</ol>{end}</div>"


class Explanations(tuple[Explanation, ...]):
    """Of a layer with several groups, such as a fused qkv: one for each."""

    __slots__ = ()

    @property
    def links(self) -> tuple[Link, ...]:
        """The operators of all of them."""
        return tuple(link for one in self for link in one.links)

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self)


class Explainer:
    """A program solved once more, this time noting which operator fixed what."""

    def __init__(self, program: Program, opened: frozenset[str] = frozenset()) -> None:
        self.program = program
        self._fixed: list[tuple[Dim, int]] = []
        self._noted: set[int] = set()
        self.solution: Solution = solve(program, RULES, watch=self._note, opened=opened)
        self.names = {p.value: p.name for p in program.parameters}
        _, self.atoms = find_groups(program, self.solution)  # of the groups that can be cut

    def _note(self, solution: Solution, op: Op) -> None:
        for leaf in _leaves_of(solution, op):
            if leaf.reason and id(leaf) not in self._noted:
                self._noted.add(id(leaf))
                self._fixed.append((leaf, op.index))

    def fixed_by(self, atom: Dim) -> int | None:
        """The operator that fixed an atom, or the first of those it has become one with."""
        return next((index for d, index in self._fixed if find(d) is atom), None)

    def axis(self, member: Member) -> list[Dim]:
        """The atoms of a member's axis."""
        parameter = next(p for p in self.program.parameters if p.name == member.parameter)
        return leaves(self.solution.dims[parameter.value][member.axis])

    def passes(self, atom: Dim) -> list[Op]:
        """The operators, in order, whose operands or results have the atom."""
        return [op for op in self.program.ops if any(leaf is atom for leaf in _leaves_of(self.solution, op))]

    def link(self, op: Op, atom: Dim) -> Link:
        """What an operator does to an atom, in words."""
        found = []
        for value in _opened(self.program, op):
            if value in self.names:
                found += [f"{self.names[value]}[{axis}]" for axis, d in enumerate(self.solution.dims[value])
                          if any(leaf is atom for leaf in leaves(d))]
        return Link(op.name, op.line, tuple(found))

    def chain(self, start: str, stop: str | int, atom: Dim) -> list[Op] | None:
        """The shortest way of operators from a parameter to another one, or to an operator; None where there is none.

        ``stop`` is a parameter's name or an operator's index.
        """
        ops = self.passes(atom)
        touching: dict[int, list[Op]] = {}
        for op in ops:
            for value in {*_opened(self.program, op), *op.outputs}:
                touching.setdefault(value, []).append(op)
        value_of = {name: value for value, name in self.names.items()}
        came: dict[int, tuple[Op, int] | None] = {value_of[start]: None}
        todo = deque(came)
        while todo:
            value = todo.popleft()
            for op in touching.get(value, ()):
                if op.index == stop:
                    return [*_walk(came, value), op]
                for other in (*_opened(self.program, op), *op.outputs):
                    if other not in came and self._has(other, atom):
                        came[other] = (op, value)
                        if self.names.get(other) == stop:
                            return _walk(came, other)
                        todo.append(other)
        return None

    def _has(self, value: int, atom: Dim) -> bool:
        return any(leaf is atom for leaf in _leaves(self.solution.dims.get(value, [])))


def explain_pair(explainer: Explainer, a: Member, b: Member) -> Explanation:
    """The operators between two parameters of one group.

    Raises:
        PlanError: nothing ties them.
    """
    shared = [leaf for leaf in explainer.axis(a) if any(leaf is other for other in explainer.axis(b))]
    ops = next((ops for leaf in shared if (ops := explainer.chain(a.parameter, b.parameter, leaf))), None)
    if ops is None:
        raise PlanError(f"nothing ties {a} to {b}: they shrink apart; see graph.groups for what goes together")
    links = tuple(explainer.link(op, shared[0]) for op in ops)
    return Explanation(f"{a.parameter} and {b.parameter} shrink together:", links, "")


def explain_group(explainer: Explainer, group: Group) -> Explanation:
    """All operators that a group's axis passes; for a frozen one, the way to the operator that fixed it."""
    name, first, reason = group.name, group.members[0], group.reason
    if name in explainer.atoms:
        atom = find(explainer.atoms[name])
        links = [explainer.link(op, atom) for op in explainer.passes(atom)]
        return Explanation(f"{name}: {atom.size} units, which pass these operators:", tuple(links), "")
    atoms = explainer.axis(first)
    mine = [leaf for leaf in atoms if leaf.size == group.units] or atoms
    atom = next((leaf for leaf in mine if leaf.reason == reason), mine[0])
    at = explainer.fixed_by(atom)
    way = explainer.chain(first.parameter, at, atom) if at is not None else explainer.passes(atom)
    links = [explainer.link(op, atom) for op in way or explainer.passes(atom)]
    return Explanation(f"{name} is frozen:", tuple(links), f"→ {reason}")


def _walk(came: Mapping[int, tuple[Op, int] | None], value: int) -> list[Op]:
    ops = []
    step = came[value]
    while step is not None:
        ops.append(step[0])
        step = came[step[1]]
    return ops[::-1]


def _opened(program: Program, op: Op) -> list[int]:
    """An operator's operands, lists opened."""
    out = []
    for value in op.inputs:
        producer = program.producers.get(value) if value is not None else None
        if producer is not None and producer.name == "builtin.combine":
            out += [v for v in producer.inputs if v is not None]
        elif value is not None:
            out.append(value)
    return out


def _leaves(dims: Any) -> Iterable[Dim]:
    for d in dims:
        yield from (_leaves(d) if isinstance(d, list) else leaves(find(d)))


def _leaves_of(solution: Solution, op: Op) -> Iterable[Dim]:
    for value in (*op.inputs, *op.outputs):
        if value is not None and value in solution.dims:
            yield from _leaves(solution.dims[value])
