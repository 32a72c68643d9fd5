"""A graph as a listing: operators in order with their arguments by name, for tables of other frameworks to say again.

Whatever the executor would fill in is there as plain data: numbers, arrays, names of values. What depends on no input
is computed already, so a table needs no operator that only prepares weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

import numpy as np
import paddle

from prunelab.errors import ExportError
from prunelab.export.base import Array
from prunelab.export.sizes import BATCH, Number, is_free, per_batch
from prunelab.graph.calls import Call, Constant, argument_names
from prunelab.graph.graph import Graph
from prunelab.graph.inputs import dtype_name
from prunelab.graph.places import place_of
from prunelab.graph.program import DType, Ref, TensorSpec, flatten, rebuild
from prunelab.graph.structure import Structure
from prunelab.graph.trace import read_program
from prunelab.graph.tracing import trace
from prunelab.graph.widths import Kept, PerBatch

RANDOM = frozenset("gaussian uniform randint randperm bernoulli poisson multinomial binomial standard_gamma "
                   "exponential_ gumbel_softmax truncated_gaussian_random".split())


@dataclass(frozen=True)
class Variable:
    """A tensor of the listing: its name, its shape with free sizes as such, its dtype (``"float32"``)."""

    name: str
    shape: tuple[Number, ...]
    dtype: str


@dataclass(frozen=True)
class Statement:
    """An operator; each argument is a number, a string, a list of sizes, an array, or a `Ref` to a value."""

    name: str
    arguments: Mapping[str, Any]
    outputs: tuple[int, ...]
    line: str = ""

    @property
    def refs(self) -> tuple[int, ...]:
        """The values it reads."""
        return tuple(a.value for a in flatten(dict(self.arguments)) if isinstance(a, Ref))


@dataclass(frozen=True)
class Listing:
    """A model as plain data. ``held`` are arrays by value: parameters, and what is computed from them alone.

    ``free`` says where a free axis is read: its name -> the input's value and the axis; ``at`` how long it was when the
    model was read. ``outputs`` are in the order in which ``paddle.jit.save`` writes them.
    """

    model: str
    inputs: Mapping[int, Variable]
    statements: tuple[Statement, ...]
    held: Mapping[int, Array] = field(repr=False)
    variables: Mapping[int, Variable] = field(repr=False)
    outputs: tuple[tuple[str, int], ...]
    free: Mapping[str, tuple[int, int]]
    at: Mapping[str, int] = field(default_factory=dict)


def draws(statement: Statement) -> bool:
    """Whether it draws random numbers: also a dropout that a forward asks for in eval mode."""
    told = statement.arguments
    dropout = statement.name == "dropout" and not told.get("is_test") and told.get("p") != 0
    return dropout or statement.name in RANDOM


def read_graph(model: Any, specs: tuple[TensorSpec, ...]) -> Graph:
    """The graph of ``model`` with the batches of ``specs`` free, and no other axis.

    Raises:
        ExportError: a batch that is to be free, and is not.
        TraceError: a forward that cannot be read.
    """
    free = any(spec.batch_axis is not None for spec in specs)
    if not free:
        reading = read_program(model, specs, any_batch=False)
        return Graph(model, Structure(reading.program), reading.held)
    graph = trace(model, specs)
    if all(spec.batch_axis is None for spec in graph.input_specs):
        raise ExportError(f"the forward of {graph.program.model.rpartition('.')[2]} computes with the batch itself, "
                          "and stands for one batch only")
    return graph


def listing(graph: Graph) -> Listing:
    """The whole graph in eval mode."""
    return listed(read(graph), free_batch(graph))


@dataclass(frozen=True)
class Read:
    """A graph, its operators with their arguments, and its tensors, before anything is computed or left out."""

    graph: Graph
    statements: list[Statement]
    variables: dict[int, Variable]


def read(graph: Graph) -> Read:
    """All operators of a graph with their arguments by name."""
    statements = [_statement(graph, call) for call in graph.structure.executor.calls]
    return Read(graph, statements, _variables(graph))


def listed(found: Read, free: Mapping[str, tuple[int, int]]) -> Listing:
    """What the outputs need of a reading, with all computed that no input changes; ``free`` says where free axes are
    read."""
    graph, statements, variables = found.graph, found.statements, found.variables
    fixed = _known(graph, statements)
    needed = _needed(statements, graph.program.output_values, fixed)
    reads = {v for s in needed for v in s.refs} | set(graph.program.output_values)
    return Listing(
        model=graph.program.model.rpartition(".")[2],
        inputs={v: variables[v] for v in graph.program.inputs},
        statements=tuple(needed),
        held=_arrays(graph, [v for v in sorted(reads) if v in fixed]),
        variables=variables,
        outputs=tuple(_named_outputs(graph.program.outputs, [spec.name for spec in graph.program.specs])),
        free=free,
    )


# statements


def _statement(graph: Graph, call: Call) -> Statement:
    op = graph.program.ops[call.index]
    if call.name in ("builtin.combine", "builtin.split", "pass"):
        return Statement(call.name, {"x": [Ref(v) for _, v, _ in call.tensors]}, call.outputs, op.line)
    if call.name == "constant":
        return Statement(call.name, {"value": _array(call.made[0][1])}, call.outputs, op.line)
    if call.name == "einsum_of_many":  # of several at once, which any framework's einsum takes
        read = [Ref(v) for _, v, _ in call.tensors]
        return Statement("einsum", {"x": read, "equation": call.arguments[0]}, call.outputs, op.line)
    given = [_plain(a) for a in call.arguments]
    constants = graph.structure.executor.constants
    for place, value, _ in call.tensors:
        one = constants.get(value)  # a number that an operator wants as a tensor may follow the length
        given[place] = Ref(value) if one is None or isinstance(one.value, list) else _array(one)
    for place, constant in call.made:
        given[place] = _array(constant)
    for place, size in call.sizes:
        given[place] = [_size(n) for n in size] if isinstance(size, list) else _size(size)
    for place in call.flags:
        given[place] = True
    names = argument_names(op, call.name)
    return Statement(call.name, dict(zip(names, given, strict=True)), call.outputs, op.line)


def _plain(value: Any) -> Any:
    return DType(dtype_name(value)) if type(value).__name__ == "DataType" else value


def _size(n: Any) -> Any:
    return per_batch(n.each, n.more) if isinstance(n, PerBatch) else n


def _array(constant: Constant) -> Array:
    value = np.asarray(constant.value)
    return value.reshape(constant.shape or value.shape).astype(constant.dtype)


# values


def _variables(graph: Graph) -> dict[int, Variable]:
    program, whole = graph.program, Kept({})
    names = {p.value: p.name for p in program.parameters} | {
        v: spec.name for v, spec in zip(program.inputs, program.specs, strict=True)}
    found = {}
    for value, shape in enumerate(program.shapes):
        dims = graph.structure.solution.dims.get(value)
        if shape is None:
            continue
        known = dims is not None and len(dims) == len(shape) and not any(isinstance(d, list) for d in dims)
        sizes = tuple(_size(whole.size(d)) for d in dims) if known and dims is not None else shape
        found[value] = Variable(names.get(value, f"v{value}"), sizes, program.dtypes[value])
    return found


def _known(graph: Graph, statements: list[Statement]) -> set[int]:
    """The values that no input, no batch and no random number changes."""
    known = {p.value for p in graph.program.parameters} | set(graph.structure.executor.constants)
    for s in statements:
        sizes = any(is_free(a) for a in s.arguments.values())
        if not draws(s) and not sizes and all(v in known for v in s.refs):
            known.update(s.outputs)
    return known


def _needed(statements: list[Statement], targets: tuple[int, ...], fixed: set[int]) -> list[Statement]:
    wanted, found = set(targets) - fixed, []
    for s in reversed(statements):
        if wanted.intersection(s.outputs) and not fixed.issuperset(s.outputs):
            found.append(s)
            wanted.update(v for v in s.refs if v not in fixed)
    return found[::-1]


def _arrays(graph: Graph, values: list[int]) -> dict[int, Array]:
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters if p.kind != "empty"}
    empty = {p.value for p in graph.program.parameters if p.kind == "empty"}
    values = [v for v in values if v not in empty]
    with paddle.no_grad():
        # a model that holds nothing has no place; the numbers leave it at once
        place = place_of(held.values()) or paddle.CPUPlace()
        out = graph.structure.executor.run(held, values, training=False, place=place, batch=1)
    return {v: _numpy(t) for v, t in zip(values, out, strict=True) if t is not None}


def _numpy(tensor: Any) -> Any:
    if isinstance(tensor, (list, tuple)):
        return [_numpy(t) for t in tensor]
    if str(tensor.dtype).endswith("bfloat16"):
        tensor = tensor.astype("float32")
    return np.asarray(tensor.detach().numpy())


def _named_outputs(nest: Any, inputs: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Names after the keys of dicts and the numbers in lists, in the order of ``paddle.utils.flatten``; one that is
    taken, by an input or another key, gets a number."""
    order = [leaf.value for leaf in paddle.utils.flatten(rebuild(nest, lambda leaf: leaf)) if isinstance(leaf, Ref)]
    names: dict[int, list[str]] = {}
    for name, value in _paths(nest, ""):
        names.setdefault(value, []).append(name or "output")
    taken = set(inputs)
    for value in order:
        told = names[value].pop(0)
        name = next(n for n in chain([told], (f"{told}_{k}" for k in count(1))) if n not in taken)
        taken.add(name)
        yield name, value


def _paths(nest: Any, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(nest, Ref):
        yield path, nest.value
    elif isinstance(nest, dict):
        for key, part in nest.items():
            yield from _paths(part, f"{path}.{key}" if path else str(key))
    elif isinstance(nest, (list, tuple)):
        for k, part in enumerate(nest):
            yield from _paths(part, f"{path}.{k}" if path else f"output_{k}")


def free_batch(graph: Graph) -> dict[str, tuple[int, int]]:
    """Where the batch is read, if it is free."""
    for value, spec in zip(graph.program.inputs, graph.program.specs, strict=True):
        if spec.batch_axis is not None:
            return {BATCH: (value, spec.batch_axis)}
    return {}
