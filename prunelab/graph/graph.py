"""`Graph`: one model's dataflow, its groups and its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from prunelab.errors import InputError, PlanError, shown, unknown_name
from prunelab.graph.blocks import block_group
from prunelab.graph.cost import Cost
from prunelab.graph.diagram import diagram_of
from prunelab.graph.execute import execute
from prunelab.graph.explain import Explainer, Explanation, Explanations, explain_group, explain_pair
from prunelab.graph.groups import MAKES, Group, Member, layer_of
from prunelab.graph.modes import training_of
from prunelab.graph.places import place_of
from prunelab.graph.program import Parameter, Program, TensorSpec
from prunelab.graph.removals import GRANULARITIES, OPENED, PATTERNS, Removals, is_sparse, masked_weights
from prunelab.graph.sparse import Pattern, sparse_groups
from prunelab.graph.structure import Structure
from prunelab.graph.unit_weights import slices
from prunelab.graph.widths import Kept
from prunelab.render.diagram import Diagram
from prunelab.render.numbers import counted
from prunelab.render.table import html_table


class Graph:
    """One model's dataflow: operators, groups and cost. Made by `trace`; holds the model it was read from."""

    def __init__(self, model: Any, structure: Structure, held: Mapping[int, Any]) -> None:
        self.model = model
        self._structure = structure
        self._held = dict(held)

    # what it says

    @property
    def program(self) -> Program:
        """The operators, as plain data."""
        return self._structure.program

    @property
    def structure(self) -> Structure:
        """The dims and groups, apart from the model."""
        return self._structure

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups in network order, frozen ones with their reason."""
        return self._structure.groups

    @property
    def prunable(self) -> tuple[Group, ...]:
        """The groups whose units can go."""
        return tuple(g for g in self.groups if g.prunable)

    def at(self, granularity: str) -> tuple[Group, ...]:
        """The groups of one granularity: "channel", "head", "hidden", "width"; "vocabulary", whose units are words;
        "expert", those of a mixture; "spatial", whose units are bands of an input's rows and columns; "layer", whose
        units are the residual branches that can go; or, one for each weight, "element", "kernel", "block:4x4" (tiles of
        any size), "2:4" (any n of m).

        Raises:
            UnknownNameError: a granularity nobody knows.
        """
        pattern = Pattern.parse(granularity)
        if pattern is not None:
            return sparse_groups(self.program, self._structure.solution, pattern, self._structure.by_name.keys())
        if granularity == "layer":
            return block_group(self._structure.block_name, self.program, self._structure.blocks)
        if granularity not in GRANULARITIES:
            raise unknown_name("granularity", granularity, [*GRANULARITIES, *PATTERNS])
        if granularity in OPENED and granularity not in self._structure.solution.opened:
            return self.opened(granularity).at(granularity)
        if granularity == "auto":
            return tuple(g for g in self.groups if g.granularity not in OPENED)
        return tuple(g for g in self.groups if g.granularity == granularity)

    def opened(self, *granularities: str) -> Graph:
        """The same graph where the groups of these granularities ("vocabulary", "expert") are free too."""
        return Graph(self.model, self._structure.opened(frozenset(granularities)), self._held)

    def opened_for(self, plan: Removals | None) -> Graph:
        """The same graph where the groups that a plan speaks of are free."""
        asked = {getattr(g, "granularity", "") for g in getattr(plan, "groups", ())}.intersection(OPENED)
        return self.opened(*asked) if asked else self

    @property
    def fingerprint(self) -> str:
        """Identifies the structure: a plan made for another one is refused."""
        return self.program.fingerprint

    @property
    def input_specs(self) -> tuple[TensorSpec, ...]:
        """The inputs it was traced with."""
        return self.program.specs

    def group(self, name: str) -> Group:
        """The group of that name, or the one that holds the output of the layer of that name.

        Raises:
            UnknownNameError: no group and no layer is called so; the nearest name is in the message.
        """
        if not isinstance(name, str):
            raise unknown_name("layer", shown(name), self._structure.by_name, place="the graph, where a name is wanted")
        found = self._structure.by_name.get(name)
        if found is not None:
            return found
        holders = [g for g in self.groups if name in g.layers or any(m.parameter == name for m in g.makers)]
        if len(holders) == 1:
            return holders[0]
        if holders:
            prunable = [g for g in holders if g.prunable]
            if len(prunable) == 1:
                return prunable[0]
            raise unknown_name("group", name, [g.name for g in holders], place="the graph; the layer has several")
        raise unknown_name("layer", name, [*self._structure.by_name, *{x for g in self.groups for x in g.layers}],
                           place=type(self.model).__name__)

    def explain(self, name: str, other: str | None = None) -> Explanation | Explanations:
        """Why a group is what it is: the operators that its axis passes, with the lines of the forward that made them.

        For a frozen group, the way to the operator that froze it. Of a layer with several groups (a fused qkv), each.
        With ``other``, the operators that tie the two: give groups, layers or parameters.

        Raises:
            UnknownNameError: no such group, layer or parameter.
            PlanError: nothing ties the two.
        """
        if other is None and name not in self._structure.by_name:  # perhaps a group that is frozen unless asked for
            opened = next((self.opened(kind) for kind in OPENED if isinstance(name, str)
                           and name in self.opened(kind).structure.by_name), None)
            if opened is not None and opened.structure is not self._structure:
                return opened.explain(name)
        explainer = Explainer(self.program, self._structure.solution.opened)
        if other is None:
            told = Explanations(explain_group(explainer, g) for g in self._groups_of(name))
            return told[0] if len(told) == 1 else told
        return explain_pair(explainer, *self._members(name, other))

    def _groups_of(self, name: str) -> Sequence[Group]:
        """The group of that name, or all that a layer has."""
        several = [g for g in self.groups if name in g.layers]
        return several if len(several) > 1 and name not in self._structure.by_name else [self.group(name)]

    def _members(self, a: str, b: str) -> tuple[Member, Member]:
        """Members of one group for two names, where there are such; else one of each."""
        named = [[m for g in self.groups for m in g.members if name in (m.parameter, layer_of(m.parameter), g.name)]
                 for name in (a, b)]
        for name, found in zip((a, b), named, strict=True):
            if not found:
                raise unknown_name("group, layer or parameter", name,
                                   [*self._structure.by_name, *self._structure.parameters], place="the graph")
        together = [(m, n) for g in self.groups for m in g.members if m in named[0] for n in g.members if n in named[1]]
        apart = [pair for pair in together if pair[0].parameter != pair[1].parameter]
        # what the first makes, where it makes something of it
        return max(apart or together or [(named[0][0], named[1][0])], key=lambda pair: pair[0].role == "out")

    def cost(self, plan: Removals | None = None) -> Cost:
        """What the network costs when ``plan`` is carried out: exact, in well under a millisecond, without surgery."""
        graph = self.opened_for(plan)
        kept = graph.kept(plan)
        cost = graph.structure.cost(kept)
        zeros = sum(graph._zeros(kept, name, mask) for name, mask in masked_weights(plan).items())
        return replace(cost, nonzero=cost.params - zeros) if zeros else cost

    def _zeros(self, kept: Kept, parameter: str, mask: np.ndarray[Any, Any]) -> int:
        """How many of the masked weights are in what is left of a parameter."""
        dims = self._structure.dims(parameter)
        if any(kept.changes(d) for d in dims):
            mask = mask[np.ix_(*(kept.positions(d) for d in dims))]
        return int(np.count_nonzero(mask))

    def kept(self, plan: Removals | None) -> Kept:
        """The positions that stay under ``plan``.

        Raises:
            PlanError: a plan made for another structure; the differences are listed.
        """
        if plan is None:
            return Kept({})
        self.check(plan)
        structure = self.opened_for(plan)._structure
        structure.refuse_spelled(plan.groups)
        return structure.kept({g.name: g.removed for g in plan.groups if not is_sparse(g)})

    def check(self, plan: Removals) -> None:
        """Refuse a plan that was made for another structure, with the differences."""
        if not hasattr(plan, "fingerprint"):
            raise PlanError(f"the plan is {shown(plan)}; give a plan of pl.propose, or pl.Plan.load(path)")
        apart = self.apart(plan)
        if apart:
            raise PlanError(f"the plan was made for another structure ({plan.model}) than {self.program.model}: "
                            f"{apart}; propose one for this model")

    def apart(self, plan: Removals) -> str:
        """How a plan's structure is another one, in words; empty where it is this one."""
        if plan.fingerprint == self.fingerprint:
            return ""
        mine = {g.name: g.units for g in self.prunable}
        theirs = {g.name: g.units for g in plan.groups}
        says = [f"{n} has {mine[n]} units here and {theirs[n]} there"
                for n in theirs if n in mine and mine[n] != theirs[n]]
        says += [f"{n} is not here" for n in theirs if n not in mine]
        says += [f"{n} is not in the plan" for n in mine if n not in theirs]
        return "; ".join(says[:4]) + (f"; and {len(says) - 4} more" if len(says) > 4 else "") or "the operators differ"

    # the model's tensors

    @property
    def place(self) -> Any:
        """Where the model's tensors live; None for a model without any."""
        return place_of(self._held.values())

    def tensor(self, parameter: str) -> Any:
        """The model's tensor of that name."""
        return self._held[self._structure.parameters[parameter].value]

    def tensor_shape(self, parameter: str) -> tuple[int, ...]:
        """The shape of the dense model's tensor of that name."""
        return self._structure.parameters[parameter].shape

    def slices(self, group: Group | str, roles: Sequence[str] = MAKES,
               array_of: Callable[[str], np.ndarray[Any, Any] | None] | None = None) -> dict[str, np.ndarray[Any, Any]]:
        """For each member with one of ``roles``: its weights as (units, n), the slices of each unit in a row.

        ``array_of`` gives other arrays than the weights, shaped like the parameter of that name (None: left out).
        """
        g = self.group(group) if isinstance(group, str) else group
        return slices(self, g, roles, array_of)

    def weights(self, group: Group | str) -> np.ndarray[Any, Any]:
        """The weights that make the units of a group: (units, n), one row a unit, all its layers side by side."""
        g = self.group(group) if isinstance(group, str) else group
        if not g.prunable:
            raise PlanError(f"{g.name} is frozen: {g.reason}; choose a group of graph.prunable")
        # weights proper first; a group made only by biases or scales (none is known) falls back to all members
        slices = self.slices(g) or self.slices(g, ("elementwise", "in"))
        return np.concatenate(list(slices.values()), axis=1)

    # running

    def run(self, *inputs: Any, until: Any = None, given: Mapping[Any, Any] | None = None) -> Any:
        """What the model computes, by the graph: equal to ``model(*inputs)`` bit for bit on one device.

        Args:
            inputs: tensors, one for each input, any batch.
            until: a layer, or a value id, or a list of them: gives these tensors instead of the outputs.
            given: tensors by layer or value id, from which to go on; inputs may then be left out where nothing reads
                them.

        Raises:
            InputError: inputs of a wrong number or shape.
        """
        several = isinstance(until, (list, tuple))
        targets = None if until is None else [self.value(u) for u in (until if several else [until])]
        more = {self.value(k): v for k, v in (given or {}).items()}
        out = execute(self._structure.executor, self._held, inputs, training=training_of(self.model),
                      targets=targets, given=more)
        return out if until is None or several else out[0]

    def value(self, name: str | int) -> int:
        """The value id of a layer's output: what comes after its weight and its bias, at its first use."""
        if isinstance(name, int):
            return name
        own = [p for p in self.program.parameters if p.layer == name or p.name == name]
        if not own:
            raise unknown_name("layer", name, sorted({p.layer for p in self.program.parameters}), place="the graph")
        return _output_of(self.program, own)

    def diagram(self, plan: Removals | None = None) -> Diagram:
        """A picture of what feeds what: the layers that make units, and where values meet; under a plan, darker where
        more is cut. Text, SVG, and HTML in a notebook.

        Raises:
            PlanError: a plan made for another structure.
        """
        graph = self.opened_for(plan)
        if plan is not None:
            self.check(plan)
        removed = {} if plan is None else {g.name: len(g.removed) / g.units for g in plan.groups if not is_sparse(g)}
        return diagram_of(graph.program, graph.groups, removed)

    def __repr__(self) -> str:
        cost = self.cost()
        return (f"Graph of {type(self.model).__name__}: {len(self.program.ops)} operators, "
                f"{len(self.prunable)} of {counted(len(self.groups), 'group')} prunable, "
                f"{cost.params:,} params, {cost.macs:,} MACs")

    def _repr_html_(self) -> str:
        def tied(group: Group) -> str:
            more = f" and {len(group.members) - 4} more" if len(group.members) > 4 else ""
            return ", ".join(map(str, group.members[:4])) + more

        rows = [[g.name, g.granularity, g.units, f"frozen: {g.reason}" if g.reason else tied(g)] for g in self.groups]
        table = html_table(["group", "unit", "units", "parameters that shrink together"], rows, caption=repr(self))
        return f"{self.diagram()._repr_html_()}{table}"


def _output_of(program: Program, parameters: Sequence[Parameter]) -> int:
    """Follow each parameter through what is computed from parameters only, to the first operator that meets data."""
    held = {p.value for p in program.parameters}
    of_parameters = set(held)
    for op in program.ops:
        if all(v is None or v in of_parameters for v in op.inputs):
            of_parameters.update(op.outputs)
    last = -1
    for p in parameters:
        todo, meets = [p.value], []
        while todo:
            for op in program.consumers.get(todo.pop(), ()):
                if op.outputs[0] in of_parameters or op.name == "builtin.combine":
                    todo.append(op.outputs[0])
                else:
                    meets.append(op.index)
        if meets:
            last = max(last, min(meets))
    if last < 0:
        raise InputError(f"{parameters[0].layer} is not used by the graph; choose a layer of graph.groups")
    return program.ops[last].outputs[0]
