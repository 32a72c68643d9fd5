"""The graph as a program that runs: each operator called by its name, on whatever place its tensors live.

An operator is compiled once into a function and a template of its arguments, in the order its eager form takes them.
What is known by then stands in the template; the rest are slots: tensors, sizes that follow the batch, flags that
follow train or eval, the place.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops
from paddle.base.libpaddle import DataType

from prunelab.errors import TraceError
from prunelab.graph.composites import COMPOSITES
from prunelab.graph.dims import find
from prunelab.graph.experts import silent_score
from prunelab.graph.program import DType, Op, Program
from prunelab.graph.regions import crops, holds_batch, holds_space, mean_ratio
from prunelab.graph.solver import Operand, Rule, Solution, Step
from prunelab.graph.widths import Kept, PerBatch

# Operands that the eager form takes as a number or a list where a constant feeds them.
_NUMBERS = frozenset(
    "shape axis starts ends strides value scale sections num k repeats kernel_size output_size start end step min max "
    "repeat_times size fill_value offset offsets shifts steps paddings pad_value p num_classes stop number mean std "
    "num_rows num_columns max_len maxlen depth".split()
)
# ... but not of these operators, where the operand is a tensor for good
_TENSORS = {
    "masked_fill": {"value"},
    "arange": {"start", "end", "step"},
    "linspace": {"start", "stop", "number"},
    "logspace": {"start", "stop", "num", "base"},
    "range_v2": {"start", "end", "step"},
    "full_with_tensor": {"value"},
}
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
_EAGER_NAME = {"batch_norm_": "batch_norm", "sync_batch_norm_": "sync_batch_norm"}
# What is written over a tensor of the model is a new value here: a graph leaves its model as it is.
_ANEW = {"assign_out_": "assign"}


# A sum whose branch is gone.
_PASS = "pass"


@dataclass
class Call:
    """One compiled operator."""

    name: str
    arguments: list[Any]
    # (place among arguments, value id, needs a tensor)
    tensors: list[tuple[int, int, bool]] = field(default_factory=list)
    sizes: list[tuple[int, Any]] = field(default_factory=list)  # (place, number or list that holds a PerBatch)
    flags: list[int] = field(default_factory=list)
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


class Executor:
    """A program, compiled under a plan (or whole), that runs on tensors.

    Args:
        program, solution, rules: what `solve` was given and gave.
        kept: the positions that stay; the whole network without it.
        silent: values to whose last axis numbers are added, which make some of its positions too low for a softmax.
        region: positions in space that stay, where the whole network is to compute as if it knew of no others.
    """

    def __init__(self, program: Program, solution: Solution, rules: Mapping[str, Rule],
                 kept: Kept | None = None, silent: Mapping[int, list[float]] | None = None,
                 region: Kept | None = None) -> None:
        self.program = program
        self.constants: dict[int, Constant] = {}
        self._n_values = 0
        # numbers that the plan changed, each with its operator's line; apart, those that a layer of Paddle may hold:
        # (a parameter of the operator, the number's name, its new value)
        self.spelled: list[str] = []
        self.owned: list[tuple[str, str, Any]] = []
        self.calls: list[Call] = []
        whole = Kept({})
        for op in program.ops:
            if op.name == "full_int_array":
                self.constants[op.outputs[0]] = Constant(list(op.attributes["value"]), (), op.attributes["dtype"])
                continue
            if op.name == "full" and list(op.attributes["shape"]) in ([1], []):
                self.constants[op.outputs[0]] = _scalar(op)
                continue
            if not op.outputs:
                continue  # an assertion
            if kept is not None and op.index in kept.dropped:
                passed = [(0, kept.dropped[op.index], True)]
                self.calls.append(Call(_PASS, [], passed, outputs=op.outputs, index=op.index))
                self.spelled.append(f"{op.name}{op.line}")
                continue
            step = Step(solution, op)
            rule = rules.get(op.name)
            changed: dict[str, Any] = {}
            if rule is not None and rule.rewrite is not None:
                changed = dict(rule.rewrite(step, kept or whole))
                if kept is not None:
                    self._note_changes(step, rule, changed, rule.rewrite(step, whole))
            self.calls.append(self._compile(op, changed))
            if region is not None and op.index in solution.mixed:
                self._stay_inside(step, region)
            for value in set(op.outputs).intersection(silent or ()):
                self.calls.append(Call("silence", [None, (silent or {})[value]], [(0, value, True)], outputs=(value,),
                                       index=op.index))
        if kept is not None:
            self._crop(crops(solution, kept))
        self._needed: dict[Any, list[tuple[Call, tuple[int, ...]]]] = {}

    def _stay_inside(self, step: Step, region: Kept) -> None:
        """Before an operator that reads several positions, what lies outside of a region is made nothing; a mean is
        over what lies inside."""
        call, outside = self.calls.pop(), step.solution.mixed[step.op.index]
        lists = {v: op.inputs for v in step.op.inputs if v is not None
                 and (op := self.program.producers.get(v)) is not None and op.name == "builtin.combine"}
        for at, (place, value, needs) in enumerate(call.tensors):
            if value in lists or value not in step.solution.dims:
                continue
            masks = [(axis, np.isin(np.arange(find(d).size), region.positions(d)).astype(float).tolist())
                     for axis, d in enumerate(step.solution.dims[value])
                     if region.changes(d) and holds_space(d) and not holds_batch(d)]
            if masks:
                new = self._new_value()
                low = silent_score(self.program.dtypes[value]) if math.isnan(outside) else outside
                self.calls.append(Call("only_inside", [None, masks, low], [(0, value, True)], outputs=(new,),
                                       index=step.op.index))
                call.tensors[at] = (place, new, needs)
        self.calls.append(call)
        ratio = mean_ratio(step, region)
        if ratio != 1:
            value = step.op.outputs[0]
            self.calls.append(Call("scale", [None, 1 / ratio, 0.0, True], [(0, value, True)], outputs=(value,),
                                   index=step.op.index))

    def _crop(self, parts: Mapping[int, list[tuple[int, int, int]]]) -> None:
        """Read only a part of some inputs."""
        for value, bounds in parts.items():
            new = self._new_value()
            axes, starts, ends = ([b[k] for b in bounds] for k in range(3))
            for call in self.calls:
                call.tensors = [(place, new if v == value else v, needs) for place, v, needs in call.tensors]
            self.calls.insert(0, Call("slice", [None, axes, starts, ends, [1] * len(axes), []], [(0, value, True)],
                                      outputs=(new,)))
            self.spelled.append("the region")

    def _new_value(self) -> int:
        """An id that no value of the program has."""
        self._n_values += 1
        return len(self.program.shapes) + self._n_values

    def _note_changes(self, step: Step, rule: Rule, changed: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        for key, value in changed.items():
            known = before.get(key)
            if known is not None and np.array_equal(known, value):
                continue
            parameter = self._parameter_of(step.op)
            if key in rule.owned and parameter is not None:
                self.owned.append((parameter, key, value))
            else:
                self.spelled.append(f"{step.op.name}.{key}{step.op.line}")

    def _parameter_of(self, op: Op) -> str | None:
        """The first parameter among an operator's operands, through lists."""
        names = {p.value: p.name for p in self.program.parameters}
        for value in op.inputs:
            producer = self.program.producers.get(value) if value is not None else None
            inside = producer.inputs if producer is not None and producer.name == "builtin.combine" else (value,)
            for v in inside:
                if v in names:
                    return names[v]
        return None

    def _compile(self, op: Op, changed: dict[str, Any]) -> Call:
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
        if name not in COMPOSITES and not hasattr(_C_ops, _EAGER_NAME.get(name, name)):
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
        if constant is not None and key in _NUMBERS and key not in _TENSORS.get(op.name, ()):
            call.arguments[place] = constant.value
        else:
            call.tensors.append((place, value, True))

    def _attribute(self, call: Call, place: int, key: str, value: Any) -> None:
        if key in _EVAL_FLAGS and value is True:
            call.flags.append(place)
        elif key == "place":
            call.places.append(place)
        else:
            known = bool(value) if key in _EVAL_FLAGS else value
            call.arguments[place] = data_type(value) if isinstance(value, DType) else known

    def spelled_at(self, batch: int) -> list[Any]:
        """All that is fixed about the calls at one batch: names, numbers, the values they read, and constants."""
        told = []
        for call in self.calls:
            arguments = call.arguments.copy()
            for place, size in call.sizes:
                arguments[place] = _sizes(size, batch, call.name, True)
            constants = [self.constants.get(v) for _, v, _ in call.tensors]
            told.append((call.name, arguments, call.tensors, call.made, constants))
        return told

    # running

    def run(self, values: Mapping[int, Any], targets: Sequence[int], *,
            training: bool, place: Any, batch: Any) -> list[Any]:
        """The tensors of ``targets``, from ``values`` (tensors by value id); only what they need is computed."""
        env: dict[int, Any] = dict(values)
        dynamic = paddle.in_dynamic_mode()
        for call, dead in self._plan(frozenset(values), tuple(targets)):
            self._call(call, env, training, place, batch, dynamic)
            for value in dead:
                env.pop(value, None)
        return [self._tensor(env, value, place) for value in targets]

    def _plan(self, given: frozenset[int], targets: tuple[int, ...]) -> list[tuple[Call, tuple[int, ...]]]:
        """The calls that the targets need, each with the values nobody reads after it."""
        key = (given, targets)
        if key not in self._needed:
            wanted, calls = {v for v in targets if v not in given}, []
            for call in reversed(self.calls):
                if any(v in wanted for v in call.outputs):
                    calls.append(call)
                    wanted.update(v for _, v, _ in call.tensors if v not in given)
            read_later: set[int] = set(targets)
            plan = []
            for call in calls:  # last first
                touched = {v for _, v, _ in call.tensors} | set(call.outputs)
                plan.append((call, tuple(touched - read_later)))
                read_later |= touched
            if len(self._needed) > 64:
                self._needed.clear()
            self._needed[key] = plan[::-1]
        return self._needed[key]

    def _tensor(self, env: Mapping[int, Any], value: int, place: Any) -> Any:
        found = env.get(value)
        if found is None and value in self.constants:
            return self.constants[value].tensor(place)
        return found

    def _call(self, call: Call, env: dict[int, Any], training: bool, place: Any, batch: Any, dynamic: bool) -> None:
        if call.name == "builtin.combine":
            env[call.outputs[0]] = [self._tensor(env, v, place) for _, v, _ in call.tensors]
            return
        if call.name == _PASS:
            env[call.outputs[0]] = self._tensor(env, call.tensors[0][1], place)
            return
        if call.name == "builtin.split":
            env.update(zip(call.outputs, env[call.tensors[0][1]], strict=True))
            return
        if call.name == "constant":
            env[call.outputs[0]] = call.made[0][1].tensor(place)
            return
        if call.name == "share_data_" and dynamic:  # a detach, which eager mode has under no such name
            env[call.outputs[0]] = self._tensor(env, call.tensors[0][1], place).detach()
            return
        arguments = call.arguments.copy()
        for at, value, _ in call.tensors:
            arguments[at] = self._tensor(env, value, place)
        for at, constant in call.made:
            arguments[at] = constant.tensor(place)
        for at, size in call.sizes:
            arguments[at] = _sizes(size, batch, call.name, dynamic)
        for at in call.flags:
            arguments[at] = not training
        for at in call.places:
            arguments[at] = place
        name = _EAGER_NAME.get(call.name, call.name) if dynamic else call.name
        function = COMPOSITES[name][0] if name in COMPOSITES else getattr(_C_ops, name)
        with paddle.no_grad() if call.detached else contextlib.nullcontext():
            out = function(*arguments)
        if len(call.outputs) == 1 or not isinstance(out, (list, tuple)):
            env[call.outputs[0]] = out
        else:
            env.update(zip(call.outputs, out, strict=False))


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


def _sizes(size: Any, batch: Any, name: str, dynamic: bool) -> Any:
    """Numbers for this batch; where the batch is a tensor (a program being saved), -1 or a list of tensors."""
    if not isinstance(size, list):
        return size.at(batch)
    if dynamic or isinstance(batch, int):
        return [n.at(batch) if isinstance(n, PerBatch) else n for n in size]
    free = [n for n in size if isinstance(n, PerBatch)]
    if name in ("reshape", "reshape_") and len(free) == 1 and -1 not in size:
        return [-1 if isinstance(n, PerBatch) else n for n in size]
    return paddle.utils.get_int_tensor_list([n.at(batch) if isinstance(n, PerBatch) else n for n in size])
