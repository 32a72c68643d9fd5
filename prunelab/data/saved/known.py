"""A program that runs operator by operator, where numbers of shapes are Python's and no tensors.

A program with free sizes computes them: the shape of a tensor, its first number, a list with that number for a reshape.
Run on tensors whose sizes are known, all of that is arithmetic on a few integers; done in NumPy, what is read of such a
layer is the same graph as of a model's own code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops

from prunelab.graph.arrays import working_place
from prunelab.graph.calls import EAGER_NAME, NUMBERS, TENSORS, Call, Constant, argument_names, data_type
from prunelab.graph.composites import COMPOSITES
from prunelab.graph.places import place_of
from prunelab.graph.program import Program
from prunelab.graph.run import Executor
from prunelab.graph.solver import Solution

Array = np.ndarray[Any, Any]

# the operators are called as they are: to_static need not read and rewrite our own Python
paddle.jit.ignore_module([sys.modules[__name__]])


def _slice(x: Array, axes: Any, starts: Any, ends: Any, infer: Any = None, decrease: Any = ()) -> Array:
    index = [slice(None)] * x.ndim
    for axis, start, end in zip(axes, np.atleast_1d(starts), np.atleast_1d(ends), strict=True):
        index[axis] = slice(int(start), int(end))
    return np.asarray(x[tuple(index)]).squeeze(tuple(decrease or ()))


# operator -> the same on known numbers, of its own arguments in the eager order
_KNOWN: Mapping[str, Callable[..., Array]] = {
    "slice": _slice,
    "stack": lambda x, axis: np.stack(x, axis),
    "concat": lambda x, axis: np.concatenate([np.atleast_1d(v) for v in x], int(axis)),
    "cast": lambda x, dtype: x,
    "scale": lambda x, scale, bias, after: x * scale + bias if after else (x + bias) * scale,
    "scale_": lambda x, scale, bias, after: x * scale + bias if after else (x + bias) * scale,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "floor_divide": np.floor_divide,
    "remainder": np.remainder,
    "squeeze": lambda x, axis: np.squeeze(x, tuple(axis) or None),
    "unsqueeze": lambda x, axis: np.expand_dims(x, tuple(axis)),
    "assign": lambda x: x,
    "share_data_": lambda x: x,
}


class Interpreter(Executor):
    """The operators of a program, called in their order."""

    def __init__(self, program: Program) -> None:
        super().__init__(program, Solution(program), {})
        self._names = {op.index: argument_names(op, call.name) for call in self.calls if call.name not in _LISTS
                       for op in [program.ops[call.index]]}

    def interpret(self, layer: Any, inputs: Sequence[Any]) -> Any:
        """The output of the program, or the outputs; ``layer`` holds its tensors by their names."""
        program = self.program
        env: dict[int, Any] = {v: np.asarray(c.value) for v, c in self.constants.items()}
        for parameter in program.parameters:
            path, _, leaf = parameter.name.rpartition(".")
            env[parameter.value] = getattr(layer._sub_layers[path], leaf)
        env.update(zip(program.inputs, inputs, strict=False))
        place = place_of(env.values()) if paddle.in_dynamic_mode() else working_place()
        for call in self.calls:
            self._step(call, env, layer.training, place)
        out = [self._as_tensor(v, env, place) for v in program.output_values]
        return out[0] if len(out) == 1 else tuple(out)

    def _step(self, call: Call, env: dict[int, Any], training: bool, place: Any) -> None:
        read: list[Any] = [env.get(v) for _, v, _ in call.tensors]
        if call.name == "builtin.combine":
            known = all(isinstance(x, np.ndarray) for x in read)
            env[call.outputs[0]] = read if known else [self._as_tensor(v, env, place) for _, v, _ in call.tensors]
        elif call.name == "builtin.split":
            env.update(zip(call.outputs, read[0], strict=True))
        elif call.name in ("shape", "shape64") and all(n >= 0 for n in read[0].shape):
            env[call.outputs[0]] = np.array(read[0].shape, np.int64)
        elif call.name in _KNOWN and read and all(map(_is_known, read)):
            arguments = call.arguments.copy()
            for (at, _, _), x in zip(call.tensors, read, strict=True):
                arguments[at] = x
            env[call.outputs[0]] = np.asarray(_KNOWN[call.name](*arguments))
        else:
            self._run(call, env, training, place)

    def _run(self, call: Call, env: dict[int, Any], training: bool, place: Any) -> None:
        dynamic, names = paddle.in_dynamic_mode(), self._names.get(call.index, [])
        arguments = call.arguments.copy()
        for at, value, _ in call.tensors:
            arguments[at] = self._argument(call, names[at], value, env, place)
        for at in call.flags:
            arguments[at] = not training
        for at in call.places:
            arguments[at] = place
        name = EAGER_NAME.get(call.name, call.name) if dynamic else call.name
        if name == "full_with_tensor" and _is_known(env.get(call.tensors[0][1])):
            value = env[call.tensors[0][1]].item()
            name, arguments = "full", [arguments[names.index("shape")], value, arguments[names.index("dtype")], place]
        if name == "rnn":  # told that it is tested, it has no backward
            for key, plain in (("is_test", False), ("dropout_prob", 0.0)):
                if not training or key == "is_test":
                    arguments[names.index(key)] = plain
        out = COMPOSITES[name][0](*arguments) if name in COMPOSITES else getattr(_C_ops, name)(*arguments)
        if len(call.outputs) == 1 or not isinstance(out, (list, tuple)):
            env[call.outputs[0]] = out
        else:
            env.update(zip(call.outputs, out, strict=False))

    def _argument(self, call: Call, key: str, value: int, env: Mapping[int, Any], place: Any) -> Any:
        found: Any = env.get(value)
        if not _is_known(found):
            return found
        if key in NUMBERS and key not in TENSORS.get(call.name, ()):
            numbers = np.stack(found) if isinstance(found, list) else found
            return numbers.tolist()
        return [_tensor(x, self.program.dtypes[value], place) for x in found] if isinstance(found, list) else (
            self._as_tensor(value, env, place))

    def _as_tensor(self, value: int, env: Mapping[int, Any], place: Any) -> Any:
        found = env.get(value)
        return _tensor(found, self.program.dtypes[value], place) if isinstance(found, np.ndarray) else found


_LISTS = ("builtin.combine", "builtin.split", "constant", "einsum_of_many")


def _is_known(x: Any) -> bool:
    return isinstance(x, np.ndarray) or (isinstance(x, list) and bool(x) and all(isinstance(v, np.ndarray) for v in x))


def _tensor(x: Array, dtype: str, place: Any) -> Any:
    dtype = "int64" if dtype == "list" else dtype
    if x.ndim == 0:
        return _C_ops.full([], x.item(), data_type(dtype), place)
    return Constant(x.reshape(-1).tolist(), x.shape, dtype).tensor(place)
