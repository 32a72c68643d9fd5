"""A graph as the source of a module: an operator a line."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from prunelab import __version__
from prunelab.errors import ExportError
from prunelab.graph import Graph
from prunelab.graph.calls import Call, Constant
from prunelab.graph.inputs import dtype_name
from prunelab.graph.program import Ref
from prunelab.graph.widths import PerBatch

_TEMPLATE = Path(__file__).with_name("template.py.txt")


def source(graph: Graph) -> str:
    """The module's text. It computes as `Graph.run` does, in training too."""
    program = graph.program
    writer = _Writer(graph)
    inputs = [writer.names[v] for v in program.inputs]
    first = next((p for p in program.parameters if p.kind in ("parameter", "buffer")), None)
    given = program.specs[0].shape[:1] or (1,)
    return _TEMPLATE.read_text(encoding="utf-8").format(
        model=program.model.rpartition(".")[2], version=__version__, inputs=", ".join(inputs),
        batch="any batch" if writer.batch else f"a batch of {given[0]}",
        tensors="\n".join(_tensors(graph)), body="\n".join(f"        {line}" for line in writer.lines()),
        place=inputs[0] if first is None else f"self._tensor({first.name!r})",
        batch_line=writer.batch, outputs=writer.nest(program.outputs))


def tensors_of(graph: Graph) -> dict[str, Any]:
    """Every tensor that the module reads, by its name there."""
    return {p.name: graph.tensor(p.name) for p in graph.program.parameters if p.kind != "empty"}


def _tensors(graph: Graph) -> Iterator[str]:
    saved = graph.model.state_dict()
    for p in graph.program.parameters:
        kind = "buffer" if p.kind == "constant" else p.kind
        yield f"    {p.name!r}: ({list(p.shape)}, {p.dtype!r}, {kind!r}, {p.trainable}, {p.name in saved}),"


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.program, self.executor = graph.program, graph.structure.executor
        self.names = {v: f"v{v}" for v in range(len(self.program.shapes))}
        self.names.update({v: _identifier(spec.name) for v, spec in
                           zip(self.program.inputs, self.program.specs, strict=True)})
        self.parameters = {p.value: p.name for p in self.program.parameters}
        axis = next(((v, s.batch_axis) for v, s in zip(self.program.inputs, self.program.specs, strict=True)
                     if s.batch_axis is not None), None)
        self.batch = "" if axis is None else f"        batch = {self.names[axis[0]]}.shape[{axis[1]}]\n"

    def lines(self) -> Iterator[str]:
        """The forward's, with what nobody reads any more let go."""
        outputs = set(self.program.output_values)
        calls = self._needed(outputs)
        last: dict[int, int] = {}
        for k, call in enumerate(calls):
            last.update(dict.fromkeys((*(v for _, v, _ in call.tensors), *call.outputs), k))
        for k, call in enumerate(calls):
            if call.detached:
                yield "with paddle.no_grad():"
            yield f"    {self._line(call)}" if call.detached else self._line(call)
            gone = [self.names[v] for v, at in last.items() if at == k and v not in outputs and self._is_local(v)]
            if gone:
                yield f"del {', '.join(gone)}"

    def _is_local(self, value: int) -> bool:
        return not (value in self.parameters or value in self.executor.constants or value in self.program.inputs)

    def _needed(self, targets: set[int]) -> list[Call]:
        wanted, found = set(targets), []
        for call in reversed(self.executor.calls):
            if wanted.intersection(call.outputs):
                found.append(call)
                wanted.update(v for _, v, _ in call.tensors)
        return found[::-1]

    def _line(self, call: Call) -> str:
        out = ", ".join(self.names[v] for v in call.outputs)
        operands = [self._value(v) for _, v, _ in call.tensors]
        if call.name == "builtin.combine":
            return f"{out} = [{', '.join(operands)}]"
        if call.name in ("builtin.split", "pass"):
            return f"{out}{',' if call.name == 'builtin.split' and len(call.outputs) == 1 else ''} = {operands[0]}"
        if call.name == "constant":
            return f"{out} = {_constant(call.made[0][1])}"
        if call.name == "share_data_":
            return f"{out} = {operands[0]}.detach()"
        arguments = [_literal(a) for a in call.arguments]
        for place, value, _ in call.tensors:
            arguments[place] = self._value(value)
        for place, constant in call.made:
            arguments[place] = _constant(constant)
        for place, size in call.sizes:
            arguments[place] = _sizes(size, call.name)
        for place in call.flags:
            arguments[place] = "not self.training"
        for place in call.places:
            arguments[place] = "place"
        name = "_batch_norm" if call.name == "batch_norm_" else f"_C_ops.{call.name}"
        said = f"{name}({', '.join(arguments)})"
        return f"{out} = {said}" if len(call.outputs) == 1 else f"{out} = _several({said}, {len(call.outputs)})"

    def _value(self, value: int) -> str:
        if value in self.parameters:
            return f"self._tensor({self.parameters[value]!r})"
        constant = self.executor.constants.get(value)
        return self.names[value] if constant is None else _constant(constant)


    def nest(self, nest: Any) -> str:
        """What the forward gives, as Python writes it."""
        if isinstance(nest, Ref):
            return self._value(nest.value)
        if isinstance(nest, dict):
            return "{" + ", ".join(f"{key!r}: {self.nest(part)}" for key, part in nest.items()) + "}"
        if isinstance(nest, tuple):
            return "(" + "".join(f"{self.nest(part)}, " for part in nest).rstrip(" ") + ")"
        if isinstance(nest, list):
            return "[" + ", ".join(map(self.nest, nest)) + "]"
        return repr(nest)


def _identifier(name: str) -> str:
    return name if name.isidentifier() and not keyword.iskeyword(name) and name not in ("self", "place", "batch") else (
        f"{name}_in" if f"{name}_in".isidentifier() else "x_in")


def _constant(constant: Constant) -> str:
    if isinstance(constant.value, list):
        shape = list(constant.shape or [len(constant.value)])
        return f"_numbers({_literal(constant.value)}, {shape}, {constant.dtype!r}, place)"
    return f"_full({_literal(constant.value)}, {list(constant.shape)}, {constant.dtype!r}, place)"


def _literal(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, np.generic):
        return _literal(value.item())
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(str(value) if isinstance(value, str) else value)
    if type(value).__name__ == "DataType":
        name = dtype_name(value)
        return f"paddle.{name}" if name != "undefined" else "paddle.base.core.DataType.UNDEFINED"
    raise ExportError(f"{value!r} cannot be written as Python")


def _sizes(size: Any, name: str) -> str:
    if not isinstance(size, list):
        return _size(size)
    free = [n for n in size if isinstance(n, PerBatch)]
    if name in ("reshape", "reshape_") and len(free) == 1 and -1 not in size:
        return f"[{', '.join('-1' if isinstance(n, PerBatch) else str(n) for n in size)}]"
    return f"[{', '.join(map(_size, size))}]"


def _size(n: Any) -> str:
    if not isinstance(n, PerBatch):
        return str(n)
    each = "batch" if n.each == 1 else f"{n.each} * batch"
    return f"{each} + {n.more}" if n.more else each
