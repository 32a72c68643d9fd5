"""A listing run by Paddle's own operators while Paddle reads a program, so that what is free in it stays free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops

from prunelab.errors import ExportError
from prunelab.export.base import Array
from prunelab.export.listing import Listing, Statement
from prunelab.export.sizes import Size, is_free
from prunelab.graph.arrays import working_place
from prunelab.graph.calls import data_type
from prunelab.graph.composites import COMPOSITES
from prunelab.graph.program import DType, Ref, rebuild


class ListingLayer(paddle.nn.Layer):
    """A layer for ``paddle.jit.save`` that computes what the listing says, at any batch and length.

    Its parameters and buffers are the arrays of the listing; a name with dots, as the model's have, no layer takes.
    """

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self._listing = listing
        self._names = {value: [self._hold(f"value_{value}_{k}", array) for k, array in enumerate(arrays)]
                       if isinstance(arrays, list) else self._hold(f"value_{value}", arrays)
                       for value, arrays in listing.held.items()}

    def _hold(self, name: str, array: Array) -> str:
        if array.dtype == np.float32:  # Paddle saves no program without parameters
            made = self.create_parameter(list(array.shape), dtype="float32")
            made.set_value(array)
            self.add_parameter(name, made)
        else:
            self.register_buffer(name, paddle.to_tensor(array, place=working_place()))
        return name

    def _held(self) -> dict[int, Any]:
        return {value: [getattr(self, name) for name in names] if isinstance(names, list) else getattr(self, names)
                for value, names in self._names.items()}

    # to_static wants named parameters, as many as the listing may have inputs
    def forward(self, x: Any, x1: Any = None, x2: Any = None, x3: Any = None, x4: Any = None,
                x5: Any = None, x6: Any = None, x7: Any = None, x8: Any = None, x9: Any = None) -> Any:
        inputs = (x, x1, x2, x3, x4, x5, x6, x7, x8, x9)[: len(self._listing.inputs)]
        return rerun(self._listing, self._held(), inputs)


@paddle.jit.not_to_static
def rerun(listing: Listing, held: Mapping[int, Any], inputs: Sequence[Any]) -> list[Any]:
    """The outputs in order. ``held`` are the listing's arrays as tensors, by value.

    Raises:
        ExportError: an operator that takes no size that is known only when the file runs.
    """
    env = {**held, **dict(zip(listing.inputs, inputs, strict=True))}
    lengths = {name: paddle.shape(env[value])[axis].astype("int64") for name, (value, axis) in listing.free.items()}
    for statement in listing.statements:
        try:
            out = _call(statement, env, lengths)
        except (TypeError, ValueError) as error:
            raise ExportError(f"Paddle's operator {statement.name}{statement.line} takes no size that is known only "
                              "when the file runs; leave lengths out, or 'paddle' out of formats") from error
        if len(statement.outputs) == 1 and not (isinstance(out, (list, tuple)) and statement.name == "builtin.split"):
            env[statement.outputs[0]] = out[0] if isinstance(out, tuple) else out
        else:
            env.update(zip(statement.outputs, out if isinstance(out, (list, tuple)) else [out], strict=False))
    return [_tensor(env[value]) for _, value in listing.outputs]


def _call(statement: Statement, env: Mapping[int, Any], lengths: Mapping[str, Any]) -> Any:
    given = {key: _filled(value, statement.name, env, lengths) for key, value in statement.arguments.items()}
    if statement.name == "builtin.combine":
        return [_tensor(x) for x in given["x"]]
    if statement.name == "builtin.split":
        return given["x"][0]
    if statement.name in ("pass", "constant"):
        return given["x"][0] if "x" in given else given["value"]
    if statement.name == "einsum" and isinstance(given["x"], list):
        return paddle.einsum(given["equation"], *given["x"])
    if "place" in given:
        given["place"] = working_place()
    function = COMPOSITES[statement.name][0] if statement.name in COMPOSITES else getattr(_C_ops, statement.name)
    return function(*given.values())


def _filled(value: Any, operator: str, env: Mapping[int, Any], lengths: Mapping[str, Any]) -> Any:
    """An argument with tensors, and sizes that are computed, in their places."""
    if isinstance(value, list) and is_free(value):
        free = [n for n in value if isinstance(n, Size)]
        if operator.removesuffix("_") == "reshape" and len(free) == 1 and -1 not in value:
            return [-1 if isinstance(n, Size) else n for n in value]
        return paddle.utils.get_int_tensor_list([n.at(lengths) if isinstance(n, Size) else n for n in value])

    def leaf(x: Any) -> Any:
        if isinstance(x, Ref):
            # the state of a dropout, which nothing has filled and no result depends on in eval mode
            return env[x.value] if x.value in env else _C_ops.full([1], 0.0, data_type("uint8"), working_place())
        if isinstance(x, Size):
            return x.at(lengths).astype(x.dtype)
        if isinstance(x, DType):
            return data_type(str(x))
        return _tensor(x)

    return rebuild(value, leaf)


def _tensor(x: Any) -> Any:
    """An array as a constant of the program; anything else as it is."""
    return paddle.assign(x) if isinstance(x, np.ndarray) else x
