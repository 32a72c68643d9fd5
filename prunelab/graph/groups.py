"""From solved dims to groups: the atoms on the model's own tensors, named after the layer that makes their units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from prunelab.graph.dims import Dim, find, leaves
from prunelab.graph.experts import EXPERT, least_of
from prunelab.graph.program import Parameter, Program
from prunelab.graph.regions import SPATIAL, axes_of
from prunelab.graph.solver import Solution

_PLURALS = {"vocabulary": "words", "spatial": "bands"}
Place = tuple[str, int, str]  # a parameter, its axis, the role: a member as it is collected
MAKES = ("out", "vocabulary")  # the roles of axes that make units: outputs, and the rows of a table that shrinks


@dataclass(frozen=True)
class Member:
    """An axis of a parameter that shrinks with a group.

    ``role`` is ``"out"`` where it makes the units, ``"in"`` where it reads them, ``"elementwise"`` where it scales or
    shifts them (biases, batch norms), ``"vocabulary"`` for the rows of a table.
    """

    parameter: str
    axis: int
    role: str

    def __str__(self) -> str:
        return f"{self.parameter}[{self.axis}]"


@dataclass(frozen=True)
class Group:
    """Parameter axes that can only shrink together; ``units`` is how many pieces it has.

    ``granularity`` says what a unit is: ``"channel"``, ``"head"``, ``"hidden"`` or ``"width"`` (of what a norm sees, as
    a transformer's residual); where they are opened, ``"vocabulary"`` and
    ``"expert"``. A group that is not ``prunable`` says why in
    ``reason``. ``labels`` name the units where they are more than numbers: the blocks of granularity ``"layer"``.
    ``stay`` are units that the forward spells, and that cannot go therefore; ``least`` is how many it needs.
    """

    name: str
    units: int
    granularity: str
    members: tuple[Member, ...]
    prunable: bool
    reason: str = ""
    labels: tuple[str, ...] = ()
    stay: tuple[int, ...] = ()
    least: int = 1

    @property
    def makers(self) -> tuple[Member, ...]:
        """The members that make its units."""
        return tuple(m for m in self.members if m.role in MAKES)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose outputs it is."""
        return tuple(dict.fromkeys(layer_of(m.parameter) for m in self.makers or self.members))

    def __str__(self) -> str:
        units = _PLURALS.get(self.granularity, f"{self.granularity}s")
        state = f"{self.units} {units}" if self.prunable else f"frozen: {self.reason}"
        return f"{self.name}: {state}; {', '.join(map(str, self.members))}"


def layer_of(parameter: str) -> str:
    """``layer1.0.conv1`` for ``layer1.0.conv1.weight``; LSTM's numbered weights belong to their layer too."""
    return parameter.rpartition(".")[0] or parameter


def find_groups(program: Program, solution: Solution) -> tuple[tuple[Group, ...], dict[str, Dim]]:
    """The groups in network order, and the atom of each prunable one by its name."""
    found: dict[Dim, list[Place]] = {}
    order: dict[Dim, tuple[int, int]] = {}
    last = len(program.ops)
    for first_use, p in _in_order_of_use(program):
        for axis, dim in enumerate(solution.dims[p.value]):
            role = solution.roles.get((p.value, axis), "elementwise")
            parts = leaves(dim)
            if len(parts) > 1:
                parts = list(dict.fromkeys(parts))
            for place, leaf in enumerate(parts):
                if leaf.size < 2 <= len(parts):
                    continue  # a single position among others is nobody's group
                if leaf not in found:
                    found[leaf] = []
                found[leaf].append((p.name, axis, "elementwise" if role == "norm" else role))
                if role == "out":
                    order.setdefault(leaf, (first_use, place))
    told = [(leaf, places) for leaf, places in found.items() if _worth_telling(leaf, places, solution.opened)]
    told.sort(key=lambda entry: order.get(entry[0], (last, 0)))
    return _named(solution, [(leaf, [Member(*place) for place in places]) for leaf, places in told])


def _in_order_of_use(program: Program) -> list[tuple[int, Parameter]]:
    """The parameters as they are first read, each with the operator's index. A buffer that nobody reads is not among
    them: there is nothing to gain by cutting it."""
    readers, last = program.consumers, len(program.ops)
    used = [(readers[p.value][0].index if p.value in readers else last, p) for p in program.parameters
            if p.value in readers or p.kind != "buffer"]
    return sorted(used, key=lambda entry: entry[0])


def _worth_telling(dim: Dim, places: Iterable[Place], opened: frozenset[str]) -> bool:
    """A frozen atom is told where it makes units; kernel sizes, input channels and batch are not."""
    roles = {role for _, _, role in places}
    if SPATIAL in dim.tags:
        return False  # a group of its own, of the input's bands
    if dim.reason or dim.size < 2:
        makes = "out" in roles or not opened.isdisjoint(roles)
        return makes and dim.reason not in ("gates", "repeats", "a single position")
    return roles != {"kernel"}


def _granularity(dim: Dim, members: list[Member], opened: frozenset[str]) -> str:
    if any(m.role == "vocabulary" for m in members):
        return "vocabulary"
    if EXPERT in opened and EXPERT in dim.tags:
        return EXPERT
    return next((kind for kind in ("hidden", "head", "width") if kind in dim.tags), "channel")


def _named(solution: Solution, entries: list[tuple[Dim, list[Member]]]) -> tuple[tuple[Group, ...], dict[str, Dim]]:
    """Groups and atoms by name. What is opened gives way, so that the other groups' names are what they always are."""
    kinds = [_granularity(*entry, solution.opened) for entry in entries]
    bases = [_base(kind, members) for kind, (_, members) in zip(kinds, entries, strict=True)]
    plain = Counter(base for base, kind in zip(bases, kinds, strict=True) if kind not in solution.opened)
    groups, atoms, taken = [], {}, dict[str, int]()
    for (dim, members), base, granularity in zip(entries, bases, kinds, strict=True):
        name = base
        if plain[base] > (granularity not in solution.opened):
            name = f"{base}:{granularity}"
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            name = f"{name}{taken[name]}"
        # ids of 0 and 1 are what every network is tried with
        fewest = 2 if granularity == "vocabulary" else 1
        few = "it has a single unit" if fewest == 1 else "it has two words"
        reason = dim.reason or ("" if dim.size > fewest else few)
        stay = sorted({at for d, at, _ in solution.spelled if find(d) is dim})
        least = max(fewest, least_of(solution.least, dim))
        groups.append(Group(name, dim.size, granularity, tuple(members), not reason, reason, stay=tuple(stay),
                            least=least))
        if not reason:
            atoms[name] = dim
    return tuple(groups), atoms


def _base(granularity: str, members: list[Member]) -> str:
    """The layer that a group is named after: a vocabulary's table, else the first that makes its units."""
    role = "vocabulary" if granularity == "vocabulary" else "out"
    return layer_of(next((m for m in members if m.role == role), members[0]).parameter)


def region_groups(solution: Solution) -> tuple[Group, ...]:
    """A group for each axis, whose units are bands."""
    groups = []
    for a in axes_of(solution):
        d = find(a.dim)
        reason = next((leaf.reason for leaf in leaves(d) if leaf.reason), "")
        reason = reason or ("" if a.units > 1 else "it has a single band")
        members = tuple(Member(p.name, k, "elementwise") for p in solution.program.parameters
                        for k, axis in enumerate(solution.dims[p.value]) if any(leaf is d for leaf in leaves(axis)))
        groups.append(Group(a.name, a.units, SPATIAL, members, not reason, reason))
    return tuple(groups)
