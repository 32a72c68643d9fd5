"""Constants, shapes and lists: values that are known before the graph runs, or that only carry others.

A number or a list that an operand brings is read from here by other rules, as `Step.constant`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from prunelab.graph.dims import atom
from prunelab.graph.program import Op
from prunelab.graph.solver import CLEAN, Rule, Step, Widths, free
from prunelab.graph.widths import Kept


def are_numbers(values: Any) -> bool:
    """Whether an operand is a list of numbers known before the graph runs; None and lists of tensors are not."""
    return isinstance(values, (list, tuple)) and all(isinstance(v, (int, float)) for v in values)


Array = np.ndarray[Any, Any]


def known(step: Step, argument: str | int, place: int = 0) -> Array | None:
    """The numbers of an operand where they are spelled in the program (a list of indices); None where they are not.

    ``place`` counts in a list of tensors.
    """
    value = step.value(argument)
    op = step.solution.program.producers.get(value) if value is not None else None
    if op is not None and op.name == "builtin.combine":
        value = op.inputs[place]
    return None if value is None else _evaluate(step, value)


def _evaluate(step: Step, value: int) -> Array | None:
    op = step.solution.program.producers.get(value)
    if op is None:
        return None
    shape = step.solution.program.shapes[value] or ()
    if op.name in ("assign_value", "assign_value_"):
        return np.asarray(op.attributes["values"]).reshape(shape)
    if op.name in ("full", "full_int_array"):
        return np.broadcast_to(np.asarray(op.attributes["value"]), shape)
    if op.name not in _SPELLED or any(v is None for v in op.inputs):
        return None
    operands = [_evaluate(step, v) for v in op.inputs if v is not None]
    return None if any(o is None for o in operands) else _SPELLED[op.name](op, shape, *operands)


# what a list of numbers may pass through on its way to an operator that reads positions by them
_SPELLED: dict[str, Callable[..., Array]] = {
    "arange": lambda op, shape, start, end, by: np.arange(start.item(), end.item(), by.item()),
    "cast": lambda op, shape, x: x.astype(str(op.attributes["dtype"])),
    "nonzero": lambda op, shape, x: np.argwhere(x),
    **dict.fromkeys(("reshape", "unsqueeze", "squeeze", "flatten"), lambda op, shape, x, *_: x.reshape(shape)),
}


def is_zero(step: Step, value: int | None) -> bool:
    """Whether an operand is nothing but zeros that the program spells, as a number or as a list of one."""
    numbers = None if value is None else _evaluate(step, value)
    return numbers is not None and numbers.size == 1 and not numbers.any()


def _full(step: Step) -> None:
    """A tensor of one value: its dims are whatever they meet."""
    value = step.attribute("value")
    dims = [atom(n) for n in step.attribute("shape")]
    step.solution.constants[step.op.outputs[0]] = value
    step.give(dims, CLEAN if value == 0 else free(dims))


def _full_shape(step: Step, widths: Widths) -> dict[str, Any]:
    return {"shape": [widths.size(d) for d in step.given()]} if step.attribute("shape") not in ([1], []) else {}


def _full_of(step: Step) -> None:
    """A tensor of one computed value."""
    if any(n < 0 for n in step.shape()):
        step.give_new("a constant")
        return
    dims = [atom(n) for n in step.shape()]
    step.give(dims, free(dims))


def _full_of_shape(step: Step, widths: Widths) -> dict[str, Any]:
    written = step.constant("shape")
    return {"shape": [widths.size(d) for d in step.given()]} if are_numbers(written) else {}


def _full_int_array(step: Step) -> None:
    step.solution.constants[step.op.outputs[0]] = step.attribute("value")
    step.give_new("a constant")


def _series(step: Step) -> None:
    """Numbers in a row, such as the frequencies of rotary positions: those of units that stay are written out."""
    numbers = _evaluate(step, step.op.outputs[0])
    if numbers is None:
        _constant(step)
    else:
        dims = [atom(len(numbers))]
        step.give(dims, free(dims))


def _series_numbers(step: Step, widths: Widths) -> dict[str, Any]:
    numbers = _evaluate(step, step.op.outputs[0])
    if numbers is None or not widths.changes(step.given()[0]):
        return {}
    return {"op": "constant", "value": numbers[widths.positions(step.given()[0])]}


def _constant(step: Step) -> None:
    number = step.constant("number") or step.constant("num")
    if isinstance(number, (int, float)):  # of a linspace, whose shape Paddle leaves open
        step.give([atom(int(number), "a constant")])
    else:
        step.give_new("a constant")


def _spelled(step: Step) -> None:
    """A list of numbers that the program spells: at its units it holds whatever was written there."""
    dims = [atom(n) for n in step.shape()]
    if step.has("output"):
        for a, b in zip(step.dims("output"), dims, strict=True):
            step.tie(a, b)
    step.give(dims, free(dims))


def _spelled_numbers(step: Step, widths: Widths) -> dict[str, Any]:
    dims = step.given()
    if not any(widths.changes(d) for d in dims):
        return {}
    values = np.asarray(step.attribute("values")).reshape(step.shape())[np.ix_(*map(widths.positions, dims))]
    return {"shape": list(values.shape), "values": values.reshape(-1).tolist()}


def _like(step: Step) -> None:
    """A constant of another tensor's shape."""
    dims = step.dims()
    value = step.constant("value")
    step.give(dims, CLEAN if value == 0 else free(dims))
    if value is not None:
        step.solution.constants[step.op.outputs[0]] = value


