"""Branches on the model's own numbers: ``if self.alpha:``, where alpha is a parameter or a buffer of one element.

Paddle reads such a branch as one on data. But what the model holds is known when it is read, so the branch that its
numbers choose now is the one that the graph has. A branch on the inputs stays a branch on data.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import paddle
from paddle.jit import dy2static
from paddle.jit.dy2static import parameter_recorder

# what a condition is made of, as NumPy has it
_CONDITIONS: Mapping[str, Callable[..., Any]] = {
    "assign": lambda x: x, "logical_not": np.logical_not, "logical_and": np.logical_and,
    "logical_or": np.logical_or, "equal": np.equal, "not_equal": np.not_equal, "less_than": np.less,
    "less_equal": np.less_equal, "greater_than": np.greater, "greater_equal": np.greater_equal, "abs": np.abs,
}


@contextlib.contextmanager
def own_numbers_decide() -> Iterator[None]:
    """Inside, a branch on what the model holds goes the way that it goes now."""
    branch, value = dy2static.IfElse, paddle.pir.Value
    truth = value.__bool__

    def choose(condition: Any, *rest: Any, **options: Any) -> Any:
        known = _known(condition)
        return branch(condition if known is None else known, *rest, **options)

    def ask(self: Any) -> bool:
        known = _known(self)
        return bool(truth(self)) if known is None else known

    dy2static.IfElse, value.__bool__ = paddle.jit.not_to_static(choose), ask
    try:
        yield
    finally:
        dy2static.IfElse, value.__bool__ = branch, truth


def _known(condition: Any) -> bool | None:
    """Whether a value of the program that is computed from the model's own numbers is true, as eager mode has it: a
    tensor is true where it is more than zero. None for anything else."""
    if not isinstance(condition, paddle.pir.Value):
        return None
    recorder = parameter_recorder._global_parameter_recorder
    program = parameter_recorder._program_hash(paddle.static.default_main_program())
    values = recorder.tensor2value.get(program, {})
    number = _number(condition, {values[id(t)].id: t for t in recorder.params_dict.get(program, ()) if id(t) in values})
    return None if number is None else bool(number > 0)


def _number(value: Any, held: Mapping[str, Any]) -> Any:
    if value.id in held:
        tensor = held[value.id]
        one = tensor._is_initialized() and tensor.size == 1 and "float16" not in str(tensor.dtype)
        return np.array(tensor.get_tensor()).reshape([]) if one else None  # a program is being made: no .numpy()
    op = value.get_defining_op()
    if op is None:
        return None
    name = op.name().partition(".")[2]
    if name == "full":
        return np.asarray(op.attrs()["value"], "float32")
    if name == "cast":  # of a number below zero a ``not`` and an ``astype`` make something else, and look the same
        number = _number(op.operands_source()[0], held)
        return None if number is None or number < 0 else number
    parts = [_number(v, held) for v in op.operands_source()] if name in _CONDITIONS else [None]
    return None if any(part is None for part in parts) else _CONDITIONS[name](*parts)
