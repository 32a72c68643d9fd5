"""Operators as calls: each one's eager form, and a template of its arguments in the order which that takes.

What is known before running stands in the template; the rest are slots: tensors, sizes that follow the batch, flags
that follow train or eval, the place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from paddle import _C_ops
from paddle.base.libpaddle import DataType

from prunelab.errors import TraceError
from prunelab.graph.composites import COMPOSITES
from prunelab.graph.program import DType, Op, Program
from prunelab.graph.solver import Operand
from prunelab.graph.widths import PerBatch

# Operands that the eager form takes as a number or a list where a constant feeds them.
NUMBERS = frozenset(
    "shape axis starts ends strides value scale sections num k repeats kernel_size output_size start end step min max "
    "repeat_times size fill_value offset offsets shifts steps paddings pad_value p num_classes stop number mean std "
    "num_rows num_columns max_len maxlen depth".split()
)
# ... but not of these operators, where the operand is a tensor for good
TENSORS = {
    "masked_fill": {"value"},
    "arange": {"start", "end", "step"},
    "linspace": {"start", "stop", "number"},
    "logspace": {"start", "stop", "num", "base"},
    "range_v2": {"start", "end", "step"},
    "full_with_tensor": {"value"},
}
# ... and of these the eager form takes no tensor, where nothing but running tells them.
_READ = frozenset("starts ends strides repeat_times".split())
# Where the eager form does not take all operands first and then all attributes.
_ORDER = {
    "slice": "input axes starts ends infer_flags decrease_axis",
    "strided_slice": "x axes starts ends strides",
    "split": "x sections axis",
    "split_with_num": "x num axis",
    "pool2d":
        "x kernel_size strides paddings ceil_mode exclusive data_format pooling_type global_pooling adaptive "
        "padding_algorithm",
    "lp_pool2d":
        "x kernel_size strides paddings ceil_mode exclusive data_format pooling_type global_pooling adaptive "
        "padding_algorithm norm_type",
    "set_value_with_tensor": "x values starts ends steps axes decrease_axes none_axes",
    "set_value_with_tensor_": "x values starts ends steps axes decrease_axes none_axes",
    "full_like": "x value dtype place",
    "scale": "x scale bias bias_after_scale",
    "conv2d_transpose":
        "x filter strides paddings output_padding output_size padding_algorithm groups dilations data_format",
    "depthwise_conv2d_transpose":
        "x filter strides paddings output_padding output_size padding_algorithm groups dilations data_format",
    "pad": "x paddings pad_value",
    "assign": "x",
    "uniform": "shape dtype min max seed place",
    "randint": "low high shape dtype place",
    "unpool": "x indices ksize strides padding output_size data_format",
    "unpool3d": "x indices ksize strides paddings output_size data_format",
    "argmax": "x axis keepdims dtype",
    "argmin": "x axis keepdims dtype",
    "index_select": "x index axis",
    "pow": "x y",
}
# Flags that follow the mode of the layer, and what each is in eval mode.
_EVAL_FLAGS = ("is_test", "use_global_stats")
# In eager mode batch norm updates its statistics in place under the name without the underscore.
EAGER_NAME = {"batch_norm_": "batch_norm", "sync_batch_norm_": "sync_batch_norm"}
# What is written over a tensor of the model is a new value here: a graph leaves its model as it is.
_ANEW = {"assign_out_": "assign"}


@dataclass
class Call:
    """One compiled operator."""

    name: str
    arguments: list[Any]
    # (place among arguments, value id, needs a tensor)
    tensors: list[tuple[int, int, bool]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # places of tensors that are read as numbers
    sizes: list[tuple[int, Any]] = field(default_factory=list)  # (place, number or list that holds a PerBatch)
    flags: list[int] = field(default_factory=list)
    layers: tuple[str, ...] = ()  # whose mode the flags follow
    places: list[int] = field(default_factory=list)
    made: list[tuple[int, Constant]] = field(default_factory=list)  # tensors of new numbers
    detached: bool = False
    outputs: tuple[int, ...] = ()
    index: int = 0


@dataclass(frozen=True)
class Constant:
    """A number that its readers may want as a number or as a tensor."""

    value: Any
    shape: tuple[int, ...]
    dtype: str

    def tensor(self, place: Any) -> Any:
        if isinstance(self.value, list):
            shape, dtype = list(self.shape or [len(self.value)]), data_type(self.dtype)
            return _C_ops.assign_value_(_C_ops.full(shape, 0.0, dtype, place), shape, dtype, self.value, place)
        return _C_ops.full(list(self.shape), self.value, data_type(self.dtype), place)


def data_type(name: str) -> Any:
    """Paddle's dtype for ``"float32"``."""
    return getattr(DataType, name.upper())


