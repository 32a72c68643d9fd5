"""A plan carried out: a smaller model of the same class where its own forward can carry it, else a `GraphLayer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import paddle

from prunelab.errors import SurgeryError
from prunelab.graph import Graph, TensorSpec, graph_for, trace
from prunelab.graph.arrays import taken
from prunelab.graph.blocks import alive
from prunelab.graph.collection import without_collection
from prunelab.graph.half import cast, specs_of_twin, twin_of, types_of, without_kernels
from prunelab.graph.modes import follow_modes
from prunelab.graph.nests import call, is_nested
from prunelab.graph.places import at_home
from prunelab.graph.program import flatten
from prunelab.graph.removals import masked_weights
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.widths import Kept
from prunelab.plan import Plan, as_plan
from prunelab.surgery.compare import close, random_inputs
from prunelab.surgery.copying import copy_with
from prunelab.surgery.graph_layer import GraphLayer, NestedGraphLayer
from prunelab.surgery.layers import follow_shapes, set_number

# Sides of images: small ones are halved five times, as most networks do, to a map of one or of two.
_LARGE_IMAGE, _SMALL_IMAGES = 128, (32, 64)


def compact(model: Any, plan: Plan, *, form: str = "auto") -> Any:
    """A new, smaller layer without the units that ``plan`` removes; the model is left as it was.

    Weights that the plan masks in their place (granularity "element", "kernel", "block", "n:m") are zeros in it.

    Args:
        form: ``"auto"`` gives the model's own class where its forward computes the same with the new widths (found by
            running it) and a `GraphLayer` where it does not; ``"graph"`` gives a `GraphLayer` always.

    Raises:
        PlanError: a plan for another structure.
        SurgeryError: neither form computes what the graph says (then nothing is given).
    """
    graph = graph_for(model, as_plan(plan))
    with without_collection(), at_home(graph.model):
        return _carried_out(graph, plan, form)


def _carried_out(graph: Graph, plan: Plan, form: str) -> Any:
    kept = graph.kept(plan)
    executor = Executor(graph.program, graph.structure.solution, RULES, kept)
    cut = cut_tensors(graph, plan, kept)
    # a class's own forward calls all of its layers, compares with words by their old numbers, reads whole inputs, and
    # knows nothing of zeros that are gone
    own = not (kept.drops_operators or graph.structure.renumbers(kept) or graph.structure.crops(kept)
               or executor.compares)
    if form == "auto" and own:
        small = _half(graph, plan) if without_kernels(graph.model) else _same_class(graph, executor, cut)
        if small is not None:
            return small
    return _as_graph(graph, executor, cut, kept)


def _half(graph: Graph, plan: Plan) -> Any:
    """As `_same_class`, of a model in half precision that cannot be run here: its twin in float32 is, and cut."""
    twin = trace(twin_of(graph.model), specs_of_twin(graph.input_specs)).opened_for(plan)
    small = _carried_out(twin, plan, "auto")
    if isinstance(small, GraphLayer):
        return None
    cast(small, types_of(graph.model))
    return small


def cut_tensors(graph: Graph, plan: Plan, kept: Kept) -> dict[int, Any]:
    """The smaller network's tensors by value id: new ones where something goes, the model's own elsewhere."""
    masked = masked_weights(plan)
    return {p.value: _cut(graph, p.name, kept, masked.get(p.name)) for p in graph.program.parameters}


def _cut(graph: Graph, parameter: str, kept: Kept, zeros: np.ndarray[Any, Any] | None) -> Any:
    """A parameter's kept slices, masked weights zero: a new tensor on the same place; the tensor itself where nothing
    goes."""
    tensor = graph.tensor(parameter)
    stays = {axis: np.asarray(kept.positions(d), np.int64)
             for axis, d in enumerate(graph.structure.dims(parameter)) if kept.changes(d)}
    if zeros is None and not stays:
        return tensor
    place, dtype = tensor.place, tensor.dtype
    whole = tensor.detach()
    if place.is_cpu_place() and dtype in (paddle.float16, paddle.bfloat16):
        # a CPU slices no half precision; there and back through float32 no bit changes
        whole = whole.astype("float32")
    if zeros is not None:
        whole = paddle.where(paddle.to_tensor(zeros, place=place), paddle.zeros_like(whole), whole)
    return _slices(whole, stays, place).astype(dtype)


def _slices(out: Any, stays: Mapping[int, np.ndarray[Any, Any]], place: Any) -> Any:
    if stays and place.is_cpu_place() and out.dtype in (paddle.float32, paddle.float64):
        return taken(out, stays, place)
    for axis, positions in stays.items():
        out = paddle.index_select(out, paddle.to_tensor(positions, place=place), axis=axis)
    return out


def _same_class(graph: Graph, executor: Executor, cut: Mapping[int, Any]) -> Any:
    """A copy of the model on cut tensors, or None where its own forward computes something else."""
    originals = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
    small = copy_with(graph.model, [(original, cut[value]) for value, original in originals.items()
                                    if cut[value] is not original])
    layers = dict(small.named_sublayers(include_self=True))
    for parameter, number, new in executor.owned:
        set_number(layers.get(parameter.rpartition(".")[0]), number, new)
    for layer in layers.values():
        follow_shapes(layer)
    return small if _computes_the_same(graph, small, executor, cut) else None


def _computes_the_same(graph: Graph, small: Any, executor: Executor, cut: Mapping[int, Any]) -> bool:
    """Whether the class's own forward computes what the cut graph does.

    Where no number that Python spells has changed, only what a forward makes of a width could tell them apart, and it
    would on one small image too; these are tried first.
    """
    modes = [(layer, layer.training) for layer in small.sublayers(include_self=True)]
    random_state = paddle.get_rng_state()
    small.eval()
    try:
        with paddle.no_grad():
            less = () if executor.spelled else _smaller_images(graph.input_specs)
            if any(_agree(graph, small, executor, cut, specs) for specs in less):
                return True
            return _agree(graph, small, executor, cut, graph.input_specs, must_run=True)
    finally:
        for layer, mode in modes:
            layer.training = mode
        paddle.set_rng_state(random_state)


def _agree(graph: Graph, small: Any, executor: Executor, cut: Mapping[int, Any], specs: tuple[TensorSpec, ...], *,
           must_run: bool = False) -> bool:
    inputs = random_inputs(specs, graph.place)
    try:
        values = {**cut, **dict(zip(graph.program.inputs, inputs, strict=True))}
        batch = next((s.shape[s.batch_axis] for s in specs if s.batch_axis is not None), 1)
        ours = executor.run(values, graph.program.output_values, training=False, place=graph.place, batch=batch)
    except Exception as error:
        if not must_run:
            return False
        raise SurgeryError(f"the cut graph of {type(graph.model).__name__} does not run: {error}; "
                           "please report the model") from error
    try:
        theirs = call(small, specs, inputs)
    except Exception:  # the forward spells a width that is gone: any error may come of it
        return False
    return close([t for t in flatten(theirs) if isinstance(t, paddle.Tensor)], ours)


def _smaller_images(specs: tuple[TensorSpec, ...]) -> list[tuple[TensorSpec, ...]]:
    """One small image, and one less small, in the place of an input of large images; nothing for anything else."""
    if len(specs) != 1 or len(specs[0].shape) != 4 or specs[0].batch_axis != 0:
        return []
    shape = specs[0].shape
    if sum(n >= _LARGE_IMAGE for n in shape[1:]) != 2:
        return []
    return [(replace(specs[0], shape=(1, *(side if n >= _LARGE_IMAGE else n for n in shape[1:]))),)
            for side in _SMALL_IMAGES]


def as_cut_graph(graph: Graph, plan: Plan) -> GraphLayer:
    """The smaller model of ``graph``, whatever its class could carry, as a layer that runs the rewritten graph."""
    with without_collection(), at_home(graph.model):
        found: GraphLayer = _carried_out(graph, plan, "graph")
        return found


def as_graph(graph: Graph) -> GraphLayer:
    """A graph's model as a layer of its own that runs the graph; nothing is cut."""
    whole = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
    return _as_graph(graph, graph.structure.executor, whole, Kept({}))


