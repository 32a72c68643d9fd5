"""`trace`: a model read into a `Graph`; and the graph that a plan speaks of."""

from __future__ import annotations

from typing import Any

import paddle

from prunelab.errors import InputError, PlanError, TraceError
from prunelab.graph.collection import without_collection
from prunelab.graph.graph import Graph
from prunelab.graph.half import half_of, specs_of_twin, told_of, twin_of, without_kernels
from prunelab.graph.inputs import read_inputs
from prunelab.graph.looks import can_be_batch
from prunelab.graph.removals import Removals
from prunelab.graph.side_effects import taken_down
from prunelab.graph.structure import Structure, recall, remember
from prunelab.graph.trace import read_program, read_with_another_batch


def trace(model: Any, inputs: Any) -> Graph:
    """Read ``model`` (an ``nn.Layer`` or a ``paddle.Model``) into a `Graph`; the model is left as it was.

    Args:
        inputs: one shape such as ``(1, 3, 224, 224)``, an ``InputSpec``, an example tensor, or a list of them, one for
            each input; or a dict by the forward's names, where dicts and lists stand for what takes such:
            ``{"inputs": {"image": (1, 3, 320, 320)}}``.

    Raises:
        InputError: inputs that the forward does not take.
        TraceError: a forward that branches on the values of tensors, changes its own attributes, or cannot be read by
            Paddle.
    """
    layer = as_layer(model)
    with without_collection():
        try:
            return _trace(layer, inputs)
        except (TraceError, InputError):
            if not without_kernels(layer):
                raise
        return _trace_half(layer, inputs)


def _trace_half(layer: Any, inputs: Any) -> Graph:
    """The graph of a model in half precision that cannot be run where it lives."""
    twin = _trace(twin_of(layer), specs_of_twin(read_inputs(layer, inputs)))
    named = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
    held = {p.value: named.get(p.name, twin._held[p.value]) for p in twin.program.parameters}
    structure = Structure(told_of(twin.program, half_of(layer), layer))
    remember(layer, structure, held)
    return Graph(layer, structure, held)


def _trace(layer: Any, inputs: Any) -> Graph:
    reading = read_program(layer, inputs)
    if reading.left:  # by a call whose batch may have had another size, which would be taken for that of every batch
        with taken_down(layer, reading.left):
            return _trace(layer, inputs)
    structure = Structure(reading.program)
    if can_be_batch(structure.solution, reading.looks) and not structure.takes_any_batch(
            read_with_another_batch(layer, reading.program)):
        reading = read_program(layer, inputs, any_batch=False)
        structure = Structure(reading.program)
    remember(layer, structure, reading.held)
    return Graph(layer, structure, reading.held)


def as_layer(model: Any) -> Any:
    """The layer: a ``paddle.Model``'s network, or the layer itself."""
    if isinstance(model, paddle.Model):
        return model.network
    if isinstance(model, type):
        raise InputError(f"the model is the class {model.__name__}; make one: {model.__name__}(...)")
    if not isinstance(model, paddle.nn.Layer):
        raise InputError(f"the model is a {type(model).__name__}; give a paddle.nn.Layer or a paddle.Model")
    return model


def graph_for(model: Any, plan: Removals) -> Graph:
    """The graph of ``model`` that ``plan`` speaks of: the one it was traced to, or read now with the plan's inputs."""
    layer = as_layer(model)
    known = recall(layer, plan.fingerprint)
    if known is not None:
        return Graph(layer, *known).opened_for(plan)
    try:
        graph = trace(layer, list(plan.inputs))
    except (InputError, TraceError) as error:
        raise PlanError(f"the plan was made for another structure ({plan.model}) than {type(layer).__name__}, which "
                        f"does not take the plan's inputs; propose one for this model ({error})") from error
    graph.check(plan)
    return graph.opened_for(plan)
