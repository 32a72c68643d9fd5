"""What is known of a value where it is cut: its sign, or that it is zero.

In the masked model a value that is zero where cut must divide nothing. That something *may* be there is not enough
(``sigmoid(h) - 0.5`` is zero where ``h`` is): a division is allowed where the divisor is known to be positive, or to be
negative, at the cut positions. What is not known is frozen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prunelab.graph.dims import Dim, find, leaves
from prunelab.graph.program import Op

if TYPE_CHECKING:
    from prunelab.graph.solver import Solution

POSITIVE, NEGATIVE, ZERO, AT_LEAST_ZERO, UNKNOWN = "positive", "negative", "zero", "at least zero", "unknown"
_FLIPPED = {POSITIVE: NEGATIVE, NEGATIVE: POSITIVE}
# what is positive whatever it is given
_ALWAYS = frozenset("exp exp_ sigmoid sigmoid_ softplus cosh softmax softmax_".split())
# what is as its operand is: zero for zero, positive for positive, negative for negative
_KEEPS = frozenset(
    "reshape reshape_ flatten squeeze squeeze_ unsqueeze unsqueeze_ transpose expand expand_as tile cast assign "
    "share_data_ slice strided_slice flip roll sqrt sqrt_ tanh tanh_ asin atan sinh asinh expm1 log1p erf sign "
    "softsign rsqrt rsqrt_ reciprocal reciprocal_ sum mean mean_all max min amax amin dropout repeat_interleave gather "
    "index_select leaky_relu elu selu celu".split())
_MAKES_AT_LEAST_ZERO = frozenset("square square_ abs abs_ relu relu_ p_norm frobenius_norm".split())


def sign_at(solution: Solution, value: int, leaf: Dim) -> str:
    """What a value is at the cut positions of an atom, in the masked model."""
    return _Signs(solution, leaf).of(value)


class _Signs:
    """Signs at the cut positions of one atom, each worked out once."""

    def __init__(self, solution: Solution, leaf: Dim) -> None:
        self.solution, self.leaf = solution, find(leaf)
        self.known: dict[int, str] = {}

    def of(self, value: int | None) -> str:
        if value is None:
            return UNKNOWN
        if value not in self.known:
            self.known[value] = UNKNOWN
            self.known[value] = self._work_out(value)
        return self.known[value]

    def _work_out(self, value: int) -> str:
        solution = self.solution
        op = solution.program.producers.get(value)
        dims, dirty = solution.dims.get(value), solution.dirty.get(value)
        here = dims is not None and any(_holds(d, self.leaf) for d in dims)
        if here and isinstance(dirty, frozenset) and not any(_holds(d, self.leaf) for d in dirty):
            return ZERO
        if op is None:
            return UNKNOWN
        number = op.attributes.get("value") if op.name in ("full", "full_like") else None
        if number is None and op.name == "full_like":
            number = solution.constants.get(op.operand("value") or -1)
        if isinstance(number, (int, float)):
            return _sign(number)
        if op.name.startswith("assign_value"):
            signs = set(map(_sign, op.attributes["values"]))
            return signs.pop() if len(signs) == 1 else UNKNOWN
        rule = _RULES.get(op.name)
        if rule is not None:
            return rule(self, op)
        if op.inputs and not here and self.is_in(op.inputs[0]):  # positions that stay are in it too
            return self._everywhere(op.inputs[0])
        if op.name in _ALWAYS:
            return POSITIVE
        if op.name in _KEEPS:
            return self.of(op.inputs[0])
        if op.name in _MAKES_AT_LEAST_ZERO:
            of = self.of(op.inputs[0])
            negative = ZERO if op.name.startswith("relu") else POSITIVE
            return {POSITIVE: POSITIVE, ZERO: ZERO, NEGATIVE: negative}.get(of, AT_LEAST_ZERO)
        return UNKNOWN

    def is_in(self, value: int | None) -> bool:
        dims = None if value is None else self.solution.dims.get(value)
        return dims is not None and any(_holds(d, self.leaf) for d in dims)

    def is_twice_in(self, value: int | None) -> bool:
        """Whether two axes of a value hold the atom: cut positions of one meet those that stay of the other."""
        dims = None if value is None else self.solution.dims.get(value)
        return dims is not None and sum(_holds(d, self.leaf) for d in dims) > 1

    def _everywhere(self, value: int | None) -> str:
        """What a sum or a maximum over a value is, at whatever positions."""
        op = self.solution.program.producers.get(value) if value is not None else None
        if op is None:
            return UNKNOWN
        squared = op.name == "multiply" and op.inputs[0] == op.inputs[1]
        at_least_zero = squared or op.name in _MAKES_AT_LEAST_ZERO
        return POSITIVE if op.name in _ALWAYS else AT_LEAST_ZERO if at_least_zero else UNKNOWN

    def number(self, op: Op, argument: str) -> Any:
        """A number that an operator is given, as an attribute or by a constant."""
        if argument in op.attributes:
            return op.attributes[argument]
        return self.solution.constants.get(op.operand(argument) or -1)


def _holds(dim: Any, leaf: Dim) -> bool:
    if isinstance(dim, list):
        return any(_holds(d, leaf) for d in dim)
    return any(one is leaf for one in leaves(dim))


def _sign(number: float) -> str:
    return POSITIVE if number > 0 else NEGATIVE if number < 0 else ZERO


def _add(signs: _Signs, op: Op) -> str:
    return _sum(*(signs.of(v) for v in op.inputs[:2]))


def _subtract(signs: _Signs, op: Op) -> str:
    y = signs.of(op.inputs[1])
    return _sum(signs.of(op.inputs[0]), _FLIPPED.get(y, y if y == ZERO else UNKNOWN))


def _sum(x: str, y: str) -> str:
    for a, b in ((x, y), (y, x)):
        if a == ZERO:
            return b
        if a in (POSITIVE, NEGATIVE) and a == b:
            return a
        if a == POSITIVE and b == AT_LEAST_ZERO:
            return POSITIVE
    return AT_LEAST_ZERO if x == y == AT_LEAST_ZERO else UNKNOWN


def _product(signs: _Signs, op: Op) -> str:
    x, y = (signs.of(v) for v in op.inputs[:2])
    if op.inputs[0] == op.inputs[1] and x == UNKNOWN and op.name.startswith("multiply"):
        return AT_LEAST_ZERO
    return _times(x, y)


def _times(x: str, y: str) -> str:
    if ZERO in (x, y):
        return ZERO
    if x in _FLIPPED and y in _FLIPPED:
        return POSITIVE if x == y else NEGATIVE
    return AT_LEAST_ZERO if {x, y} <= {POSITIVE, AT_LEAST_ZERO} else UNKNOWN


def _contraction(signs: _Signs, op: Op) -> str:
    """A sum of products of values of one sign; not where cut positions are among those that are summed up."""
    makers = signs.solution.program.producers
    operands = makers[op.inputs[0]].inputs if op.name == "einsum" else op.inputs[:2]  # type: ignore[index]
    if (not signs.is_in(op.outputs[0]) and any(map(signs.is_in, operands))) or any(map(signs.is_twice_in, operands)):
        return UNKNOWN
    return functools.reduce(_times, map(signs.of, operands))


def _scale(signs: _Signs, op: Op) -> str:
    factor, bias = signs.number(op, "scale"), op.attributes.get("bias", 0.0)
    if not isinstance(factor, (int, float)):
        return UNKNOWN
    if not op.attributes.get("bias_after_scale", True):
        bias *= factor
    x = signs.of(op.inputs[0])
    x = x if factor > 0 else ZERO if factor == 0 else _FLIPPED.get(x, x if x == ZERO else UNKNOWN)
    return _sum(x, _sign(bias))


def _maximum(signs: _Signs, op: Op) -> str:
    both = {signs.of(v) for v in op.inputs[:2]}
    return POSITIVE if POSITIVE in both else both.pop() if len(both) == 1 else (
        AT_LEAST_ZERO if both & {ZERO, AT_LEAST_ZERO} else UNKNOWN)


def _clip(signs: _Signs, op: Op) -> str:
    low = signs.number(op, "min")
    if isinstance(low, (int, float)) and low > 0:
        return POSITIVE
    return signs.of(op.inputs[0]) if isinstance(low, (int, float)) and low <= 0 and signs.of(
        op.inputs[0]) in (ZERO, AT_LEAST_ZERO) else UNKNOWN


def _power(signs: _Signs, op: Op) -> str:
    x, y = signs.of(op.inputs[0]), signs.number(op, "y")
    if x == POSITIVE or not isinstance(y, (int, float)):
        return x if x == POSITIVE else UNKNOWN
    if y > 0:
        return x if x in (ZERO, AT_LEAST_ZERO) else POSITIVE if x == NEGATIVE and y % 2 == 0 else (
            AT_LEAST_ZERO if y % 2 == 0 else UNKNOWN)
    return UNKNOWN


def _where(signs: _Signs, op: Op) -> str:
    """One of two choices: known where the condition asks whether a value that is zero there is zero."""
    asks = signs.solution.program.producers.get(op.inputs[0] or -1)
    if asks is not None and asks.name in ("equal", "not_equal") and {signs.of(v) for v in asks.inputs[:2]} == {ZERO}:
        return signs.of(op.inputs[1 if asks.name == "equal" else 2])
    both = {signs.of(v) for v in op.inputs[1:3]}
    return both.pop() if len(both) == 1 else UNKNOWN


_RULES: Mapping[str, Callable[[_Signs, Op], str]] = {
    **dict.fromkeys(("add", "add_"), _add), **dict.fromkeys(("subtract", "subtract_"), _subtract),
    **dict.fromkeys(("multiply", "multiply_", "divide", "divide_"), _product),
    **dict.fromkeys(("scale", "scale_"), _scale), **dict.fromkeys(("maximum", "fmax"), _maximum),
    "where": _where, **dict.fromkeys(("clip", "clip_"), _clip),
    **dict.fromkeys(("pow", "pow_", "elementwise_pow"), _power),
    **dict.fromkeys(("matmul", "bmm", "mv", "dot", "einsum"), _contraction),
}


# what moves numbers, and makes none
_MOVES = frozenset(
    "reshape reshape_ flatten squeeze squeeze_ unsqueeze unsqueeze_ transpose assign share_data_".split())


def is_at_least_zero(solution: Solution, value: int | None) -> bool:
    """Whether a value is nowhere less than zero, at positions that stay either."""
    op = None if value is None else solution.program.producers.get(value)
    while op is not None and op.name in _MOVES:
        op = solution.program.producers.get(op.inputs[0] or -1)
    return op is not None and op.name in _MAKES_AT_LEAST_ZERO | {"relu6"}


def is_sure(sign: str) -> bool:
    """Whether something of that sign can divide."""
    return sign in _FLIPPED
