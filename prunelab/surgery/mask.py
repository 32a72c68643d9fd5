"""A plan rehearsed on the full-size model: cut slices are zero, of the makers of units and of their readers.

Zeroing only the makers would not do: a unit that is zero comes out of a sigmoid as one half, and its reader would see
it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import paddle

from prunelab.errors import PlanError
from prunelab.graph import Graph, as_layer, graph_for
from prunelab.graph.execute import execute
from prunelab.graph.experts import silent_score
from prunelab.graph.inputs import dtype_name
from prunelab.graph.modes import training_of
from prunelab.graph.nests import in_order
from prunelab.graph.parameters import signature_of
from prunelab.graph.regions import crops
from prunelab.graph.removals import masked_weights
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.plan import Plan, as_plan


def cut_masks(model: Any, plan: Plan) -> dict[str, np.ndarray[Any, Any]]:
    """For each parameter and buffer that loses something: its shape in bool, True where it stays.

    Raises:
        PlanError: a plan for another structure.
    """
    graph = graph_for(model, as_plan(plan))
    masks = _masks(graph, plan)
    for name in _silent(graph, plan):
        masks.pop(name, None)  # what makes an expert silent is no zero
    return masks


def _masks(graph: Graph, plan: Plan) -> dict[str, np.ndarray[Any, Any]]:
    kept = graph.kept(plan)
    names = {p.value: p.name for p in graph.program.parameters}
    out = {}
    for p in graph.program.parameters:
        dims = graph.structure.dims(p.name)
        if not any(kept.changes(d) for d in dims):
            continue
        mask = np.ones(p.shape, bool)
        for axis, d in enumerate(dims):
            if kept.changes(d):
                stays = np.zeros(p.shape[axis], bool)
                stays[kept.positions(d)] = True
                mask &= stays.reshape([-1 if k == axis else 1 for k in range(len(p.shape))])
        out[p.name] = mask
    for block in graph.structure.blocks if kept.dropped else ():
        if block.add in kept.dropped:
            out.update({names[v]: np.zeros(graph.tensor_shape(names[v]), bool) for v in block.silences})
    for name, zeros in masked_weights(plan).items():
        out[name] = out[name] & ~zeros if name in out else ~zeros
    return out


def zero_cut(model: Any, plan: Plan) -> None:
    """Set the cut slices of a full-size model to zero, in place and for good.

    Raises:
        PlanError: a plan for another structure; nothing is changed then.
    """
    graph = graph_for(model, as_plan(plan))
    if crops(graph.structure.solution, graph.kept(plan)):
        raise PlanError("the plan takes a region of the inputs, which no weights of the full-size model can hold; take "
                        "the smaller model, compact(model, plan) or study.model(trial), and open a Lab on that")
    if _unheld(graph, plan):
        raise PlanError("the plan takes experts whose gate has no bias, so no weight can make them silent; "
                        "take the smaller model, compact(model, plan), or give the gate a bias")
    for name, mask in _masks(graph, plan).items():
        _zero(graph.tensor(name), mask)
    _silence(graph, plan)


def _silent(graph: Graph, plan: Plan) -> dict[str, np.ndarray[Any, Any]]:
    """The gates' biases under a plan, each with the experts that stay."""
    names = {p.value: p.name for p in graph.program.parameters}
    gates = graph.structure.gates(graph.kept(plan))
    return {names[gate.bias]: stays for gate, stays in gates if gate.bias is not None}


def _silence(graph: Graph, plan: Plan) -> None:
    """Make the experts that go silent, in place: a score that low gets nothing of a softmax."""
    for name, stays in _silent(graph, plan).items():
        tensor = graph.tensor(name)
        with paddle.no_grad():
            low = paddle.full_like(tensor, silent_score(str(tensor.dtype)))
            paddle.assign(paddle.where(paddle.to_tensor(stays, place=tensor.place), tensor, low), output=tensor)


def _unheld(graph: Graph, plan: Plan) -> dict[int, list[float]]:
    """Scores that no weight can make silent, each with what is added to it."""
    dtypes = graph.program.dtypes
    return {gate.scores: np.where(stays, 0.0, silent_score(dtypes[gate.scores])).tolist()
            for gate, stays in graph.structure.gates(graph.kept(plan)) if gate.bias is None}


@contextlib.contextmanager
def _rehearsed(graph: Graph, plan: Plan, layer: Any) -> Iterator[None]:
    """Inside, a model that is to know of a region only, or whose experts no weight can make silent, runs as its graph,
    which does that; others run as they are."""
    scores, solution = _unheld(graph, plan), graph.structure.solution
    kept = graph.kept(plan)
    region = kept if crops(solution, kept) else None
    if not scores and region is None:
        yield
        return
    executor = Executor(graph.program, solution, RULES, silent=scores, region=region)
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters}

    def forward(*inputs: Any, **named: Any) -> Any:
        return execute(executor, held, in_order(graph.input_specs, inputs, named), training=training_of(layer))

    with contextlib.suppress(TypeError, ValueError):  # batches are read by what a forward takes
        forward.__signature__ = signature_of(layer)  # type: ignore[attr-defined]
    before = vars(layer).get("forward")
    layer.forward = forward
    try:
        yield
    finally:
        del layer.forward
        if before is not None:
            layer.forward = before


_LONGER = {"float16": "float32", "bfloat16": "float32", "uint8": "int32", "int8": "int32", "int16": "int32"}


def _zero(tensor: Any, mask: np.ndarray[Any, Any]) -> None:
    with paddle.no_grad():
        stays = paddle.to_tensor(mask, place=tensor.place)
        # a CPU chooses among no short types; there and back through a longer one no bit changes
        kind = dtype_name(tensor.dtype)
        wide = tensor.astype(_LONGER[kind]) if kind in _LONGER else tensor
        # `where`, not a product: a weight that is NaN or infinite is cut too
        paddle.assign(paddle.where(stays, wide, paddle.zeros_like(wide)).astype(tensor.dtype), output=tensor)


@contextlib.contextmanager
def mask(model: Any, plan: Plan) -> Iterator[Any]:
    """Inside, the model computes as if pruned. Gives the model.

    On leaving, all its parameters and buffers are what they were, bit for bit; what is trained inside is undone too.

    Raises:
        PlanError: a plan for another structure; nothing is changed then.
    """
    graph = graph_for(model, as_plan(plan))
    masks = _masks(graph, plan)
    layer = as_layer(model)
    constants = [graph.tensor(p.name) for p in graph.program.parameters if p.kind == "constant"]
    tensors = [*layer.parameters(), *layer.buffers(), *constants]
    tensors = [t for t in tensors if t._is_initialized()]  # a recurrent layer holds an empty state for dropout
    before = [t.detach().clone() for t in tensors]
    # a forward may hang up another tensor in a buffer's place (weight norm's does, at every call)
    hung = [(part, dict(part._buffers)) for part in layer.sublayers(include_self=True)]
    try:
        for name, stays in masks.items():
            _zero(graph.tensor(name), stays)
        _silence(graph, plan)
        with _rehearsed(graph, plan, layer):
            yield model
    finally:
        for part, buffers in hung:
            part._buffers.update(buffers)
        with paddle.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                paddle.assign(value, output=tensor)
