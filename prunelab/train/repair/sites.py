"""What is solved anew, and where the two networks are compared for it.

An operator's own output is the natural place. But where it is added to a shortcut, the sum is a better one: the branch
then takes back what the shortcut has lost, as in He, Zhang, Sun: Channel Pruning for Accelerating Very Deep Neural
Networks, 2017 (arXiv:1707.06168), section 3.3. Between the operator and the sum nothing may stand but what is linear
with a factor a channel: a bias, a batch norm as it evaluates, a layer scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import paddle

from prunelab.evaluate.weighted import Weighted, readers_past_views, shared_operators, weighted_operators
from prunelab.graph import Graph
from prunelab.graph.dims import leaves
from prunelab.graph.program import Op, Program
from prunelab.graph.rules import RULES
from prunelab.graph.rules.convolution import channel_axis
from prunelab.graph.solver import Step
from prunelab.graph.widths import Kept
from prunelab.train.repair.walk import Network

BATCH_NORMS = frozenset({"batch_norm_", "sync_batch_norm_"})
NORMS = BATCH_NORMS | {"layer_norm", "group_norm", "instance_norm"}
_ADDS = frozenset({"add", "add_"})
_PASS = "pass"


@dataclass(frozen=True)
class Site:
    """One operator that is solved anew. ``out``: its output with the bias, ``target``: the value at which the networks
    are compared, ``factors``: the operators between the two that scale channels. ``weighted`` is the operator as the
    smaller network has it, None for a norm. ``others``: those of the other operators that share its tensors, which are
    solved together with it."""

    op: Op
    layer: str
    out: int
    target: int
    factors: tuple[Op, ...]
    weighted: Weighted | None = None
    axis: int = -1  # of a norm's channels
    # the batch norm right after an operator without a bias: its mean takes the bias's place
    absorbs: Op | None = None
    others: tuple[Site, ...] = ()
    feeds_itself: bool = False

    @property
    def uses(self) -> tuple[Site, ...]:
        """One for each operator that has its tensors."""
        return (self, *self.others)

    def factor(self, held: Mapping[int, Any]) -> Any:
        """By what each channel of the output is multiplied on the way to the target: (channels,), None for one."""
        found = None
        for op in self.factors:
            one = _norm_factor(op, held) if op.name in BATCH_NORMS else _parameter_of(op, held)
            found = one if found is None else found * one
        return found


def operand(op: Op, name: str) -> int:
    """The value id of an operand that is there."""
    value = op.operand(name)
    assert value is not None
    return value


def _norm_factor(op: Op, held: Mapping[int, Any]) -> Any:
    spread = held[operand(op, "variance")].astype("float64") + float(op.attributes["epsilon"])
    scale = op.operand("scale")
    return paddle.rsqrt(spread) * (1.0 if scale is None else held[scale].astype("float64"))


def _parameter_of(op: Op, held: Mapping[int, Any]) -> Any:
    return next(held[v] for v in op.inputs if v is not None and v in held).astype("float64").reshape([-1])


def find_sites(graph: Graph, kept: Kept, masked: frozenset[str], small: Network) -> tuple[Site, ...]:
    """The operators to solve anew, in the network's order: those that see another input than in the dense network, lose
    some of it, or are added to what does. What shares tensors is one site, in the place of the first."""
    calls = {c.index for c in small.calls}
    changed = changed_values(graph, kept, masked, small)
    weighted = ((w,) for w in weighted_operators(graph))
    kinds: list[tuple[Op, ...] | tuple[Weighted, ...]] = [*weighted, *shared_operators(graph), *_norms(graph)]
    together = {ops[0].index: (ops, uses) for uses in kinds for ops in [tuple(map(_op, uses))]
                if all(op.index in calls for op in ops)}
    solved_at = {op.index: first for first, (ops, _) in together.items() for op in ops}
    solved_at |= {op.index: op.index for op in graph.program.ops if op.name in NORMS and op.index not in solved_at}
    found = []
    for _, (ops, uses) in sorted(together.items()):
        sites = [_use(graph, kept, small, solved_at, use) for use in uses]
        if len({None if s.absorbs is None else operand(s.absorbs, "mean") for s in sites}) > 1:
            sites = [replace(s, absorbs=None) for s in sites]
        fed = len(ops) > 1 and any(_leads(small.executor.program, s.out, op) for s in sites for op in ops)
        found.append(replace(sites[0], others=tuple(sites[1:]), feeds_itself=fed))
    # what a shortcut has lost, a branch that lost nothing may give back
    return tuple(s for s in found if any(use.out in changed or use.target in changed for use in s.uses))


def _op(use: Op | Weighted) -> Op:
    return use.op if isinstance(use, Weighted) else use


def _use(graph: Graph, kept: Kept, small: Network, solved_at: Mapping[int, int], use: Op | Weighted) -> Site:
    """The site of one operator."""
    if isinstance(use, Weighted):
        absorbs = _norm_after(small, use) if use.bias is None else None
        return _site(graph, small, solved_at, use.op, use.layer, _squeezed(small, use.end),
                     _cut_weighted(graph, use, kept), absorbs)
    site = _site(graph, small, solved_at, use, _layer_of(graph.program, use), use.outputs[0], None, None)
    return replace(site, axis=_norm_axis(graph, use))


def _leads(program: Program, value: int, op: Op) -> bool:
    """Whether an operator's inputs are computed from a value."""
    todo, seen = [v for v in op.inputs if v is not None], set[int]()
    while todo:
        v = todo.pop()
        maker = program.producers.get(v)
        if v == value:
            return True
        if v not in seen and maker is not None:
            seen.add(v)
            todo += [u for u in maker.inputs if u is not None]
    return False


