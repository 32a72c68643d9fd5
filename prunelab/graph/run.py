"""The graph as a program that runs: each operator called by its name, on whatever place its tensors live.

Operators are compiled once (`prunelab.graph.calls`), whole or under a plan; what running adds are tensors, the batch,
the mode and the place.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops

from prunelab.graph.calls import EAGER_NAME, Call, Compiler
from prunelab.graph.composites import COMPARING, COMPOSITES
from prunelab.graph.dims import find
from prunelab.graph.experts import silent_score
from prunelab.graph.modes import Training, layers_of
from prunelab.graph.program import Op, Program
from prunelab.graph.regions import crops, holds_batch, holds_space, mean_ratio
from prunelab.graph.solver import Rule, Solution, Step
from prunelab.graph.widths import Kept, PerBatch

# A sum whose branch is gone.
_PASS = "pass"


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
        compiler = Compiler(program)
        self.constants = compiler.constants
        self._n_values = 0
        self._named = {p.value: p.name for p in program.parameters}
        # numbers that the plan changed, each with its operator's line; apart, those that a layer of Paddle may hold:
        # (a parameter of the operator, the number's name, its new value)
        self.spelled: list[str] = []
        self.owned: list[tuple[str, str, Any]] = []
        self.compares = False  # whether it compares with zeros that are gone
        self.calls: list[Call] = []
        whole = Kept({})
        for op in program.ops:
            if compiler.is_number(op) or not op.outputs:  # what has none is an assertion
                continue
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
                self.compares |= changed.get("op") in COMPARING
                if kept is not None:
                    self._note_changes(step, rule, changed, rule.rewrite(step, whole))
            self.calls.append(compiler.call(op, changed))
            if self.calls[-1].flags:
                self.calls[-1].layers = layers_of(program, op, self._named)
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
        for value in op.inputs:
            producer = self.program.producers.get(value) if value is not None else None
            inside = producer.inputs if producer is not None and producer.name == "builtin.combine" else (value,)
            for v in inside:
                if v in self._named:
                    return self._named[v]
        return None

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
            training: Training, place: Any, batch: Any) -> list[Any]:
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

    def _call(self, call: Call, env: dict[int, Any], training: Training, place: Any, batch: Any, dynamic: bool) -> None:
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
        for at in call.numbers if dynamic else ():
            arguments[at] = _numbers(arguments[at])
        for at, constant in call.made:
            arguments[at] = constant.tensor(place)
        for at, size in call.sizes:
            arguments[at] = _sizes(size, batch, call.name, dynamic)
        for at in call.flags:
            arguments[at] = not (training if isinstance(training, bool) else training(call.layers))
        for at in call.places:
            arguments[at] = place
        name = EAGER_NAME.get(call.name, call.name) if dynamic else call.name
        function = COMPOSITES[name][0] if name in COMPOSITES else getattr(_C_ops, name)
        with paddle.no_grad() if call.detached else contextlib.nullcontext():
            out = function(*arguments)
        if len(call.outputs) == 1 or not isinstance(out, (list, tuple)):
            env[call.outputs[0]] = out
        else:
            env.update(zip(call.outputs, out, strict=False))


def _numbers(value: Any) -> list[int]:
    """What a tensor holds, or what each of a list does."""
    return [int(t) for t in value] if isinstance(value, list) else [int(n) for n in value.flatten().tolist()]


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
