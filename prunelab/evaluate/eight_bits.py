"""What eight bits cost, layer by layer: each one's weights (and what it reads) rounded alone, the others in float."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import check_positive, check_whole, unknown_name
from prunelab.evaluate.evaluate import listed, named_metrics, usual_metrics
from prunelab.evaluate.forward import LossFunction, in_mode
from prunelab.evaluate.metrics import Metric
from prunelab.evaluate.prefix import Prefixes
from prunelab.evaluate.samples import Sample, hold_for
from prunelab.evaluate.weighted import Weighted, weighted_operators
from prunelab.graph import Graph, as_array
from prunelab.graph.program import Ref, flatten, rebuild
from prunelab.render.numbers import number
from prunelab.render.table import html_table, text_table

Array = np.ndarray[Any, Any]

# What a model can be quantized to: nothing; weights alone; weights and activations, whose ranges are found on data
QUANTIZATIONS = ("none", "int8_weights", "int8")
SAMPLES = 512
_BUDGET = 2**29  # bytes of activations that are kept for each batch's next layer
_LEVELS = 127
# Where what they multiply is in eight bits too: processors without VNNI add two products of eight bits in sixteen bits,
# which hold them only if one factor has seven
_LEVELS_BESIDE_ACTIVATIONS = 64


def weight_levels(quantization: str) -> int:
    """The largest integer that a weight becomes."""
    return _LEVELS_BESIDE_ACTIVATIONS if quantization == "int8" else _LEVELS


def rounded_weight(array: Array, axis: int, levels: int = _LEVELS) -> tuple[Array, Array]:
    """Integers in [-levels, levels], int8, and the scale of each slice along ``axis``, float32: ``array`` is about
    their product."""
    others = tuple(a for a in range(array.ndim) if a != axis)
    largest = np.abs(array).max(others)
    scale = np.where(largest > 0, largest / levels, 1).astype(np.float32)
    shape = [-1 if a == axis else 1 for a in range(array.ndim)]
    return np.rint(array / scale.reshape(shape)).astype(np.int8), scale


def rounded_activation(x: Any, low: float, high: float) -> Any:
    """A tensor in 256 levels from ``low`` to ``high`` (0 is one, as runtimes want it); what is beyond is cut off."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255 or 1.0
    zero = round(-low / scale)
    return (paddle.clip(paddle.round(x / scale) + zero, 0, 255) - zero) * scale


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs in eight bits: ``lost`` of the metric (above 0 is worse), and the relative ``error`` of the
    outputs, ``|q - f| / |f|``."""

    layer: str
    params: int
    lost: float
    error: float


@dataclass(frozen=True)
class EightBitCosts:
    """The layers in network order; ``together`` is what all of them cost at once, ``dense`` the metric in float."""

    quantization: str
    metric: str
    dense: float
    layers: tuple[LayerCost, ...]
    together: LayerCost

    def keep(self, max_lost: float = 0.005) -> dict[str, str]:
        """The layers that alone lose more than ``max_lost`` of the metric, with the reason: what stays in float.

        ``OnnxInt8(keep=...)`` takes it.
        """
        check_positive(max_lost, "max_lost")
        return {c.layer: f"alone it loses {number(c.lost)} of {self.metric}" for c in self.layers if c.lost > max_lost}

    def _rows(self) -> list[list[str]]:
        return [[c.layer, f"{c.params:,}", number(c.lost), number(c.error)] for c in (*self.layers, self.together)]

    def _title(self) -> str:
        return f"{self.quantization}: what each layer alone costs; {self.metric} in float {number(self.dense)}"

    def __repr__(self) -> str:
        return text_table(["layer", "weights", f"lost {self.metric}", "error"], self._rows(), title=self._title())

    def _repr_html_(self) -> str:
        return html_table(["layer", "weights", f"lost {self.metric}", "error"], self._rows(), caption=self._title())


def eight_bit_costs(
    model: Any,
    data: Any,
    *,
    quantization: str = "int8",
    metric: Any = None,
    loss: str | LossFunction | None = None,
    samples: int = SAMPLES,
) -> EightBitCosts:
    """What every convolution and matrix product with a weight of its own costs in eight bits, alone, and all together.

    Weights have a scale for each output channel, activations one for each tensor between the extremes that ``data``
    has, as ONNX Runtime's quantizer has them: weights in seven bits where activations have eight, whose products would
    not fit some processors' sums otherwise. The arithmetic is simulated in float. What stands before a layer is
    computed once. The model is left as it was.

    Args:
        model: a model, or its `Graph`.
        data: as for `prunelab.evaluate`, with labels where the metric needs them.
        quantization: "int8" (weights, and what the layer reads) or "int8_weights".
        metric: one, as for `prunelab.evaluate`; accuracy, or the loss where it is one of numbers, if left out.
            ``loss``: for the metric "loss".
        samples: the first so many of the data.

    Raises:
        UnknownNameError: another quantization or metric.
        DataError: data without batches, or labels that the metric cannot use.
    """
    if quantization not in QUANTIZATIONS[1:]:
        raise unknown_name("quantization", quantization, QUANTIZATIONS[1:])
    held, graph = hold_for(model, data, check_whole(samples, "samples", 1), in_process=True)
    metric = usual_metrics(loss)[0] if metric is None else metric
    (name, judge), = named_metrics(listed(metric)[:1], loss).items()
    with in_mode(graph.model, training=False), paddle.no_grad():
        return _Measuring(graph, held, quantization, metric, loss, judge.higher_is_better, name).result()


class _Measuring:
    """One measurement of all layers."""

    def __init__(self, graph: Graph, held: Sequence[Sample], quantization: str, metric: Any, loss: Any, up: bool,
                 name: str) -> None:
        self.graph, self.held, self.quantization, self.name = graph, held, quantization, name
        self.metric, self.loss, self.up = listed(metric)[:1], loss, up
        self.layers = [w for w in weighted_operators(graph) if w.kind != "transposed"]
        self.prefixes = Prefixes(graph, [s.inputs for s in held], {}, _BUDGET)
        self.values = {p.name: p.value for p in graph.program.parameters}
        self.plain: list[Any] = [self._outputs(s, {}) for s in held]
        self.dense = self._judged(self.plain)

    def result(self) -> EightBitCosts:
        ranges = self._ranges()
        costs = tuple(self._alone(w, ranges.get(w.x)) for w in self.layers)
        return EightBitCosts(self.quantization, self.name, self.dense, costs, self._together(ranges))

    def _ranges(self) -> Mapping[int, tuple[float, float]]:
        """The extremes of what each layer reads, over all samples; nothing where weights alone are rounded."""
        if self.quantization == "int8_weights":
            return {}
        read = list(dict.fromkeys(w.x for w in self.layers))
        found: dict[int, tuple[float, float]] = {}
        for sample in self.held:
            for value, x in zip(read, self.graph.run(*sample.inputs, until=read), strict=True):
                low, high = found.get(value, (np.inf, -np.inf))
                found[value] = (min(low, float(x.min().item())), max(high, float(x.max().item())))
        return found

    def _alone(self, w: Weighted, span: tuple[float, float] | None) -> LayerCost:
        weight = {self.values[w.weight]: self._rounded(w)}
        outputs = []
        for k, sample in enumerate(self.held):
            given = self.prefixes.at(k, w.op.index)
            if span is not None and w.x in given:
                given = {**given, w.x: rounded_activation(given[w.x], *span)}
            elif span is not None:  # an input of the model itself
                place = self.graph.program.inputs.index(w.x) if w.x in self.graph.program.inputs else None
                given = given if place is None else {
                    **given, w.x: rounded_activation(sample.inputs[place], *span)}
            outputs.append(self._outputs(sample, {**given, **weight}))
        return self._cost(w.layer, int(np.prod(w.shape)), outputs)

    def _together(self, ranges: Mapping[int, tuple[float, float]]) -> LayerCost:
        """All layers, one after the other on what those before gave."""
        weights = {self.values[w.weight]: self._rounded(w) for w in self.layers}
        outputs = []
        for sample in self.held:
            given: dict[int, Any] = dict(weights)
            for value, span in ranges.items():
                x, = self.graph.run(*sample.inputs, until=[value], given=given)
                given[value] = rounded_activation(x, *span)
            outputs.append(self._outputs(sample, given))
        return self._cost("all of them", sum(int(np.prod(w.shape)) for w in self.layers), outputs)

    def _rounded(self, w: Weighted) -> Any:
        tensor = self.graph.tensor(w.weight)
        axis = (0 if w.flipped else 1) if w.kind == "linear" else 0
        numbers, scale = rounded_weight(as_array(tensor), axis, weight_levels(self.quantization))
        shape = [-1 if a == axis else 1 for a in range(numbers.ndim)]
        return paddle.to_tensor(numbers * scale.reshape(shape), dtype=tensor.dtype, place=tensor.place)

    def _outputs(self, sample: Sample, given: Mapping[int, Any]) -> Any:
        program = self.graph.program
        wanted = list(program.output_values)
        found = dict(zip(wanted, self.graph.run(*sample.inputs, until=wanted, given=given), strict=True))
        return rebuild(program.outputs, lambda leaf: found[leaf.value] if isinstance(leaf, Ref) else leaf)

    def _judged(self, outputs: Sequence[Any]) -> float:
        judge: Metric = next(iter(named_metrics(self.metric, self.loss).values()))
        for sample, found in zip(self.held, outputs, strict=True):
            judge.update(found, sample.labels, sample.n_samples)
        return float(judge.result())

    def _cost(self, layer: str, params: int, outputs: Sequence[Any]) -> LayerCost:
        lost = (self._judged(outputs) - self.dense) * (-1 if self.up else 1)
        off, norm = 0.0, 0.0
        for a, b in zip(outputs, self.plain, strict=True):
            for q, f in zip(flatten(a), flatten(b), strict=True):
                if isinstance(f, paddle.Tensor) and f.is_floating_point():
                    off += float((q - f).astype("float64").square().sum().item())
                    norm += float(f.astype("float64").square().sum().item())
        return LayerCost(layer, params, lost, float(np.sqrt(off / norm)) if norm else 0.0)
