"""Operators that write over a tensor, told as operators that make a new one.

Paddle's program reads a tensor by one name before and after an operator such as ``relu_`` or ``assign_out_`` writes
over it; which of the two is meant is a matter of order. Here every later reader is pointed at what was written, so that
a rule sees what is really read. What is assigned to one of the model's own tensors (weight norm writes the weight at
every call) is a new value too: a graph reads its model and leaves it as it is. What a forward only leaves behind for
others to look at (an attention map, the features of a stage) is nothing to the graph.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from prunelab.errors import TraceError
from prunelab.graph.program import Op

# The operand that is written over, where it is not the first.
_TARGET = {"assign_out_": "output", "assign_value_": "output"}
# They end in an underscore for their statistics, which they leave alone in eval mode; a detach for the memory that it
# shares, which it only reads.
_NOT_IN_PLACE = frozenset({"batch_norm_", "sync_batch_norm_", "share_data_"})


def read_in_order(ops: Iterable[Op], names: Mapping[int, str], inputs: Iterable[int], model: str,
                  kept: Container[str] = ()) -> tuple[list[Op], Mapping[int, int], set[int]]:
    """The operators with each operand as it stands when it is read; for what was written over, its last value; and the
    model's tensors that are only left behind, which nothing reads.

    Args:
        names: the names of the model's own tensors by value id.
        inputs: the value ids of the inputs.
        model: its name, for the error.
        kept: the names of the model's tensors that are saved with it, and so are more than left behind.

    Raises:
        TraceError: a forward that writes over a tensor of the model what depends on what it held before, or, where that
            was read or is kept, on the inputs.
    """
    latest: dict[int, int] = {}  # a value -> what was last written over it
    first: dict[int, int] = {}  # what was written -> the value it was first written over
    made_by: dict[int, Op] = {}
    looked_at: set[int] = set()  # the model's tensors that were read as they stood before the forward
    left_behind: set[int] = set()
    out: list[Op] = []
    for raw in ops:
        op = replace(raw, inputs=tuple(v if v is None else latest.get(v, v) for v in raw.inputs), index=len(out))
        target = _written_over(raw)
        root = None if target is None else first.get(target, target)
        if root in names and op.name == "assign_out_":
            assert root is not None
            reads = _sources(op.inputs[:1], made_by)
            by_inputs = bool(reads.intersection(inputs))
            remembers = by_inputs and (root in looked_at or names[root] in kept)
            _refuse_memory(op, names[root], root in reads, remembers, model)
            if by_inputs or root in left_behind:
                left_behind.add(root)
                first[op.outputs[0]] = root
                latest.update(dict.fromkeys((root, op.outputs[0]), op.inputs[0]))  # type: ignore[arg-type]
                continue
        elif root in names:
            _refuse_memory(op, names[root], True, False, model)  # type: ignore[index]
        looked_at.update(v for v in op.inputs if v in names and v != root)  # type: ignore[misc]
        if target is not None and root is not None:
            first[op.outputs[0]] = root
            latest[root] = latest[target] = op.outputs[0]
        made_by.update(dict.fromkeys(op.outputs, op))
        out.append(op)
    return out, latest, left_behind


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