def _shape_of(step: Step) -> None:
    """The sizes as numbers: a cut one would be another number, so the axes whose sizes are read stay."""
    program = step.solution.program
    for reader in program.consumers.get(step.op.outputs[0], ()):
        if not any(v in program.consumers or v in program.output_values for v in reader.outputs):
            continue  # Python took a size, and did nothing with it
        step.fix_all(step.dims()[_entries_read(step, reader)], "its size is read as a number")
    step.give_new("a shape")


def _entries_read(step: Step, reader: Op) -> slice:
    """Which sizes of a shape an operator reads."""
    bounds = [reader.operand(k) for k in ("starts", "ends")] if reader.name == "slice" else []
    numbers = [None if v is None else _evaluate(step, v) for v in bounds]
    if len(numbers) == 2 and all(n is not None and n.size == 1 for n in numbers):
        return slice(*(n.item() for n in numbers if n is not None))
    return slice(None)


def _count(step: Step, widths: Widths) -> dict[str, Any]:
    """How many positions there are may divide a sum: a cut one is counted, as in the masked model."""
    gone = [d for d in step.dims() if widths.ratio(d) != 1]
    if not gone:
        return {}
    dense = Kept({})
    return {"op": "count_of_dense", "kept": math.prod(widths.number(d) for d in gone),
            "dense": math.prod(dense.number(d) for d in gone)}


# lists


def _combine(step: Step) -> None:
    values = step.op.inputs
    solution = step.solution
    step.give([solution.dims[v] for v in values], [solution.dirty[v] for v in values])  # type: ignore[index]
    solution.constants[step.op.outputs[0]] = [solution.constants.get(v) for v in values]  # type: ignore[arg-type]


def _left_out(step: Step, widths: Widths) -> dict[str, Any]:
    gone = widths.missing.get(step.op.index)
    return {"missing": gone} if gone else {}


def _open_list(step: Step) -> None:
    lists, dirties = step.dims(), step.dirty()
    for k in range(len(step.op.outputs)):
        if k < len(lists) and isinstance(lists[k], list):
            step.give(lists[k], dirties[k] if isinstance(dirties, list) else dirties, k)
        else:
            step.give_new("part of a list that is frozen", k)


RULES = {
    "full": Rule(_full, _full_shape),
    "full_int_array": Rule(_full_int_array),
    **dict.fromkeys(("assign_value", "assign_value_"), Rule(_spelled, _spelled_numbers)),
    "full_with_tensor": Rule(_full_of, _full_of_shape),
    **dict.fromkeys(("linspace", "eye", "tril_indices", "triu_indices",
                     "gaussian", "uniform", "randint", "randperm", "empty", "logspace", "range_v2"), Rule(_constant)),
    **dict.fromkeys(("full_like", "zeros_like", "ones_like"), Rule(_like)),
    **dict.fromkeys(("shape", "shape64"), Rule(_shape_of)),
    **dict.fromkeys(("size", "numel"), Rule(lambda step: step.give_new("a shape"), _count)),
    "arange": Rule(_series, _series_numbers),
    "assert": Rule(lambda step: None),
    "builtin.combine": Rule(_combine, _left_out),
    "builtin.split": Rule(_open_list),
}
