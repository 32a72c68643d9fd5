"""Where a group's units can be seen: the inputs of the operators that read them, and these readers themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError
from prunelab.evaluate.weighted import Weighted, shared_operators, weighted_operators
from prunelab.graph import Graph, Group
from prunelab.graph.dims import Dim, leaves
from prunelab.graph.widths import unit_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Site:
    """A value in which a group's units stand along ``axis``; ``order``: (units, positions of each) along it."""

    value: int
    axis: int
    batch_axis: int
    order: Array

    def view(self, tensor: Any) -> Any:
        """(batch, units, positions of a unit, *other axes)."""
        rest = [k for k in range(tensor.ndim) if k not in (self.axis, self.batch_axis)]
        lead = [self.batch_axis] if self.batch_axis >= 0 else []
        moved = tensor.transpose([*lead, self.axis, *rest]) if tensor.ndim > 1 else tensor
        if self.batch_axis < 0:
            moved = moved.unsqueeze(0)
        where = paddle.to_tensor(self.order.reshape(-1).astype(np.int64), place=tensor.place)
        picked = paddle.index_select(moved, where, axis=1)
        return picked.reshape([moved.shape[0], *self.order.shape, *[tensor.shape[k] for k in rest]])


@dataclass(frozen=True)
class Reader:
    """A linear map that reads a group's units: ``weighted``, or a recurrent layer's matrix over the value ``x``.

    ``unit``: the unit of each input channel, -1 where it belongs to none. ``recurrent``: the weight's name, (outputs,
    inputs), where there is no weighted operator. ``also``: the other operators that share the weight.
    """

    x: int
    unit: Array
    weighted: Weighted | None = None
    recurrent: str = ""
    also: tuple[Weighted, ...] = ()

    @property
    def inputs(self) -> dict[int, Weighted | None]:
        """The value ids that it reads, each with its operator."""
        return {self.x: self.weighted, **{w.x: w for w in self.also}}


def readers_of(graph: Graph, group: Group, operators: tuple[Weighted, ...] | None = None) -> tuple[Reader, ...]:
    """The operators that read a group's units through weights of the model."""
    by_weight: dict[str, tuple[Weighted, ...]] = {shared[0].weight: shared for shared in shared_operators(graph)}
    by_weight.update({w.weight: (w,) for w in (weighted_operators(graph) if operators is None else operators)})
    atom, found = graph.structure.atoms[group.name], []
    for member in group.members:
        if member.role != "in":
            continue
        unit = unit_of(graph.structure.dims(member.parameter)[member.axis], atom)
        weighted = by_weight.get(member.parameter)
        if weighted is not None:
            found.append(Reader(weighted[0].x, unit, weighted[0], also=weighted[1:]))
        else:
            x = _recurrent_input(graph, member.parameter)
            if x is not None:
                found.append(Reader(x, unit, None, member.parameter))
    return tuple(found)


def sites_of(graph: Graph, group: Group, operators: tuple[Weighted, ...] | None = None) -> tuple[Site, ...]:
    """Where the units are seen by those who read them; without such, where they first stand.

    Raises:
        OptionError: a group whose units stand in no value.
    """
    atom = graph.structure.atoms[group.name]
    found: dict[int, Site] = {}
    for reader in readers_of(graph, group, operators):
        for site in filter(None, (_site(graph, x, atom) for x in reader.inputs)):
            found.setdefault(site.value, site)
    if not found:
        first = next(filter(None, (_site(graph, v, atom) for op in graph.program.ops for v in op.outputs)), None)
        if first is None:
            raise OptionError(f"the units of {group.name} stand in no value of the graph; choose a criterion that "
                              "looks at weights only, such as l1_weight, or ignore the group")
        found[first.value] = first
    return tuple(found.values())


def _site(graph: Graph, value: int, atom: Dim) -> Site | None:
    solution = graph.structure.solution
    dims = solution.dims.get(value)
    if dims is None or value in solution.held or any(isinstance(d, list) for d in dims):
        return None
    if not any(leaf.batch for d in dims for leaf in leaves(d)) and graph.input_specs[0].batch_axis is not None:
        return None  # computed from parameters alone
    for axis, dim in enumerate(dims):
        unit = unit_of(dim, atom)
        if (unit >= 0).any():
            order = np.argsort(unit, kind="stable")[(unit < 0).sum():].reshape(atom.size, -1)
            batch = next((k for k, d in enumerate(dims) if any(leaf.batch for leaf in leaves(d))), -1)
            return Site(value, axis, batch, order) if batch != axis else None
    return None


def _recurrent_input(graph: Graph, parameter: str) -> int | None:
    """What a recurrent layer's matrix reads: the layer's input, or its output, which is its last layer's state."""
    program = graph.program
    value = graph.structure.parameters[parameter].value
    for combine in program.consumers.get(value, ()):
        for op in program.consumers.get(combine.outputs[0], ()):
            if op.name != "rnn" or combine.name != "builtin.combine":
                continue
            place = combine.inputs.index(value)
            directions = 2 if op.attributes["is_bidirec"] else 1
            last = 2 * directions * (op.attributes["num_layers"] - 1)
            if place % 2 == 0:
                return op.inputs[0] if place < 2 * directions else None
            return op.outputs[0] if place >= last and directions == 1 else None
    return None
