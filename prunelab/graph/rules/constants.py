"""Constants, shapes and lists: values that are known before the graph runs, or that only carry others.

A number or a list that an operand brings is read from here by other rules, as `Step.constant`.
"""

from __future__ import annotations

import math
from typing import Any

from prunelab.graph.dims import atom
from prunelab.graph.solver import CLEAN, Rule, Step, Widths, free
from prunelab.graph.widths import Kept


def are_numbers(values: Any) -> bool:
    """Whether an operand is a list of numbers known before the graph runs; None and lists of tensors are not."""
    return isinstance(values, (list, tuple)) and all(isinstance(v, (int, float)) for v in values)


def _full(step: Step) -> None:
    """A tensor of one value: its dims are whatever they meet."""
    value = step.attribute("value")
    dims = [atom(n) for n in step.attribute("shape")]
    step.solution.constants[step.op.outputs[0]] = value
    step.give(dims, CLEAN if value == 0 else free(dims))


def _full_shape(step: Step, widths: Widths) -> dict[str, Any]:
    return {"shape": [widths.size(d) for d in step.given()]} if step.attribute("shape") not in ([1], []) else {}


def _full_int_array(step: Step) -> None:
    step.solution.constants[step.op.outputs[0]] = step.attribute("value")
    step.give_new("a constant")


def _constant(step: Step) -> None:
    step.give_new("a constant")
    for d in (step.given() if step.op.outputs else []):
        step.fix(d, "a constant")


def _like(step: Step) -> None:
    """A constant of another tensor's shape."""
    dims = step.dims()
    value = step.constant("value")
    step.give(dims, CLEAN if value == 0 else free(dims))
    if value is not None:
        step.solution.constants[step.op.outputs[0]] = value


def _shape_of(step: Step) -> None:
    """The sizes as numbers: read when the graph runs, so they follow a cut by themselves."""
    step.give_new("a shape")


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
    **dict.fromkeys(("assign_value", "assign_value_", "arange", "linspace", "eye", "tril_indices", "triu_indices",
                     "gaussian", "uniform", "randint", "bernoulli"), Rule(_constant)),
    **dict.fromkeys(("full_like", "zeros_like", "ones_like"), Rule(_like)),
    **dict.fromkeys(("shape", "shape64"), Rule(_shape_of)),
    **dict.fromkeys(("size", "numel"), Rule(_shape_of, _count)),
    "builtin.combine": Rule(_combine),
    "builtin.split": Rule(_open_list),
}
