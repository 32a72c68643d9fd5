"""Models in half precision on a place without kernels for it: read from a twin in float32.

Paddle refuses to write a program of operators that it could not run, and a CPU has few of half precision. Widths and
costs do not depend on the type: so a copy in float32 is read, and what was read is told of the model itself. Such a
graph runs where the kernels are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import paddle

from prunelab.graph.model_copy import copy_of
from prunelab.graph.program import DType, Program, TensorSpec

HALVES = ("float16", "bfloat16")


def half_of(model: Any) -> str:
    """The half precision that a model's parameters have; empty where none has."""
    halves = {getattr(paddle, kind): kind for kind in HALVES}
    return next((halves[p.dtype] for p in model.parameters() if p.dtype in halves), "")


def without_kernels(model: Any) -> bool:
    """Whether a model cannot be run where it lives: on a CPU in half precision."""
    return bool(half_of(model)) and all(p.place.is_cpu_place() for p in model.parameters())


def twin_of(model: Any) -> Any:
    """A copy in float32, in the same modes."""
    twin = copy_of(model)
    cast(twin, {name: "float32" if kind in HALVES else kind for name, kind in types_of(twin).items()})
    return twin


def cast(model: Any, dtypes: dict[str, str]) -> None:
    """Give parameters and buffers other types, in place."""
    layers = dict(model.named_sublayers(include_self=True))
    for name, tensor in _tensors(model):
        if name in dtypes and tensor._is_initialized() and tensor.is_floating_point():
            holder = layers[name.rpartition(".")[0]]
            # Paddle's own way to change a type in place: the object stays, so that every list holds it
            holder._transform(tensor, None, dtypes[name], False)
            holder._dtype = dtypes[name]


def types_of(model: Any) -> dict[str, str]:
    """The type of each parameter and buffer."""
    return {name: str(t.dtype).rpartition(".")[2] for name, t in _tensors(model)}


def specs_of_twin(specs: Iterable[TensorSpec]) -> list[TensorSpec]:
    """Inputs in float32 where they are in half precision."""
    return [replace(s, dtype="float32") if s.dtype in HALVES else s for s in specs]


def told_of(program: Program, half: str, model: Any) -> Program:
    """What was read of a twin, as what the model in half precision computes."""
    types = types_of(model)
    return replace(
        program, ops=tuple(replace(op, attributes={k: _told(v, half) for k, v in op.attributes.items()})
                           for op in program.ops),
        dtypes=tuple(half if kind == "float32" else kind for kind in program.dtypes),
        parameters=tuple(replace(p, dtype=types.get(p.name, p.dtype)) for p in program.parameters),
        specs=tuple(replace(s, dtype=half) if s.dtype == "float32" else s for s in program.specs))


def _told(value: Any, half: str) -> Any:
    return DType(half) if isinstance(value, DType) and value == "float32" else value


def _tensors(model: Any) -> list[tuple[str, Any]]:
    return [*model.named_parameters(), *model.named_buffers()]
