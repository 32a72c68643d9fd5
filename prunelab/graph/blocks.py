"""Depth: the branches of residual sums, each of which can go as a whole.

In ``y = x + f(x)`` the branch f can go where some of the model's own tensors, set to zero, make all of it zero: the
last layer's weight and bias, a batch norm's gain and bias, a layer scale. Then the masked model computes ``y = x``, and
the smaller one has no f.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prunelab.graph.groups import Group, Member, layer_of
from prunelab.graph.program import Op, Program
from prunelab.graph.rules.elementwise import KEEPS_ZERO

BLOCKS = "blocks"  # the name of the group, where no layer has it

# What is zero where its first operand is, whatever it does to the shape.
_PASSES_ZERO = frozenset(KEEPS_ZERO) | frozenset(
    "dropout reshape reshape_ transpose squeeze unsqueeze flatten slice strided_slice expand tile pool2d pool3d sum "
    "mean roll flip divide builtin.split split split_with_num".split())
_SUMS = frozenset("add add_ subtract".split())
_WEIGHTS = {
    **dict.fromkeys(("conv1d conv2d conv3d depthwise_conv2d conv2d_transpose conv3d_transpose "
                     "depthwise_conv2d_transpose").split(), ("filter",)),
    **dict.fromkeys(("matmul", "bmm"), ("x", "y")),
    **dict.fromkeys(("multiply", "multiply_"), ("x", "y")),
}
_NORMS = {"batch_norm_": ("scale", "bias"), "layer_norm": ("scale", "bias"), "group_norm": ("scale", "bias"),
          "instance_norm": ("scale", "bias")}


@dataclass(frozen=True)
class Block:
    """One residual branch: the ``add`` (an operator's index), the value it passes by, its own operators, what silences
    it.

    ``silences`` are value ids of the model's own tensors that make the branch zero when they are; ``parameters`` all
    that only this branch reads.
    """

    label: str
    add: int
    by: int
    operators: frozenset[int]
    silences: tuple[int, ...]
    parameters: tuple[int, ...]


def find_blocks(program: Program, held: frozenset[int]) -> tuple[Block, ...]:
    """The branches that can go, in network order."""
    before = _ancestors(program)
    found = []
    for op in program.ops:
        if op.name not in ("add", "add_"):
            continue
        for by, branch in (op.inputs, op.inputs[::-1]):
            if by is not None and branch is not None and by in before.get(branch, ()):
                block = _block(program, op, by, branch, before, held)
                if block is not None:
                    found.append(block)
                    break
    return _labelled(program, found)


def _ancestors(program: Program) -> dict[int, frozenset[int]]:
    """For each computed value, the values it is computed from. Sets are shared along chains only by their union, which
    is what residual networks need: a few hundred thousand entries for a thousand operators."""
    before: dict[int, frozenset[int]] = {}
    for op in program.ops:
        of = frozenset(v for v in op.inputs if v is not None)
        of = of.union(*(before[v] for v in of if v in before))
        before.update(dict.fromkeys(op.outputs, of))
    return before


def _block(program: Program, add: Op, by: int, branch: int, before: Mapping[int, frozenset[int]],
           held: frozenset[int]) -> Block | None:
    shape = program.shapes[add.outputs[0]]
    if program.shapes[by] != shape or program.shapes[branch] != shape or by in held:
        return None
    values = (before[branch] | {branch}) - before.get(by, frozenset()) - {by}
    own = {program.producers[v].index for v in values if v in program.producers}
    own = _exclusive(program, own, add.index)
    if program.producers[branch].index not in own:
        return None
    silences = _silence(program, branch, held, own)
    if silences is None:
        return None
    readers = program.consumers
    parameters = tuple(p.value for p in program.parameters
                       if p.value in readers and all(op.index in own for op in _readers(program, p.value)))
    return Block("", add.index, by, frozenset(own), tuple(silences), parameters)


def _readers(program: Program, value: int) -> list[Op]:
    """The operators that read a value, lists looked through."""
    found = []
    for op in program.consumers.get(value, ()):
        found += _readers(program, op.outputs[0]) if op.name == "builtin.combine" else [op]
    return found


def _exclusive(program: Program, own: set[int], add: int) -> set[int]:
    """The operators of which nothing outside the branch reads anything."""
    outputs = set(program.output_values)
    changed = True
    while changed:
        changed = False
        for index in [*own]:
            op = program.ops[index]
            if any(v in outputs or any(reader.index not in own and reader.index != add
                                       for reader in program.consumers.get(v, ())) for v in op.outputs):
                own.discard(index)
                changed = True
    return own


def _silence(program: Program, value: int, held: frozenset[int], own: set[int]) -> list[int] | None:
    """The model's tensors that make ``value`` zero when they are; None where there are none of the branch's own."""
    if value in held:
        mine = all(op.index in own for op in _readers(program, value))
        return [value] if mine else None
    op = program.producers.get(value)
    if op is None or op.index not in own:
        return None
    if op.name in _SUMS:
        return _all(program, op.inputs, held, own)
    if op.name in ("concat", "stack", "builtin.combine", "add_n"):
        return _all(program, op.inputs[:1] if op.name != "builtin.combine" else op.inputs, held, own)
    if op.name in _NORMS:
        return _all(program, [op.operand(name) for name in _NORMS[op.name]], held, own)
    if op.name == "scale" and op.attributes.get("bias"):
        return None
    if op.name in _WEIGHTS:
        operands = [op.operand(name) for name in _WEIGHTS[op.name]]
        weights = [v for v in operands if v is not None and v in held]
        for v in [*weights, *(v for v in op.inputs if v not in weights)]:
            found = None if v is None else _silence(program, v, held, own)
            if found is not None:
                return found
        return None
    if op.name in _PASSES_ZERO or op.name == "scale":
        return None if op.inputs[0] is None else _silence(program, op.inputs[0], held, own)
    return None


def _all(program: Program, values: Iterable[int | None], held: frozenset[int], own: set[int]) -> list[int] | None:
    found: list[int] = []
    for value in values:
        if value is None:
            return None
        one = _silence(program, value, held, own)
        if one is None:
            return None
        found += one
    return found


def _labelled(program: Program, blocks: list[Block]) -> tuple[Block, ...]:
    """Blocks named after the layers that only they use: "layer1.1", "layers.0.self_attn", "layers.0:2"."""
    names = {p.value: p.name for p in program.parameters}
    out, taken = [], dict[str, int]()
    for block in blocks:
        paths = [layer_of(names[v]).split(".") for v in block.parameters]
        common = []
        for parts in zip(*paths, strict=False):
            if len(set(parts)) > 1:
                break
            common.append(parts[0])
        label = ".".join(common) or layer_of(names[block.silences[0]])
        taken[label] = taken.get(label, 0) + 1
        label = f"{label}:{taken[label]}" if taken[label] > 1 else label
        out.append(Block(label, block.add, block.by, block.operators, block.silences, block.parameters))
    return tuple(out)


def alive(program: Program, dropped: Mapping[int, int],
          missing: Mapping[int, frozenset[int]] | None = None) -> frozenset[int]:
    """The operators that the outputs still need when some sums (by their index) only pass one operand on, and some
    lists (by the operator that makes them) lack operands."""
    missing = missing or {}
    wanted, found = list(program.output_values), set()
    while wanted:
        op = program.producers.get(wanted.pop())
        if op is None or op.index in found:
            continue
        found.add(op.index)
        gone = missing.get(op.index, frozenset())
        wanted += [dropped[op.index]] if op.index in dropped else [
            v for k, v in enumerate(op.inputs) if v is not None and k not in gone]
    return frozenset(found)


def block_group(name: str, program: Program, blocks: tuple[Block, ...]) -> tuple[Group, ...]:
    """The group whose units are the blocks; none for a network without."""
    if not blocks:
        return ()
    names = {p.value: p.name for p in program.parameters}
    members = tuple(Member(names[v], 0, "elementwise") for block in blocks for v in block.silences)
    reason = "it has a single unit" if len(blocks) < 2 else ""
    return (Group(name, len(blocks), "layer", members, not reason, reason, tuple(b.label for b in blocks)),)
