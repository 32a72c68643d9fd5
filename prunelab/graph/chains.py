"""An einsum of more than two tensors, read as products from the left and run as Paddle runs it.

Paddle multiplies two at a time, in an order that it takes from the sizes, the batch among them. A program of one order
would be that of one batch. So the forward is read in an order that depends on nothing, and the last product knows the
whole: it is run as one call, which takes the order that eager mode takes for the sizes at hand.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import paddle

# by the id of a value in the program that is read: the equation, and the values that are multiplied
_WHOLES: dict[str, tuple[str, list[Any]]] = {}


@contextlib.contextmanager
def from_the_left() -> Iterator[None]:
    """Inside, einsums of several tensors are read as products from the left."""
    module = sys.modules["paddle.tensor.einsum"]
    as_sizes_say = module.einsum_v2

    def read(equation: str, *operands: Any) -> Any:
        left, arrow, right = equation.replace(" ", "").partition("->")
        terms = left.split(",")
        if len(operands) <= 2 or not arrow or "." in equation or paddle.in_dynamic_mode():
            return as_sizes_say(equation, *operands)
        labels, result = terms[0], operands[0]
        for k in range(1, len(terms)):
            later = {*right, *"".join(terms[k + 1:])}
            kept = "".join(c for c in dict.fromkeys(labels + terms[k]) if c in later)
            kept = right if k == len(terms) - 1 else kept
            result = as_sizes_say(f"{labels},{terms[k]}->{kept}", result, operands[k])
            labels = kept
        _WHOLES[result.id] = (equation, list(operands))
        return result

    module.einsum_v2 = read  # type: ignore[attr-defined]
    _WHOLES.clear()
    try:
        yield
    finally:
        module.einsum_v2 = as_sizes_say  # type: ignore[attr-defined]


def whole_of(value: Any) -> tuple[str, list[Any]] | None:
    """The equation and the tensors of the einsum that a value of the program read last is the result of."""
    return _WHOLES.get(value.id)


paddle.jit.ignore_module([sys.modules[__name__]])