def _norms(graph: Graph) -> Iterator[tuple[Op, ...]]:
    """The norms with a gain and a bias of the model's own for each channel; those that share them, and that nobody else
    reads, together."""
    program = graph.program
    held = {p.value for p in program.parameters}
    for op in program.ops:
        if op.name not in NORMS or (op.name == "layer_norm" and _norm_axis(graph, op) != op.attributes[
                "begin_norm_axis"]):
            continue
        names = ("scale", "bias", "mean", "variance") if op.name in BATCH_NORMS else ("scale", "bias")
        values = [op.operand(name) for name in names]
        readers = [tuple(program.consumers.get(v, ())) for v in values if v is not None and v in held]
        alike = len(readers) == len(names) and all(r == readers[0] for r in readers)
        if alike and readers[0][0] is op and all(
                [one.operand(name) for name in names] == values for one in readers[0]):
            yield readers[0]


def _norm_axis(graph: Graph, op: Op) -> int:
    rank = len(graph.program.shapes[op.outputs[0]] or ())
    return rank - 1 if op.name == "layer_norm" else channel_axis(Step(graph.structure.solution, op), rank)


def changed_values(graph: Graph, kept: Kept, masked: frozenset[str], small: Network) -> set[int]:
    """The values that are not, at what is kept of them, what they are in the dense network."""
    solution = graph.structure.solution
    dims = solution.dims
    # weights that read fewer units; a width may be in what an operator makes too, so that its loss would not show there
    shorter = {v for (v, axis), role in solution.roles.items()
               if role == "in" and v in dims and kept.changes(dims[v][axis])}
    changed = {p.value for p in graph.program.parameters if p.name in masked}
    for call in small.calls:
        op = graph.program.ops[call.index]
        lost = _cut_leaves(dims, kept, op.inputs) - _cut_leaves(dims, kept, op.outputs)
        counts = call.name != op.name or (op.name == "layer_norm" and _cut_leaves(dims, kept, op.inputs))
        reads = [v for v in op.inputs if v is not None]
        if counts or lost or op.index in kept.dropped or any(v in changed or v in shorter for v in reads):
            # a list of weights is none the less the dense network's
            (shorter if op.name == "builtin.combine" else changed).update(op.outputs)
    return changed


def _cut_leaves(dims: Mapping[int, Any], kept: Kept, values: tuple[int | None, ...]) -> set[int]:
    def walk(nest: Any) -> set[int]:
        if isinstance(nest, (list, tuple)):
            return {found for part in nest for found in walk(part)}
        return {id(leaf) for leaf in leaves(nest) if leaf in kept.keep}

    return {found for v in values if v is not None and v in dims for found in walk(dims[v])}


def _cut_weighted(graph: Graph, w: Weighted, kept: Kept) -> Weighted:
    rule, step = RULES[w.op.name], Step(graph.structure.solution, w.op)
    numbers = dict(rule.rewrite(step, kept)) if rule.rewrite is not None else {}
    op = replace(w.op, attributes={**w.op.attributes, **numbers})
    value = next(v for v in w.op.inputs if v is not None and graph.program.shapes[v] == w.shape and v != w.x)
    dims = graph.structure.solution.dims[value]
    return replace(w, op=op, shape=tuple(kept.number(d) for d in dims))


def _norm_after(small: Network, w: Weighted) -> Op | None:
    value, program = _squeezed(small, w.y), small.executor.program
    readers = small.readers.get(value, [])
    if len(readers) == 1 and readers[0].name in BATCH_NORMS and value not in program.output_values:
        op = program.ops[readers[0].index]
        return op if op.operand("x") == value else None
    return None


