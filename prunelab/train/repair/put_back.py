"""The smaller network's tensors in their places in a copy of the full-size model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.graph import Graph
from prunelab.graph.widths import Kept
from prunelab.surgery.copying import copy_with


def copy_with_kept(graph: Graph, kept: Kept, before: Mapping[int, Any], after: Mapping[int, Any]) -> Any:
    """A copy of the graph's model in which what is kept of each tensor is what ``after`` has, where that is another one
    than ``before``; what is cut stays as it is."""
    changed = [(graph.tensor(p.name), _put_back(graph, p.name, kept, after[p.value]))
               for p in graph.program.parameters if after[p.value] is not before[p.value]]
    return copy_with(graph.model, changed)


def _put_back(graph: Graph, parameter: str, kept: Kept, values: Any) -> Any:
    tensor, dims = graph.tensor(parameter), graph.structure.dims(parameter)
    values = values.astype(tensor.dtype).reshape([-1])
    where = np.ix_(*(kept.positions(d) for d in dims)) if dims else ()
    flat = np.ravel_multi_index(np.broadcast_arrays(*where), tuple(tensor.shape)).reshape(-1)
    index = paddle.to_tensor(flat.astype(np.int64), place=tensor.place)
    return paddle.scatter(tensor.detach().reshape([-1]), index, values).reshape(tensor.shape)
