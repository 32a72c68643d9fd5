"""A listing as an ONNX model."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab import __version__
from prunelab.errors import ExportError
from prunelab.export.listing import Listing, Statement, Variable
from prunelab.export.onnx import OPSET, TABLE
from prunelab.export.onnx.builder import Builder, Value
from prunelab.export.sizes import Size
from prunelab.export.translate import refuse_unknown, translate

# What onnxruntime 1.14 reads; the package's own may be newer than the runtime that a file meets.
IR_VERSION = 8
# A protobuf message holds at most 2 GB.
MOST_BYTES = 2**31 - 1


def onnx_model(listing: Listing) -> Any:
    """The model as an ``onnx.ModelProto``, inputs and outputs by the listing's names.

    Raises:
        ExportError: operators that ONNX has no words for, by name.
    """
    refuse_unknown(listing, TABLE, "the ONNX table")
    writer = _Writer(listing)
    translate(listing, TABLE, writer.env, first=(writer.g,), before=writer.before, after=writer.label,
              array=writer.g.constant)
    return writer.model()


@dataclass
class _Writer:
    listing: Listing

    def __post_init__(self) -> None:
        names = {v: listing_input.name for v, listing_input in self.listing.inputs.items()}
        self.inputs = {v: Value(names[v], x.dtype, x.shape) for v, x in self.listing.inputs.items()}
        self.g = Builder(self._length)
        self.g.taken = {*names.values(), *(name for name, _ in self.listing.outputs)}
        self.env: dict[int, Any] = dict(self.inputs)
        self._hold(self.listing.held)
        self._read = {v for s in self.listing.statements for v in s.refs} | {v for _, v in self.listing.outputs}

    def _hold(self, held: Mapping[int, Any]) -> None:
        taken = self.g.taken
        for value, array in held.items():
            variable = self.listing.variables.get(value)
            if isinstance(array, list):
                self.env[value] = [self.g.constant(a) for a in array]
                continue
            name = variable.name if variable is not None and variable.name not in taken else None
            taken.add(name or "")
            self.env[value] = self.g.constant(array, name)

    def _length(self, g: Builder, axis: str) -> Value:
        value, at = self.listing.free[axis]
        shape = g.Shape(self.inputs[value])
        return g.Slice(shape, [at], [at + 1])

    def before(self, statement: Statement) -> None:
        """Tell the builder what the next operator gives."""
        self.g.out = tuple(self.listing.variables.get(v) for v in statement.outputs)
        self.g.used = tuple(v in self._read for v in statement.outputs)

    def label(self, statement: Statement, out: Any) -> Any:
        """What was given, with the shapes that the graph knows."""
        if len(statement.outputs) == 1:
            return self._label(out, statement.outputs[0])
        parts = out if isinstance(out, tuple) else (out,)
        return [self._label(part, v) for part, v in zip(parts, statement.outputs, strict=False)]

    def _label(self, value: Any, number: int) -> Any:
        known = self.listing.variables.get(number)
        if not isinstance(value, Value) or known is None:
            return value
        return Value(self.g.cast(value, known.dtype).name if value.dtype != known.dtype else value.name, known.dtype,
                     known.shape)

    def model(self) -> Any:
        """The whole file."""
        onnx = importlib.import_module("onnx")
        helper, g = onnx.helper, self.g
        outputs = []
        for name, number in self.listing.outputs:
            value = g.value(self.env[number])
            g.nodes.append(helper.make_node("Identity", [value.name], [name]))
            outputs.append(self._info(helper, Variable(name, self.listing.variables[number].shape, value.dtype)))
        inputs = [self._info(helper, v) for v in self.listing.inputs.values()]
        used = {name for node in g.nodes for name in node.input}
        weights = [tensor for tensor in g.initializers if tensor.name in used]
        graph = helper.make_graph(g.nodes, self.listing.model, inputs, outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="prunelab",
                                  producer_version=__version__, ir_version=IR_VERSION)
        if sum(len(t.raw_data) for t in g.initializers) > MOST_BYTES:
            raise ExportError(f"{self.listing.model} has more than 2 GB of weights, which one ONNX file cannot hold")
        return model

    def _info(self, helper: Any, variable: Variable) -> Any:
        shape = [_axis(n) for n in variable.shape]
        return helper.make_tensor_value_info(variable.name, helper.np_dtype_to_tensor_dtype(np.dtype(variable.dtype)),
                                             shape)


def _axis(n: Any) -> Any:
    """A name for a free axis, None for one that is computed from it, or whose length the values decide."""
    if not isinstance(n, Size):
        return None if n == -1 else n
    return next(iter(n.terms))[0] if list(n.terms.values()) == [1] and len(next(iter(n.terms))) == 1 else None