def _squeezed(small: Network, value: int) -> int:
    """What a value is once the axes of one that stood in it for an operator's sake are gone: a convolution of sequences
    is one of images of one row."""
    program = small.executor.program
    while value not in program.output_values:
        readers = small.readers.get(value, [])
        if len(readers) != 1 or not readers[0].name.startswith("squeeze"):
            return value
        value = readers[0].outputs[0]
    return value


def _layer_of(program: Program, op: Op) -> str:
    names = {p.value: p.layer for p in program.parameters}
    return next((names[v] for v in op.inputs if v in names), f"{op.name}{op.line}")


def _site(graph: Graph, small: Network, solved_at: Mapping[int, int], op: Op, layer: str, out: int,
          weighted: Weighted | None, absorbs: Op | None) -> Site:
    """Follow the output as far as a sum that can be compared at; stay at the output where there is none."""
    program = graph.program
    value, factors, best = out, list[Op](), (out, 0)
    while True:
        readers = small.readers.get(value, [])
        if len(readers) != 1 or value in program.output_values:
            break
        call, reader = readers[0], program.ops[readers[0].index]
        if program.shapes[reader.outputs[0]] != program.shapes[out]:
            break
        if _is_factor(graph, reader, value, weighted):
            factors.append(reader)
        elif call.name == _PASS or (reader.name in _ADDS and _settled(small, solved_at, op, value, reader)):
            best = reader.outputs[0], len(factors)
        elif reader.name != "dropout":
            break
        value = reader.outputs[0]
    return Site(op, layer, out, best[0], tuple(factors[: best[1]]), weighted, absorbs=absorbs)


def _is_factor(graph: Graph, op: Op, value: int, weighted: Weighted | None) -> bool:
    """Whether an operator only scales and shifts each channel, by numbers of the model."""
    if op.name in BATCH_NORMS:
        return op.operand("x") == value
    return op.name in ("multiply", "multiply_") and _scales_channels(graph, op, value, weighted)


def _scales_channels(graph: Graph, op: Op, value: int, weighted: Weighted | None) -> bool:
    other = next((v for v in op.inputs if v != value), None)
    held = {p.value: p for p in graph.program.parameters}
    shape, whole = held[other].shape if other in held else (), graph.program.shapes[value] or ()
    last = weighted is None or weighted.kind == "linear" or weighted.channels_last
    axis = len(whole) - 1 if last else 1
    aligned = (1,) * (len(whole) - len(shape)) + tuple(shape)
    return bool(shape) and all(n == (whole[axis] if k == axis else 1) for k, n in enumerate(aligned))


def _settled(small: Network, solved_at: Mapping[int, int], op: Op, value: int, add: Op) -> bool:
    """Whether the other operand of a sum is what it will be: nothing that it needs is solved later, nor is it computed
    from the operator itself."""
    program = small.executor.program
    others = [v for v in add.inputs if v != value]
    if len(others) != 1 or others[0] is None or program.shapes[others[0]] != program.shapes[value]:
        return False
    todo, seen, place = [others[0]], set[int](), solved_at.get(op.index, op.index)
    while todo:
        v = todo.pop()
        maker = program.producers.get(v)
        if v in seen or maker is None or maker.index < place:
            continue
        seen.add(v)
        if solved_at.get(maker.index, -1) >= place or maker.index == op.index:
            return False
        todo += [u for u in maker.inputs if u is not None]
    return True


def unsolved(graph: Graph, kept: Kept, masked: frozenset[str], small: Network,
             sites: tuple[Site, ...]) -> tuple[tuple[str, str], ...]:
    """Weights that see a changed input and are left as they were cut, with the reason."""
    program, changed = graph.program, changed_values(graph, kept, masked, small)
    calls, done = {c.index for c in small.calls}, {use.op.index for s in sites for use in s.uses}
    out = {}
    for p in program.parameters:
        readers = [op for op in readers_past_views(program, p.value) if op.index in calls]
        if len(p.shape) < 2 or p.kind != "parameter" or not readers or readers[0].index in done:
            continue
        reader = readers[0]
        if reader.name == "builtin.combine":
            readers = [op for op in program.consumers.get(reader.outputs[0], ()) if op.index in calls]
        if any(op.outputs[0] in changed for op in readers):
            out[p.layer] = "several operators share its weight" if len(readers) > 1 else _no_form(readers[0])
    return tuple(out.items())


def _no_form(op: Op) -> str:
    return "a recurrent layer is not linear in its weights" if op.name == "rnn" else f"it is read by {op.name}"
