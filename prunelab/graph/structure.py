"""`Structure`: what a program says about widths; and the structures that are kept, so that a model is read once."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from prunelab.errors import PlanError
from prunelab.graph.blocks import BLOCKS, Block, alive, find_blocks
from prunelab.graph.collection import without_collection
from prunelab.graph.cost import Cost, CostModel, Tally, read_costs
from prunelab.graph.dims import Dim, find
from prunelab.graph.experts import EXPERT, Gate, cut_lists, gates_of, shares_of, vanish
from prunelab.graph.groups import Group, find_groups, region_groups
from prunelab.graph.program import Parameter, Program, flatten
from prunelab.graph.regions import SPATIAL, axes_of, crops, is_space, stretches
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.solver import Solution, solve
from prunelab.graph.widths import Kept, Survivors


class Structure:
    """What a program says about widths: plain data, shared by all graphs of it, holding nothing of the model."""

    def __init__(self, program: Program, kinds: frozenset[str] = frozenset()) -> None:
        self.program = program
        self._opened: dict[frozenset[str], Structure] = {}
        with without_collection():
            self.solution: Solution = solve(program, RULES, opened=kinds)
            groups, self.atoms = find_groups(program, self.solution)
        if SPATIAL in kinds:
            groups = (*region_groups(self.solution), *groups)
        self.groups: tuple[Group, ...] = groups
        self.by_name = {g.name: g for g in groups}
        self.parameters: dict[str, Parameter] = {p.name: p for p in program.parameters}

    def opened(self, kinds: frozenset[str]) -> Structure:
        """This structure with more granularities free, solved anew: the other groups keep their names."""
        if kinds <= self.solution.opened:
            return self
        kinds = kinds | self.solution.opened
        if kinds not in self._opened:
            self._opened[kinds] = Structure(self.program, kinds)
        return self._opened[kinds]

    def takes_any_batch(self, other: tuple[Program, int] | None) -> bool:
        """Whether the batch, where it is free, is in nothing but widths.

        Then another reading, with ``other``'s batch, says the same as this one does at that batch. That of a forward
        that divides by ``x.shape[0]``, or makes an ``eye`` of it, does not.
        """
        if all(spec.batch_axis is None for spec in self.program.specs):
            return True
        if other is None:
            return False
        program, batch = other
        if _numbers(self.program) != _numbers(program):
            return False  # the batch is among the outputs
        return self.executor.spelled_at(batch) == Executor(program, solve(program, RULES), RULES).spelled_at(batch)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The residual branches that can go as a whole."""
        return find_blocks(self.program, self.solution.held)

    @property
    def block_name(self) -> str:
        """The name of the group of blocks: "blocks", or "blocks:layer" where a layer is called so."""
        return BLOCKS if BLOCKS not in self.by_name else f"{BLOCKS}:layer"

    @property
    def _positions(self) -> frozenset[Dim]:
        """Positions in space that a region may leave out."""
        found = [d for w in self.solution.windows for d in (w.into, w.out)] + [d for _, _, d in self.solution.maps]
        return frozenset(find(d) for d in found if is_space(d))

    @cached_property
    def costs(self) -> CostModel:
        """What each operator costs, in sizes that follow the units that stay."""
        return read_costs(self.program, self.solution, RULES, frozenset(self.atoms.values()) | self._positions)

    @cached_property
    def _tally(self) -> Tally:
        return Tally(self.costs)

    def cost(self, kept: Kept) -> Cost:
        """What the network costs when only the kept positions stay."""
        return self._tally.cost(kept)

    @cached_property
    def executor(self) -> Executor:
        """The whole network."""
        return Executor(self.program, self.solution, RULES)

    def dims(self, parameter: str) -> Sequence[Dim]:
        """The dims of a parameter, one an axis."""
        return self.solution.dims[self.parameters[parameter].value]

    def refuse_spelled(self, groups: Iterable[Any]) -> None:
        """Refuse to take what the forward spells, or more experts than it chooses among.

        Raises:
            PlanError: a group loses a unit that has to stay, or keeps too few.
        """
        for g in groups if self.solution.opened else ():
            known = self.by_name.get(g.name)
            held = known.stay if known is not None else ()
            if known is not None and g.units - len(g.removed) < known.least:
                wants = "has two words at least" if g.granularity == "vocabulary" else "chooses so many"
                raise PlanError(f"{g.name} keeps {g.units - len(g.removed)} of its units; keep at least {known.least}, "
                                f"since the forward {wants}")
            for unit in set(held).intersection(g.removed if held else ()):
                line = next((line for d, at, line in self.solution.spelled if at == unit), "")
                raise PlanError(f"unit {unit} of {g.name} cannot go: the forward compares ids with it{line}; keep "
                                f"{', '.join(map(str, held))}")

    def renumbers(self, kept: Kept) -> bool:
        """Whether a word that the forward spells has another number: the class's own Python would go on with the old
        one."""
        return any(kept.before(d, at) != at for d, at, _ in self.solution.spelled)

    def crops(self, kept: Kept) -> bool:
        """Whether only a region of some inputs is computed."""
        return bool(crops(self.solution, kept))

    def kept(self, removed: Mapping[str, Sequence[int]]) -> Kept:
        """The positions that stay when ``removed`` units of each group go."""
        keep = {}
        dropped = {self.blocks[u].add: self.blocks[u].by for u in removed.get(self.block_name, ())}
        missing, zeros = dict[int, frozenset[int]](), set[int]()
        for atom, (start, end) in (stretches(self.solution, removed) if self.solution.maps else {}).items():
            keep[atom] = Survivors(atom.size, [k for k in range(atom.size) if not start <= k < end])
        others = {self.block_name, *(a.name for a in axes_of(self.solution))}
        for name, units in removed.items():
            if len(units) and name not in others:
                atom = find(self.atoms[name])
                keep[atom] = Survivors(atom.size, units)
                if EXPERT in self.solution.opened:
                    missing.update(cut_lists(self.solution.stacks, atom, units))
                    zeros |= shares_of(self.solution, atom, units)
        if zeros:
            (passing, lacking), _ = vanish(self.program, zeros)
            dropped.update(passing)
            missing.update(lacking)
        return Kept(keep, dropped, missing)

    def own_parameters(self, group: Group) -> list[list[str]]:
        """The parameters that only one expert each reads; none where all are stacked in one tensor."""
        atom = find(self.atoms[group.name])
        if not shares_of(self.solution, atom, range(atom.size)) and all(
                find(d) is not atom for d in self.solution.stacks.values()):
            return []
        found = []
        for unit in range(atom.size):
            kept = self.kept({group.name: [unit]})
            living = alive(self.program, kept.dropped, kept.missing)
            readers = self.program.consumers
            found.append([p.name for p in self.program.parameters if p.trainable and p.value in readers and not any(
                op.index in living for op in readers[p.value])])
        return found if all(found) else []

    def gates(self, kept: Kept) -> list[tuple[Gate, np.ndarray[Any, Any]]]:
        """The gates that lose experts, each with what stays: (experts,) bool."""
        found = []
        for gate, experts in gates_of(self.solution):
            if kept.changes(experts):
                found.append((gate, np.isin(np.arange(gate.n), kept.positions(experts))))
        return found


