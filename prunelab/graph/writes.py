"""Operators that write over a tensor, told as operators that make a new one.

Paddle's program reads a tensor by one name before and after an operator such as ``relu_`` or ``assign_out_`` writes
over it; which of the two is meant is a matter of order. Here every later reader is pointed at what was written, so that
a rule sees what is really read. What is assigned to one of the model's own tensors (weight norm writes the weight at
every call) is a new value too: a graph reads its model and leaves it as it is. What a forward only leaves behind for
others to look at (an attention map, the features of a stage) is nothing to the graph.

What shares memory in eager mode is looked at in `prunelab.graph.memory`.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import paddle
from paddle import _C_ops
from paddle.jit.dy2static import parameter_recorder, program_translator
from paddle.utils import inplace_utils

from prunelab.errors import TraceError
from prunelab.graph.memory import Memory
from prunelab.graph.program import Op
from prunelab.graph.reasons import user_line

# The operand that is written over, where it is not the first.
_TARGET = {"assign_out_": "output", "assign_value_": "output"}
# They end in an underscore for their statistics, which they leave alone in eval mode; a detach for the memory that it
# shares, which it only reads.
_NOT_IN_PLACE = frozenset({"batch_norm_", "sync_batch_norm_", "share_data_"})

@contextlib.contextmanager
def writing_in_place(model: str) -> Iterator[None]:
    """Inside, ``F.relu_(x)`` and ``x.add_(y)`` write over ``x``, as they do in eager mode.

    Paddle's static form of a function that ends in an underscore is the one without, which it looks up by name, and
    whoever reads ``x`` afterwards reads what it was. What shares memory is looked at here, and not by Paddle, which
    refuses whatever was reshaped once.

    Raises:
        TraceError: at the end, where what was given another shape is read by its old one.
    """
    reshaped: list[tuple[Any, Any]] = []

    def static_form(name: str) -> Callable[..., Any]:
        function = functools.reduce(getattr, name.split(".")[1:], paddle)
        target = 1 if name.endswith(".where") else 0  # its first operand is a condition

        def write(*operands: Any, **options: Any) -> Any:
            x = operands[target] if len(operands) > target else options["x"]
            return _write_over(x, function(*operands, **options), reshaped)
        return write

    is_view, check = inplace_utils.check_view_value, program_translator.check_view_api_used_by_inplace
    value = paddle.pir.Value
    inplace_utils.eval = static_form
    inplace_utils.check_view_value = lambda value: False
    program_translator.check_view_api_used_by_inplace = lambda program: None
    value.fill_ = lambda self, number: _write_over(self, paddle.full_like(self, number), reshaped)
    value.zero_ = lambda self: self.fill_(0)
    try:
        yield
        told = next(filter(None, itertools.starmap(_read_by_old_shape, reshaped)), "")
        reshaped.clear()  # values die with their program: no traceback may hold one
        if told:
            raise TraceError(f"{model} cannot be read as a graph: {told} gives a tensor another shape in its place, "
                             "which a graph does not follow; write x = x.reshape(...)")
    finally:
        del inplace_utils.eval, value.fill_, value.zero_
        inplace_utils.check_view_value, program_translator.check_view_api_used_by_inplace = is_view, check


def _write_over(x: Any, result: Any, reshaped: list[tuple[Any, Any]]) -> Any:
    """What is read as ``x`` from here on."""
    if tuple(x.shape) == tuple(result.shape) and x.dtype == result.dtype:
        _C_ops.assign_out_(result, x)
        if isinstance(x, paddle.pir.Value):
            x.stop_gradient = x.stop_gradient and result.stop_gradient
        return x
    # of another shape: the name of it in Paddle's rewriting of the forward
    parameter_recorder._global_inplace_map.add(paddle.static.default_main_program(), x, result)
    reshaped.append((x, result))
    return result


def _read_by_old_shape(x: Any, result: Any) -> str:
    """The operator that gave ``x`` another shape, where it is read afterwards by its old value, as Python does in what
    Paddle does not rewrite; "" where it is not."""
    maker = result.get_defining_op()
    order = {op.results()[0].id: place for place, op in enumerate(maker.get_parent_block().ops) if op.results()}
    written = order[maker.results()[0].id]
    if all(order.get(op.results()[0].id, -1) <= written for op in x.all_used_ops() if op.results()):
        return ""
    return f"{maker.name().partition('.')[2]}_{user_line(maker.attrs().get('op_callstack', []))}"


@dataclass(frozen=True)
class InOrder:
    """The operators with each operand as it stands when it is read; for what was written over, its last value; the
    model's tensors that are only left behind, which nothing reads; and what shares memory."""

    ops: list[Op]
    latest: Mapping[int, int]
    left_behind: set[int]
    memory: Memory

    def given(self, value: int) -> int:
        """What stands in a value when the forward gives it."""
        self.memory.read(value)
        return self.latest.get(value, value)


def read_in_order(ops: Iterable[Op], names: Mapping[int, str], inputs: Iterable[int], model: str,
                  shapes: Sequence[tuple[int, ...] | None], kept: Container[str] = (),
                  ) -> InOrder:
    """Every operand as it stands when it is read.

    Args:
        names: the names of the model's own tensors by value id.
        inputs: the value ids of the inputs.
        model: its name, for the error.
        shapes: of all values.
        kept: the names of the model's tensors that are saved with it, and so are more than left behind.

    Raises:
        TraceError: a forward that writes over a tensor of the model what depends on what it held before, or, where that
            was read or is kept, on the inputs; one that reads what was written over by another name.
    """
    latest: dict[int, int] = {}  # a value -> what was last written over it
    first: dict[int, int] = {}  # what was written -> the value it was first written over
    made_by: dict[int, Op] = {}
    looked_at: set[int] = set()  # the model's tensors that were read as they stood before the forward
    left_behind: set[int] = set()
    memory = Memory(shapes, model)
    out: list[Op] = []
    for raw in ops:
        memory.follow(raw)
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
            if memory.root(target) != target and memory.root(target) in names:
                _refuse_memory(op, names[memory.root(target)], True, False, model)
            memory.write(raw, target)
            first[op.outputs[0]] = root
            latest[root] = latest[target] = op.outputs[0]
        made_by.update(dict.fromkeys(op.outputs, op))
        out.append(op)
    return InOrder(out, latest, left_behind, memory)


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
