"""Data held in memory, to be looked at again and again: in its own batches, or in random order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError
from prunelab.evaluate.batches import batches
from prunelab.evaluate.labels import first, leaves, over
from prunelab.graph import Graph, as_layer, trace
from prunelab.graph.nests import Inputs, each, like, ordered
from prunelab.render.numbers import size

# Inputs of more than this are no longer held: a tenth of what the machines have on which such data is kept
HELD_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Sample:
    """A batch: its inputs, its labels or None, and how many samples it has."""

    inputs: Inputs
    labels: Any
    n_samples: int


def first_sample(inputs: Iterable[Any]) -> Inputs:
    """The inputs of a batch's first sample, as a model is traced with."""
    return first_samples(inputs, 1)


def first_samples(inputs: Iterable[Any], n: int) -> Inputs:
    """The inputs of a batch's first ``n`` samples; numbers without axes as they are."""
    return each(lambda x: x[:n] if x.ndim else x, inputs)


def hold_for(model: Any, data: Any, samples: int | None = None, *, inputs: Any = None,
             in_process: bool = False) -> tuple[list[Sample], Graph]:
    """`hold` of the data, and the graph: ``model`` where it is one, else what is traced with ``inputs``, or with the
    first sample.

    Raises:
        DataError, InputError, TraceError: data that cannot be read or held, a model that cannot be traced.
    """
    held = hold(batches(data, model, in_process=in_process), samples)
    if isinstance(model, Graph):
        return held, model
    graph = trace(as_layer(model), first_sample(held[0].inputs) if inputs is None else inputs)
    return [replace(s, inputs=ordered(graph.input_specs, s.inputs, "the batches")) for s in held], graph


def hold(source: Iterable[tuple[Inputs, Any]], samples: int | None = None) -> list[Sample]:
    """The batches of the data, at most ``samples`` samples of them.

    Raises:
        DataError: no batches, or more than can be held.
    """
    found: list[Sample] = []
    left, held = math.inf if samples is None else samples, 0
    for inputs, labels in source:
        n = inputs[0].shape[0] if inputs[0].ndim else 1
        if n > left:
            n = int(left)
            inputs = first_samples(inputs, n)
            labels = first(labels, n)
        found.append(Sample(inputs, labels, n))
        held += sum(math.prod(x.shape) * int(x.element_size()) for x in inputs)
        if held > HELD_BYTES:
            raise DataError(f"the data is more than {size(HELD_BYTES)}, which is held in memory while it is looked at "
                            f"again and again; give samples={sum(s.n_samples for s in found[:-1])} or fewer")
        left -= n
        if left <= 0:
            break
    if not found:
        raise DataError("the data has no batches; give at least one")
    return found


def shuffled(held: Sequence[Sample], batch: int, seed: int) -> list[Sample]:
    """All samples in random order, in batches of ``batch`` or of the first one's size where that is smaller.

    Inputs whose first axis is not the samples' cannot be taken apart: then whole batches change places.
    """
    rng = np.random.default_rng(seed)
    if not all(_apart(s) for s in held):
        return [held[k] for k in rng.permutation(len(held))]
    n_inputs, size_of = len(held[0].inputs), min(batch, max(s.n_samples for s in held))
    columns = [paddle.concat([s.inputs[k] for s in held]) for k in range(n_inputs)]
    labels = over(lambda *parts: paddle.concat(list(parts)), *(s.labels for s in held))
    order = rng.permutation(columns[0].shape[0])
    out = []
    for start in range(0, len(order), size_of):
        chosen = order[start : start + size_of]
        index = paddle.to_tensor(chosen, place=columns[0].place)
        inputs = like(held[0].inputs, [paddle.index_select(c, index) for c in columns])
        out.append(Sample(inputs, over(lambda y, rows=index: paddle.index_select(y, rows), labels), len(chosen)))
    return out


def _apart(sample: Sample) -> bool:
    return all(x.ndim and x.shape[0] == sample.n_samples for x in (*sample.inputs, *leaves(sample.labels)))