# The structure of each living model that was traced, so that mask and compact need not read it again.
_STRUCTURES: weakref.WeakKeyDictionary[Any, list[tuple[Structure, dict[int, Any]]]] = weakref.WeakKeyDictionary()


def remember(layer: Any, structure: Structure, held: Mapping[int, Any]) -> None:
    """Keep the structure of a living layer, in the place of one read with the same inputs; the last four are kept."""
    known = _STRUCTURES.setdefault(layer, [])
    known[:] = [entry for entry in known if entry[0].program.specs != structure.program.specs][-3:]
    known.append((structure, _unheld(structure, held)))


def recall(layer: Any, fingerprint: str) -> tuple[Structure, dict[int, Any]] | None:
    """The structure of that fingerprint that the layer was traced to, and its tensors by value id.

    None where it was not traced to one, or has changed since.
    """
    for structure, constants in reversed(_STRUCTURES.get(layer, [])):
        if structure.program.fingerprint == fingerprint:
            held = _bind(layer, structure, constants)
            if held is not None:
                return structure, held
    return None


def _unheld(structure: Structure, held: Mapping[int, Any]) -> dict[int, Any]:
    """Only the tensors that the model does not name, so that the cache does not keep a model's weights alive."""
    return {p.value: held[p.value] for p in structure.program.parameters if p.kind == "constant"}


def _bind(layer: Any, structure: Structure, constants: Mapping[int, Any]) -> dict[int, Any] | None:
    """The layer's tensors by value id; None if it has changed since it was read."""
    named = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
    held = dict(constants)
    for p in structure.program.parameters:
        if p.kind == "constant":
            continue
        tensor = named.get(p.name)
        if tensor is None or (p.kind != "empty" and tuple(tensor.shape) != p.shape):
            return None
        held[p.value] = tensor
    return held


def _numbers(program: Program) -> list[int]:
    """The numbers among what a model gives."""
    return [leaf for leaf in flatten(program.outputs) if isinstance(leaf, int)]
