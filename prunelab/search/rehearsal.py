"""A plan rehearsed: what it would be measured at, without building the smaller model.

The graph runs with the cut units taken out of its operators, as the smaller model computes, over batches held in
memory. After one batch, two, four and so on it is asked whether that is enough (`judging.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import SearchError
from prunelab.evaluate.cuts import CutNetwork, sliced
from prunelab.evaluate.eight_bits import weight_levels
from prunelab.evaluate.evaluate import named_metrics
from prunelab.evaluate.forward import forward, in_mode
from prunelab.evaluate.metric import Samplewise
from prunelab.evaluate.products import ProductExecutor
from prunelab.evaluate.samples import Sample
from prunelab.graph import Graph
from prunelab.graph.model_copy import copy_of
from prunelab.graph.removals import is_sparse
from prunelab.graph.rules import RULES
from prunelab.plan import Plan
from prunelab.search.building import Builder
from prunelab.search.core_samples import CoreSamples
from prunelab.search.eight_bits import in_eight_bits, rounded
from prunelab.search.energy import EnergyMeter
from prunelab.search.memory import Memory
from prunelab.search.objectives import ENERGY, Aims
from prunelab.search.planning import Candidate
from prunelab.search.seeding import seeded
from prunelab.surgery import compact, mask, zero_cut
from prunelab.train import finetune, repair
from prunelab.train.optimizers import OptimizerMaker

Rows = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Measured:
    """What was measured by name, over the part ``seen`` of the samples; ``rows``: what each sample added to each metric
    that is a mean over samples."""

    values: Mapping[str, float]
    seen: float
    rows: Mapping[str, Sequence[Rows]]


# what a network gives for a batch and its number
Runs = Callable[[int, Sample], Any]
# told after each part: what is known by then, and whether to stop
Look = Callable[[Measured], bool]


@dataclass(frozen=True)
class Usual:
    """The learning rate and the optimizer of trainings that a space says nothing of: a Lab's own."""

    lr: float | None = None
    optimizer: str | OptimizerMaker | None = None

    def under(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Both, as a trial trains; one that is chosen says all."""
        lr, optimizer = settings["lr"], settings["optimizer"]
        if optimizer is not None:
            return {"lr": lr, "optimizer": optimizer}
        # a maker of optimizers brings its own rate
        return {"lr": self.lr if lr is None else lr,
                "optimizer": None if lr is not None and callable(self.optimizer) else self.optimizer}


class Rehearsal:
    """One model and its data, ready for any plan.

    Args:
        train: what trials with epochs train on. ``on_batch``: called after each batch. ``builder``: of the networks
            that trials build, where they do. ``usual``: what the training takes where the space does not say.
    """

    def __init__(self, graph: Graph, held: Sequence[Sample], aims: Aims, *, loss: Any = None, train: Any = None,
                 seed: int = 0, on_batch: Callable[[], object] | None = None, builder: Builder | None = None,
                 usual: Usual = Usual()) -> None:
        self.graph, self.held, self.aims = graph, list(held), aims
        self.loss, self.train, self.seed, self.on_batch, self.builder = loss, train, seed, on_batch, builder
        self.usual = usual
        self.n_samples = sum(b.n_samples for b in self.held)
        self._core = CoreSamples(train, graph.model, loss)
        self._memory = Memory(graph, len(self.held))
        self._meter = EnergyMeter() if ENERGY in aims.measured else None

    def run(self, candidate: Candidate, look: Look = lambda measured: False) -> Measured:
        """What a candidate is measured at; over a part of the samples where ``look`` says to stop."""
        with self._network(candidate) as run, paddle.no_grad():
            return self._over(run, look)

    def model(self, candidate: Candidate) -> Any:
        """The smaller model that a candidate is measured as, in float: cut, repaired, trained."""
        graph = self._graph(candidate)
        if _is_small(candidate):
            return self._trained_small(candidate, graph)
        return compact(self._healed(candidate, graph) if candidate.trains else graph.model, candidate.plan)

    def _over(self, run: Runs, look: Look) -> Measured:
        metrics = named_metrics(self.aims.metrics, self.loss)
        rows: dict[str, list[Rows]] = {name: [] for name, m in metrics.items() if isinstance(m, Samplewise)}
        seen, next_look, joules = 0, 1, 0.0
        for number, batch in enumerate(self.held):
            before = self._meter.joules() if self._meter else ()
            outputs = run(number, batch)
            joules += self._meter.between(before, self._meter.joules()) if self._meter else 0.0
            for name, metric in metrics.items():
                if name in rows:
                    totals, weights = metric.rows(outputs, batch.labels, batch.n_samples)  # type: ignore[attr-defined]
                    rows[name].append((np.asarray(totals, np.float64), np.asarray(weights, np.float64)))
                metric.update(outputs, batch.labels, batch.n_samples)
            seen += batch.n_samples
            if self.on_batch is not None:
                self.on_batch()
            last = number == len(self.held) - 1
            if last or number + 1 >= next_look:
                next_look *= 2
                told = {name: float(metric.result()) for name, metric in metrics.items()}
                found = Measured({**told, **({ENERGY: joules / seen} if self._meter else {})}, seen / self.n_samples,
                                 rows)
                if last or look(found):
                    return found
        raise AssertionError("data is held in one batch or more")

    # the network of a candidate

    @contextlib.contextmanager
    def _network(self, candidate: Candidate) -> Iterator[Runs]:
        """Inside, a function from a batch to what the candidate's network gives for it."""
        plan, quantization, graph = candidate.plan, candidate.settings["quantization"], self._graph(candidate)
        if _is_small(candidate):
            yield from self._small(candidate, graph)
            return
        model = self._healed(candidate, graph) if candidate.trains else graph.model
        if _is_plain(plan):
            network = self._cut(graph.opened_for(plan), plan, model, quantization)
            if candidate.trains:
                yield lambda number, batch: network.run(batch.inputs, {})
            else:
                yield self._remembering(network, plan, quantization)
                self._memory.tidy()
            return
        _check_float(candidate)  # single weights, regions, words and experts are no matter of fewer units
        with mask(model, plan), in_mode(model, training=False):
            _round(model, quantization)
            yield lambda number, batch: forward(model, batch.inputs)

    def _small(self, candidate: Candidate, graph: Graph) -> Iterator[Runs]:
        _check_float(candidate)
        small = self._trained_small(candidate, graph)
        with in_mode(small, training=False):
            _round(small, candidate.settings["quantization"])
            yield lambda number, batch: forward(small, batch.inputs)

    def _trained_small(self, candidate: Candidate, graph: Graph) -> Any:
        """The smaller model, trained as such: no weight of the full-size one can hold a region, or an expert's end."""
        settings = candidate.settings
        small, data = compact(graph.model, candidate.plan), self._core.first(settings["sentences"])
        with seeded(self.seed):
            finetune(small, data, settings["epochs"], **self.usual.under(settings), loss=self.loss)
        return small

    def _remembering(self, network: CutNetwork, plan: Plan, quantization: str) -> Runs:
        """The network, gone on from what one like it computed before they differ."""
        trace, best, place = self._memory.begin(plan, quantization)

        def run(number: int, batch: Sample) -> Any:
            start, given = self._memory.known(best, number, place)
            outputs, found = network.go_on(batch.inputs, given, self._memory.later(start))
            self._memory.keep(trace, best, number, start, {**given, **found})
            return outputs

        return run

    def _graph(self, candidate: Candidate) -> Graph:
        """That of the network it builds, or of the model."""
        arguments = candidate.settings["arguments"]
        return self.builder.graph(arguments) if self.builder is not None and arguments else self.graph

    def _healed(self, candidate: Candidate, graph: Graph) -> Any:
        """A copy of the model with the plan's cut made up for: repaired, trained."""
        settings, plan, model = candidate.settings, candidate.plan, graph.model
        data = self._core.first(settings["sentences"])
        with seeded(self.seed):  # as a Lab seeds a step: one stream for the order of samples, in repair and in training
            if settings["repair"]:
                model = repair(model, plan, [b.inputs for b in self.held] if self.train is None else self.train,
                               seed=self.seed)
            if settings["epochs"]:
                model = copy_of(model) if model is graph.model else model
                zero_cut(model, plan)  # before its first batch, which would teach what is cut
                finetune(model, data, settings["epochs"], **self.usual.under(settings), loss=self.loss, plan=plan)
        return model

    def _cut(self, graph: Graph, plan: Plan, model: Any, quantization: str) -> CutNetwork:
        structure, program = graph.structure, graph.program
        kept = graph.kept(plan)
        held = tensors_of(graph, model)
        cut = {p.value: sliced(held[p.value], structure.dims(p.name), kept) for p in program.parameters}
        executor = ProductExecutor(program, structure.solution, RULES, kept)
        network = CutNetwork(executor, cut, kept, structure.solution.dims)
        return network if quantization == "none" else in_eight_bits(network, graph, self.held, quantization)


_UNHELD = ("spatial", "expert")


def _is_small(candidate: Candidate) -> bool:
    """Whether the smaller model is what has to be trained.

    Raises:
        SearchError: where it is to be repaired, which walks through full-size ones.
    """
    if not candidate.trains or not any(g.n_removed and g.granularity in _UNHELD for g in candidate.plan.groups):
        return False
    if candidate.settings["repair"]:
        raise SearchError("repair re-solves weights where units go, and this plan takes a region of the inputs, or "
                          "experts; leave repair or these out")
    return True


def _check_float(candidate: Candidate) -> None:
    if candidate.settings["quantization"] == "int8":
        raise SearchError("int8 is rehearsed where units go, and this plan takes single weights, a region, words "
                          "or experts; choose int8_weights for it, or another granularity")


def _round(model: Any, quantization: str) -> None:
    """Weights in eight bits, in place."""
    for p in model.parameters() if quantization != "none" else ():
        if p.ndim > 1:
            paddle.assign(rounded(p, weight_levels(quantization)), output=p)


def tensors_of(graph: Graph, model: Any) -> dict[int, Any]:
    """The model's tensors by value id; or those of a copy of it."""
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
    if model is not graph.model:
        own = {**dict(model.named_buffers()), **dict(model.named_parameters())}
        held.update({p.value: own[p.name] for p in graph.program.parameters if p.name in own})
    return held


def _is_plain(plan: Plan) -> bool:
    """Whether its network takes what the dense one takes, and has its operators on fewer units."""
    return all(not g.n_removed or not (is_sparse(g) or g.granularity in ("spatial", "vocabulary", "expert"))
               for g in plan.groups)
