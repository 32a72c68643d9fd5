"""What a measurement was made of, as fingerprints: the same ones mean the same numbers."""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from prunelab.evaluate.labels import leaves
from prunelab.evaluate.samples import Sample
from prunelab.graph import Graph, as_array
from prunelab.graph.removals import is_sparse
from prunelab.plan import Plan


def model_identity(graph: Graph, plan: Plan) -> dict[str, str]:
    """The structure, the weights and buffers, and what is cut already."""
    tensors = ((p.name, as_array(graph.tensor(p.name))) for p in graph.program.parameters if p.kind != "empty")
    cut = [(g.name, np.asarray(g.zeros if is_sparse(g) else g.removed)) for g in plan.groups]  # type: ignore[union-attr]
    return {"structure": graph.fingerprint, "weights": digest(tensors), "plan": digest(cut)}


def data_identity(held: Iterable[Sample]) -> str:
    """All inputs and labels, in their batches."""
    parts = ((str(k), part) for sample in held for k, part in enumerate((*sample.inputs, *leaves(sample.labels))))
    return digest((name, as_array(part)) for name, part in parts)


def digest(arrays: Iterable[tuple[str, np.ndarray[Any, Any]]]) -> str:
    """Names and arrays in their order, in 32 letters."""
    found = hashlib.blake2b(digest_size=16)
    for name, array in arrays:
        found.update(f"{name} {array.dtype} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def function_identity(function: Any) -> str:
    """A name as it is; a function by its name, its code and what it closes over; an object by its class and attributes.

    Where something in it has no text of its own but its address, no other process finds it again: that is the safe
    side.
    """
    if function is None or isinstance(function, str):
        return str(function)
    if isinstance(function, types.FunctionType):
        code, cells = function.__code__, [cell.cell_contents for cell in function.__closure__ or ()]
        told: list[Any] = [code.co_code.hex(), code.co_consts, code.co_names, function.__defaults__, cells]
    else:
        told = [sorted((k, repr(v)) for k, v in vars(function).items()) if hasattr(function, "__dict__") else
                repr(function)]
    name = getattr(function, "__qualname__", type(function).__qualname__)
    module = getattr(function, "__module__", type(function).__module__)
    return f"{module}.{name} {hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()}"


def fingerprint(identity: Mapping[str, Any]) -> str:
    """An identity in 32 letters."""
    return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=16).hexdigest()
