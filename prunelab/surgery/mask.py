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

from prunelab.graph import Graph, as_layer, graph_for
from prunelab.graph.graph import masked_weights
from prunelab.plan import Plan, as_plan


def cut_masks(model: Any, plan: Plan) -> dict[str, np.ndarray[Any, Any]]:
    """For each parameter and buffer that loses something: its shape in bool, True where it stays.

    Raises:
        PlanError: a plan for another structure.
    """
    return _masks(graph_for(model, as_plan(plan)), plan)


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
    for name, mask in _masks(graph, plan).items():
        _zero(graph.tensor(name), mask)


def _zero(tensor: Any, mask: np.ndarray[Any, Any]) -> None:
    with paddle.no_grad():
        stays = paddle.to_tensor(mask, place=tensor.place)
        # `where`, not a product: a weight that is NaN or infinite is cut too
        paddle.assign(paddle.where(stays, tensor, paddle.zeros_like(tensor)), output=tensor)


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
        yield model
    finally:
        for part, buffers in hung:
            part._buffers.update(buffers)
        with paddle.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                paddle.assign(value, output=tensor)
