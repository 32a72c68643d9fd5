"""Operators that write over a tensor, told as operators that make a new one.

Paddle's program reads a tensor by one name before and after an operator such as ``relu_`` or ``assign_out_`` writes
over it; which of the two is meant is a matter of order. Here every later reader is pointed at what was written, so that
a rule sees what is really read. What is assigned to one of the model's own tensors (weight norm writes the weight at
every call) is a new value too: a graph reads its model and leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from prunelab.errors import TraceError
from prunelab.graph.program import Op

# The operand that is written over, where it is not the first.
_TARGET = {"assign_out_": "output", "assign_value_": "output"}
# They end in an underscore for their statistics, which they leave alone in eval mode.
_NOT_IN_PLACE = frozenset({"batch_norm_", "sync_batch_norm_"})


def read_in_order(ops: Iterable[Op], names: Mapping[int, str], inputs: Iterable[int],
                  model: str) -> tuple[list[Op], Mapping[int, int]]:
    """The operators with each operand as it stands when it is read, and for what was written over its last value.

    Args:
        names: the names of the model's own tensors by value id.
        inputs: the value ids of the inputs.
        model: its name, for the error.

    Raises:
        TraceError: a forward that writes over a tensor of the model what depends on the inputs, or on what it held
            before.
    """
    latest: dict[int, int] = {}  # a value -> what was last written over it
    first: dict[int, int] = {}  # what was written -> the value it was first written over
    made_by: dict[int, Op] = {}
    out = []
    for op in ops:
        op = replace(op, inputs=tuple(v if v is None else latest.get(v, v) for v in op.inputs))
        target = _written_over(op)
        if target is not None:
            root = first.get(target, target)
            if root in names:
                reads = _sources(op.inputs[:1], made_by) if op.name == "assign_out_" else {root}
                _refuse_memory(op, names[root], root in reads, bool(reads.intersection(inputs)), model)
            first[op.outputs[0]] = root
            latest[root] = latest[target] = op.outputs[0]
        made_by.update(dict.fromkeys(op.outputs, op))
        out.append(op)
    return out, latest


def _written_over(op: Op) -> int | None:
    if not op.name.endswith("_") or op.name in _NOT_IN_PLACE or not op.inputs or not op.outputs:
        return None
    argument = _TARGET.get(op.name)
    return op.inputs[0] if argument is None else op.operand(argument)


def _sources(values: Iterable[int | None], made_by: Mapping[int, Op]) -> set[int]:
    """All values that ``values`` are computed from."""
    found: set[int] = set()
    todo = [v for v in values if v is not None]
    while todo:
        value = todo.pop()
        if value not in found:
            found.add(value)
            todo += [v for v in made_by[value].inputs if v is not None] if value in made_by else []
    return found


def _refuse_memory(op: Op, name: str, by_itself: bool, by_inputs: bool, model: str) -> None:
    if by_itself or by_inputs:
        what = "what it held before" if by_itself else "the inputs"
        raise TraceError(f"{model} cannot be read as a graph: its forward writes over '{name}'{op.line} with something "
                         f"that depends on {what}, which a graph cannot repeat; return it instead, or write it outside "
                         "the forward")