def _as_graph(graph: Graph, executor: Executor, cut: Mapping[int, Any], kept: Kept) -> GraphLayer:
    model = graph.model
    dead = _dead_parameters(graph, kept)
    by_name = {p.name: cut[p.value] for p in graph.program.parameters if p.kind != "constant"}
    # what the forward does not use is still part of the state
    originals = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    tensors = {name: _own(original, by_name.get(name, original)) for name, original in originals.items()
               if name not in dead}
    # a parameter that a model holds under two names (Paddle's recurrent layers do) keeps both
    saved = model.state_dict()
    by_original = {id(original): tensors[name] for name, original in originals.items() if name in tensors}
    for name, tensor in saved.items():
        if name not in tensors and id(tensor) in by_original:
            tensors[name] = by_original[id(tensor)]
    constants = {p.value: cut[p.value].detach().clone() for p in graph.program.parameters if p.kind == "constant"}
    kind = NestedGraphLayer if is_nested(graph.program.specs) else GraphLayer
    layer = kind(executor, tensors, constants, saved.keys(), graph.program.model)
    follow_modes(layer, model)
    return layer


def _dead_parameters(graph: Graph, kept: Kept) -> set[str]:
    """What only dropped operators read."""
    if not kept.drops_operators:
        return set()
    living = alive(graph.program, kept.dropped, kept.missing)
    readers = graph.program.consumers
    return {p.name for p in graph.program.parameters
            if p.value in readers and not any(op.index in living for op in readers[p.value])}


def _own(original: Any, tensor: Any) -> Any:
    """A tensor of the new layer's own, with the original's trainability, learning rate and decay."""
    if not original._is_initialized():
        return original  # Paddle's recurrent layers hold an empty state for dropout
    if not isinstance(original, paddle.base.framework.EagerParamBase):
        out = tensor.detach().clone()
        out.stop_gradient = True
        return out
    parameter = paddle.base.framework.EagerParamBase.from_tensor(tensor.detach().clone(), trainable=original.trainable)
    parameter.stop_gradient = original.stop_gradient
    for name in ("optimize_attr", "regularizer", "do_model_average", "need_clip", "is_distributed"):
        if hasattr(original, name):
            setattr(parameter, name, getattr(original, name))
    return parameter
