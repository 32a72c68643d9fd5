"""`execute`: a compiled program run on tensors, with the inputs checked and the outputs nested as the model's are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import paddle

from prunelab.errors import InputError
from prunelab.graph.arrays import working_place
from prunelab.graph.modes import Training
from prunelab.graph.nests import flat
from prunelab.graph.places import place_of
from prunelab.graph.program import Program, Ref, TensorSpec, rebuild
from prunelab.graph.run import Executor


def execute(executor: Executor, held: Mapping[int, Any], inputs: Sequence[Any], *, training: Training,
            targets: Sequence[int] | None = None, given: Mapping[int, Any] | None = None) -> Any:
    """Run a compiled program on tensors: the nest of outputs, or the list of ``targets``."""
    program = executor.program
    given = given or {}
    inputs = flat(program.specs, inputs) if inputs else inputs
    if len(inputs) != len(program.inputs) and not given:
        raise InputError(f"{len(inputs)} inputs were given; the graph takes {len(program.inputs)}: "
                         f"{', '.join(s.name for s in program.specs)}")
    values: dict[int, Any] = {**held, **dict(zip(program.inputs, inputs, strict=False)), **given}
    for spec, tensor in zip(program.specs, inputs, strict=False):
        _check_shape(spec, tensor)
    wanted = list(program.output_values) if targets is None else list(targets)
    place = place_of((*held.values(), *inputs)) if paddle.in_dynamic_mode() else working_place()
    out = executor.run(values, wanted, training=training, place=place, batch=_batch(program, inputs))
    if targets is not None:
        return out
    by_value = dict(zip(wanted, out, strict=True))
    return rebuild(program.outputs, lambda leaf: by_value[leaf.value] if isinstance(leaf, Ref) else leaf)


def _batch(program: Program, inputs: Sequence[Any]) -> Any:
    for spec, tensor in zip(program.specs, inputs, strict=False):
        if spec.batch_axis is not None and tensor is not None:
            n = tensor.shape[spec.batch_axis]
            return n if n != -1 else paddle.shape(tensor)[spec.batch_axis]
    return 1


def _check_shape(spec: TensorSpec, tensor: Any) -> None:
    shape = tuple(tensor.shape)
    fits = len(shape) == len(spec.shape) and all(
        n in (m, -1) or axis == spec.batch_axis for axis, (n, m) in enumerate(zip(shape, spec.shape, strict=True)))
    if not fits:
        told = ", ".join("batch" if axis == spec.batch_axis else str(n) for axis, n in enumerate(spec.shape))
        raise InputError(f"input '{spec.name}' has the shape {shape}; the graph was traced for ({told}): "
                         "give that shape, or trace the model again with the new one")