class Compiler:
    """Makes calls of a program's operators. ``constants``: by value, the numbers that calls take as they are."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.constants: dict[int, Constant] = {}

    def is_number(self, op: Op) -> bool:
        """Whether an operator only says a number, which is a constant then and no call."""
        if op.name == "full_int_array":
            self.constants[op.outputs[0]] = Constant(list(op.attributes["value"]), (), op.attributes["dtype"])
        elif op.name == "full" and list(op.attributes["shape"]) in ([1], []):
            self.constants[op.outputs[0]] = _scalar(op)
        else:
            return False
        return True

    def call(self, op: Op, changed: dict[str, Any]) -> Call:
        """An operator, with the numbers that a plan has changed."""
        name = _ANEW.get(op.name, changed.pop("op", op.name))
        exponent = self.constants.get(op.operand("y") or -1) if name == "elementwise_pow" else None
        if exponent is not None and exponent.shape == ():  # how to_static writes `x ** 2`
            name, changed["y"] = "pow", exponent.value
        if op.attributes.get("flatten") and name in ("argmax", "argmin"):
            changed["axis"] = None
        if op.name == "builtin.combine":
            gone = changed.get("missing", ())
            return Call(op.name, [], [(k, v, True) for k, v in enumerate(op.inputs) if v is not None and k not in gone],
                        outputs=op.outputs, index=op.index)
        if name == "constant":
            dtype = self.program.dtypes[op.outputs[0]]
            return Call(name, [], made=[(0, _constant(changed["value"], dtype))], outputs=op.outputs, index=op.index)
        if "whole" in op.attributes:  # an einsum of several tensors, whose products so far nobody needs
            equation, *operands = op.attributes["whole"]
            places = [(k + 1, v, True) for k, v in enumerate(operands)]
            return Call("einsum_of_many", [equation, *[None] * len(operands)], places, outputs=op.outputs[:1],
                        index=op.index)
        if op.name == "builtin.split":
            return Call(op.name, [], [(0, op.inputs[0], False)], outputs=op.outputs, index=op.index)  # type: ignore[list-item]
        if name not in COMPOSITES and not hasattr(_C_ops, EAGER_NAME.get(name, name)):
            raise TraceError(f"the operator {name}{op.line} cannot be run by its name in this Paddle; "
                             "write that line with other operators")
        order = argument_names(op, name)
        call = Call(name, [], outputs=op.outputs, index=op.index, detached=op.detached)
        for place, key in enumerate(order):
            call.arguments.append(None)
            if key in changed:
                self._fill(call, place, changed[key])
            elif key in op.arguments:
                self._operand(call, place, key, op)
            else:
                self._attribute(call, place, key, op.attributes.get(key))
        return call

    def _fill(self, call: Call, place: int, value: Any) -> None:
        if isinstance(value, Operand):
            call.tensors.append((place, value.value, True))
            return
        if isinstance(value, np.ndarray):
            call.made.append((place, _constant(value, str(value.dtype))))
            return
        items = value if isinstance(value, list) else [value]
        if any(isinstance(n, PerBatch) for n in items):
            call.sizes.append((place, value))
        else:
            call.arguments[place] = value

    def _operand(self, call: Call, place: int, key: str, op: Op) -> None:
        value = op.operand(key)
        if value is None:
            return
        constant = self.constants.get(value)
        if constant is not None and key in NUMBERS and key not in TENSORS.get(op.name, ()):
            call.arguments[place] = constant.value
        else:
            call.tensors.append((place, value, True))
            if key in _READ:
                call.numbers.append(place)

    def _attribute(self, call: Call, place: int, key: str, value: Any) -> None:
        if key in _EVAL_FLAGS and value is True:
            call.flags.append(place)
        elif key == "place":
            call.places.append(place)
        else:
            known = bool(value) if key in _EVAL_FLAGS else value
            call.arguments[place] = data_type(value) if isinstance(value, DType) else known


def argument_names(op: Op, name: str) -> list[str]:
    """The names of a call's arguments in the order in which its eager form, or a function of ours, takes them."""
    if name in COMPOSITES:
        return COMPOSITES[name][1].split()
    return _ORDER[name].split() if name in _ORDER else [*op.arguments, *op.attributes]


def _constant(numbers: np.ndarray[Any, Any], dtype: str) -> Constant:
    return Constant([int(n) if dtype.startswith("int") else float(n) for n in numbers.reshape(-1)],
                    numbers.shape, dtype)


def _scalar(op: Op) -> Constant:
    value, dtype = op.attributes["value"], op.attributes["dtype"]
    if dtype in ("int32", "int64", "int16", "int8", "uint8"):
        value = int(value)
    elif dtype == "bool":
        value = bool(value)
    return Constant(value, tuple(op.attributes["shape"]), dtype)
