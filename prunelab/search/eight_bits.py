"""A network in eight bits, rehearsed: weights rounded, and what convolutions and matrix products read rounded too.

The ranges of what they read are found on data, in float, as ONNX Runtime's quantizer finds them; the arithmetic is
simulated in float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import paddle

from prunelab.errors import SearchError
from prunelab.evaluate.cuts import CutNetwork
from prunelab.evaluate.eight_bits import rounded_activation, weight_levels
from prunelab.evaluate.products import ProductExecutor
from prunelab.evaluate.samples import Sample
from prunelab.evaluate.weighted import weighted_operators
from prunelab.graph import Graph
from prunelab.graph.calls import Call
from prunelab.graph.rules import RULES
from prunelab.search.planning import is_weight, out_axis

# Samples on which ranges are found; extremes settle early, and a trial is to be quick
_SAMPLES = 256

Spans = dict[int, tuple[float, float]]


def rounded(weight: Any, levels: int) -> Any:
    """A weight in ``levels`` steps above and below zero, a scale for each output channel."""
    axes = [k for k in range(weight.ndim) if k != out_axis(weight.ndim)]
    scale = paddle.clip(weight.abs().amax(axes, keepdim=True) / levels, min=1e-12)
    return paddle.round(weight / scale) * scale


def in_eight_bits(network: CutNetwork, graph: Graph, held: Sequence[Sample], quantization: str) -> CutNetwork:
    """The network with its weights rounded; with "int8" also what its layers read, between the extremes on data.

    Raises:
        SearchError: "int8" of a network none of whose operators it is made of.
    """
    levels = weight_levels(quantization)
    weights = {p.value: rounded(network.held[p.value], levels) for p in graph.program.parameters if is_weight(p)}
    values = {**network.held, **weights}
    if quantization != "int8":
        return CutNetwork(network.executor, values, network.kept, network.dims)
    reads = {w.op.index: w.x for w in weighted_operators(graph) if w.kind != "transposed"}
    if not reads:
        raise SearchError(f"{graph.program.model} has no convolution or matrix product with a weight of its own, and "
                          "int8 is made of these; choose int8_weights")
    made = (graph.program, graph.structure.solution, RULES, network.kept)
    watching = _Watching(*made)
    watching.reads = reads
    seen = 0
    for sample in held:
        CutNetwork(watching, network.held, network.kept, network.dims).run(sample.inputs, {})
        seen += sample.n_samples
        if seen >= _SAMPLES:
            break
    rounding = _Rounding(*made)
    rounding.reads, rounding.spans = reads, watching.spans
    return CutNetwork(rounding, values, network.kept, network.dims)


class _Watching(ProductExecutor):
    """Runs, and sees between which extremes the values are that its operators read."""

    reads: Mapping[int, int]
    spans: Spans

    def __init__(self, *made: Any) -> None:
        super().__init__(*made)
        self.spans = {}

    def _call(self, call: Call, env: dict[int, Any], *how: Any) -> None:
        x = env.get(self.reads.get(call.index, -1))
        if x is not None:
            low, high = self.spans.get(call.index, (0.0, 0.0))
            self.spans[call.index] = min(low, float(x.min().item())), max(high, float(x.max().item()))
        super()._call(call, env, *how)


class _Rounding(ProductExecutor):
    """Runs, with what its operators read in 256 levels."""

    reads: Mapping[int, int]
    spans: Spans

    def _call(self, call: Call, env: dict[int, Any], *how: Any) -> None:
        value = self.reads.get(call.index, -1)
        if call.index not in self.spans or value not in env:
            super()._call(call, env, *how)
            return
        whole = env[value]
        env[value] = rounded_activation(whole, *self.spans[call.index])
        super()._call(call, env, *how)
        env[value] = whole  # others may read it in float
