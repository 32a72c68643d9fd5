"""A listing in half precision: weights and what is computed in float16, inputs and outputs as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from prunelab.export.listing import Listing, Statement, Variable
from prunelab.graph.program import DType, Ref, rebuild

_LARGEST = float(np.finfo(np.float16).max)


def half(listing: Listing) -> Listing:
    """The same operators on float16; inputs are cast when they come in, outputs when they go out."""
    first = max(listing.variables, default=0) + 1
    inside = {v: first + k for k, v in enumerate(v for v, x in listing.inputs.items() if x.dtype == "float32")}
    outside = {v: first + len(inside) + k for k, v in enumerate(dict.fromkeys(v for _, v in listing.outputs))
               if listing.variables[v].dtype == "float32"}
    variables = {v: _halved(x) for v, x in listing.variables.items()} | dict(listing.inputs)
    variables |= {inside[v]: _halved(x, "half") for v, x in listing.inputs.items() if v in inside}
    variables |= {outside[v]: listing.variables[v] for v in outside}
    body = [_cast(v, inside[v], "float16") for v in inside]
    body += [_inside(s, inside) for s in listing.statements]
    body += [_cast(inside.get(v, v), outside[v], "float32") for v in outside]
    return replace(listing, statements=tuple(body), held={v: _array(a) for v, a in listing.held.items()},
                   variables=variables, outputs=tuple((name, outside.get(v, v)) for name, v in listing.outputs))


def _cast(value: int, to: int, dtype: str) -> Statement:
    return Statement("cast", {"x": Ref(value), "dtype": DType(dtype)}, (to,))


def _halved(variable: Variable, more: str = "") -> Variable:
    name = f"{variable.name}_{more}" if more else variable.name
    return Variable(name, variable.shape, "float16" if variable.dtype == "float32" else variable.dtype)


def _inside(statement: Statement, inside: Mapping[int, int]) -> Statement:
    def leaf(x: Any) -> Any:
        if isinstance(x, Ref):
            return Ref(inside.get(x.value, x.value))
        if isinstance(x, DType) and x == "float32":
            return DType("float16")
        return _array(x)
    return replace(statement, arguments={key: rebuild(a, leaf) for key, a in statement.arguments.items()})


def _array(array: Any) -> Any:
    if isinstance(array, list):
        return [_array(a) for a in array]
    if isinstance(array, np.ndarray) and array.dtype == np.float32:
        # a mask of minus a billion is as good as minus sixty thousand, and is no infinity
        return np.clip(array, -_LARGEST, _LARGEST).astype(np.float16)
    return array
