"""`calibrate`: one pass through data for all that criteria ask of it, as a `Calibration`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import NEEDS, Calibration, Criterion, criterion_of, needs_of
from prunelab.errors import DataError, TrainingError, check_whole, unknown_name
from prunelab.evaluate.batches import Batches, batches, check_finite
from prunelab.evaluate.differentiable import differentiable, recurrent_weights
from prunelab.evaluate.forward import LossFunction, in_mode
from prunelab.evaluate.gathering import ActivationSums, GradientSums, InputSums, MomentSums
from prunelab.evaluate.labels import first
from prunelab.evaluate.loss import loss_function, loss_of
from prunelab.evaluate.removal import loss_without
from prunelab.evaluate.samples import first_sample, first_samples
from prunelab.evaluate.sites import readers_of, sites_of
from prunelab.evaluate.weighted import weighted_operators
from prunelab.graph import Graph, Group, as_layer, trace
from prunelab.graph.execute import execute
from prunelab.graph.nests import Inputs
from prunelab.graph.program import Ref, rebuild

# Statistics of units settle early: the feature maps' ranks of HRank with 500 images, Taylor scores with a few batches.
SAMPLES = 1024


@dataclass(frozen=True, kw_only=True)
class CalibrationOptions:
    """How much is looked at: ``samples`` of the data at most, and ``oracle_samples`` where each unit is taken away."""

    samples: int = SAMPLES
    oracle_samples: int = 256

    def __post_init__(self) -> None:
        for name, value in (("samples", self.samples), ("oracle_samples", self.oracle_samples)):
            check_whole(value, name, 1)


def calibrate(
    model: Any,
    data: Any,
    criteria: str | Criterion | Iterable[str | Criterion],
    *,
    loss: str | LossFunction | None = None,
    groups: Iterable[Group] | None = None,
    samples: int = SAMPLES,
    oracle_samples: int = 256,
) -> Calibration:
    """What ``criteria`` need to know of ``model`` on ``data``, gathered in one pass in eval mode; the model is left as
    it was.

    Memory does not grow with the number of samples: what is kept are sums.

    Args:
        model: a `Graph`, or a model, which is then traced with the first sample.
        data: as for `prunelab.evaluate`; labels where the loss needs them.
        criteria: names or instances; or needs, by the names of `prunelab.criteria.NEEDS`.
        loss: ``(outputs, labels) -> mean of the batch`` for gradients, or a name, as for `prunelab.evaluate`; without
            it, cross entropy.
        groups: only these (all that can be cut).
        samples: the first so many of the data; ``oracle_samples`` for the criterion "sensitivity".

    Raises:
        DataError: data without batches or with NaN or infinity in it, or labels that the loss cannot use.
        TrainingError: a loss that is not finite.
    """
    options = CalibrationOptions(samples=samples, oracle_samples=oracle_samples)
    needs, judge = _needs(criteria), loss_function(loss)
    source = batches(data, model)
    graph = model if isinstance(model, Graph) else trace(as_layer(model), _example(source))
    chosen = list(graph.prunable if groups is None else groups)
    with in_mode(graph.model, training=False):
        gathered = _Pass(graph, chosen, needs, judge).over(source, options.samples)
        losses = {}
        if "losses" in needs:
            losses = loss_without(graph, chosen, source, judge, options.oracle_samples)
    return gathered.result(losses)


def _leaf(tensor: Any) -> Any:
    """The same numbers in the same memory, with a gradient of their own."""
    leaf = tensor.detach()
    leaf.stop_gradient = False
    return leaf


def _needs(criteria: str | Criterion | Iterable[str | Criterion]) -> frozenset[str]:
    if isinstance(criteria, str) or not isinstance(criteria, Iterable):
        criteria = [criteria]
    out: set[str] = set()
    for criterion in criteria:
        out.update([criterion] if isinstance(criterion, str) and criterion in NEEDS else
                   needs_of(criterion_of(criterion)))
    unknown = [n for n in out if n not in NEEDS]
    if unknown:
        raise unknown_name("need", unknown[0], NEEDS, place="a criterion")
    return frozenset(out)


def _example(source: Batches) -> Inputs:
    for inputs, _ in source:
        return first_sample(inputs)
    raise DataError("the data has no batches; give at least one")


class _Pass:
    """One pass: what is summed, and what has to be computed for it."""

    def __init__(self, graph: Graph, groups: list[Group], needs: frozenset[str], loss: LossFunction) -> None:
        self.graph, self.groups, self.needs, self.loss = graph, groups, needs, loss
        operators = weighted_operators(graph)
        self.sites = {}
        if needs & {"activations", "activation_gradients", "feature_maps"}:
            self.sites = {g.name: sites_of(graph, g, operators) for g in groups}
        self.activations = {g.name: [ActivationSums(s, needs) for s in self.sites.get(g.name, ())] for g in groups}
        self.moments: dict[str, list[MomentSums]] = {}
        if "moments" in needs:
            self.moments = {g.name: [MomentSums(graph, r) for r in readers_of(graph, g, operators)] for g in groups}
        self.inputs: dict[str, InputSums] = {}
        if needs & {"input_squares", "input_moments"}:
            read = {m.parameter for g in groups for m in g.members}
            whole = "input_moments" in needs
            self.inputs = {w.weight: InputSums(w, whole=whole) for w in operators if w.weight in read}
        self.gradients = GradientSums()
        self.n_samples = 0
        # recurrent ones as leaves of their own, since a frozen one has to have a gradient too
        self.recurrent = {p.name: _leaf(graph.tensor(p.name)) for p in graph.program.parameters
                          if p.value in recurrent_weights(graph.program)}
        self.parameters = {p.name: self.recurrent.get(p.name, graph.tensor(p.name))
                           for p in graph.program.parameters if p.trainable}

    def over(self, source: Batches, samples: int) -> _Pass:
        if not self.needs - {"losses"}:
            return self
        for number, (inputs, labels) in enumerate(source):
            room = samples - self.n_samples
            if room <= 0:
                break
            inputs = first_samples(inputs, room)
            check_finite(inputs, number, "one such sample would decide all scores")
            self.n_samples += inputs[0].shape[0] if inputs[0].ndim else 1
            self._batch(inputs, first(labels, room))
        if not self.n_samples:
            raise DataError("the data has no batches; give at least one")
        return self

    def _batch(self, inputs: Inputs, labels: Any) -> None:
        with_gradients = bool(self.needs & {"gradients", "activation_gradients"})
        watched = self._watched()
        if with_gradients:
            values, total = self._run(inputs, labels, watched)
            slopes = self._backward(total, values)
        else:
            with paddle.no_grad():
                found = self.graph.run(*inputs, until=list(watched)) if watched else []
            values, slopes = dict(zip(watched, found, strict=True)), {}
        with paddle.no_grad():
            for sums in self.activations.values():
                for one in sums:
                    one.add(values[one.site.value].detach(), slopes.get(one.site.value))
            for reader in [r for readers in self.moments.values() for r in readers]:
                reader.add(values)
            for weight in self.inputs.values():
                weight.add(values[weight.x].detach())

    def _watched(self) -> tuple[int, ...]:
        sites = [one.site.value for sums in self.activations.values() for one in sums]
        read = [x for moments in self.moments.values() for one in moments for x in one.reader.inputs]
        weights = [weight.x for weight in self.inputs.values()]
        return tuple(dict.fromkeys([*sites, *read, *weights]))

    def _run(self, inputs: Inputs, labels: Any, watched: tuple[int, ...]) -> tuple[dict[int, Any], Any]:
        """The watched values and the loss, with what is needed to go back from it."""
        graph = self.graph
        targets = [*watched, *graph.program.output_values]
        held = {p.value: self.recurrent.get(p.name, graph.tensor(p.name)) for p in graph.program.parameters}
        found = execute(differentiable(graph.structure), held, inputs, training=False, targets=targets)
        values = dict(zip(targets, found, strict=True))
        outputs = rebuild(graph.program.outputs,
                          lambda leaf: values[leaf.value] if isinstance(leaf, Ref) else leaf)
        total = loss_of(self.loss, outputs, labels)
        if not np.isfinite(float(total.item())):
            raise TrainingError(f"the loss is {float(total.item())} on the calibration data; look for NaN or infinity "
                                "in the data and in the weights")
        return values, total

    def _backward(self, total: Any, values: Mapping[int, Any]) -> dict[int, Any]:
        """The loss's gradients by watched value; those by parameter are added to their sums."""
        weights = self.parameters if "gradients" in self.needs else {}
        sites = [v for v, t in values.items() if "activation_gradients" in self.needs and not t.stop_gradient]
        asked = [*weights.values(), *(values[v] for v in sites)]
        wanted = [*asked, *(t for t in self.recurrent.values() if all(t is not w for w in asked))]
        found = paddle.grad(total, wanted, allow_unused=True)
        self.gradients.add(dict(zip(weights, found, strict=False)))
        return {v: g for v, g in zip(sites, found[len(weights):], strict=False) if g is not None}

    def result(self, losses: Mapping[str, Any]) -> Calibration:
        """The sums as a plain value."""
        gradients, squares = self.gradients.result()
        return Calibration(
            self.needs, self.n_samples, gradients, squares,
            {name: ActivationSums.mean_of(sums) for name, sums in self.activations.items() if sums},
            {name: tuple(m for r in readers for m in r.result()) for name, readers in self.moments.items()},
            losses, {name: sums.result(math.prod(self.graph.tensor_shape(name))) for name, sums in self.inputs.items()})
