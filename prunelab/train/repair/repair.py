"""`repair`: a copy of a model whose kept weights make up for what a plan cuts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError, TrainingError, check_positive, check_seed, check_whole
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.differentiable import with_backward
from prunelab.graph import Graph, graph_for
from prunelab.graph.places import at_home
from prunelab.graph.removals import masked_weights
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.plan import Plan, as_plan
from prunelab.surgery.compact import cut_tensors
from prunelab.train.repair.polish import Polish, find_blocks
from prunelab.train.repair.put_back import copy_with_kept
from prunelab.train.repair.report import RepairedLayer, RepairReport
from prunelab.train.repair.rows import NormRows, WeightedRows
from prunelab.train.repair.sites import Site, find_sites, unsolved
from prunelab.train.repair.solver import Rows, Sampling, settle_statistics, solve_site
from prunelab.train.repair.walk import Network, Walk


@dataclass(frozen=True, kw_only=True)
class RepairOptions:
    """How much is looked at: ``samples`` of the data at most, ``rows`` of them and of their positions for one layer,
    ``memory`` in bytes for what is carried from layer to layer; ``steps`` of Adam for each block, from the learning
    rate ``lr`` on."""

    samples: int = 2048
    rows: int = 60_000
    memory: int = 2**30
    seed: int = 0
    steps: int = 0
    lr: float = 3e-3

    def __post_init__(self) -> None:
        check_whole(self.steps, "steps", 0)
        check_positive(self.lr, "lr")
        check_whole(self.samples, "samples", 1)
        check_whole(self.rows, "rows", 1)
        check_whole(self.memory, "memory", 0)
        check_seed(self.seed)


def repair(
    model: Any,
    plan: Plan,
    data: Any,
    *,
    teacher: Any = None,
    samples: int = 2048,
    rows: int = 60_000,
    memory: int = 2**30,
    seed: int = 0,
    steps: int = 0,
    lr: float = 3e-3,
    on_layer: Callable[[RepairedLayer], object] | None = None,
    on_batch: Callable[[], object] | None = None,
) -> Any:
    """A copy of ``model``, of full size, whose kept weights make up for what ``plan`` cuts, as far as they can: of it
    ``compact(better, plan)`` is the smaller model. No labels and no gradients are needed; the model is left as it was.

    From the first cut on, operator by operator: convolutions and matrix products get the weights, biases included, that
    bring their outputs nearest to the dense network's at the kept units, given what the smaller, already repaired
    network feeds them; where an output is added to a shortcut, the sum is what is brought near, so that branches take
    back what the shortcut lost. Norms get new gains and biases, batch norms the statistics of the smaller network.
    What makes an output no better on samples held out is not done. After He, Zhang, Sun, 2017 (arXiv:1707.06168).

    ``better.repair_report`` says what was done, layer by layer.

    Args:
        data: as for `prunelab.evaluate`; labels are not looked at.
        teacher: the dense model, of the same structure, where ``model`` has been cut or trained before; without it,
            ``model`` itself.
        samples: the first so many of the data. ``rows``: of their positions, at most so many for one layer. ``memory``:
            bytes for values that are carried along; what goes beyond is computed anew from the data at every layer.
        seed: which positions are looked at, where not all are, and which batches ``steps`` take.
        steps: so many steps of Adam after that on each block's output, and on the whole network's at last: the global
            form, which takes longer and comes nearer where much is cut. ``lr`` is its learning rate at the start.
        on_layer, on_batch: called after each layer, and after each batch that a layer looks at and each of ``steps``;
            what they raise ends the repair, and nothing has happened.

    Raises:
        PlanError: a plan for another structure, or a teacher of another one.
        DataError: data without batches, or with NaN or infinity in it.
        OptionError: options that cannot be.
    """
    options = RepairOptions(samples=samples, rows=rows, memory=memory, seed=seed, steps=steps, lr=lr)
    if on_layer is not None and not callable(on_layer):
        raise OptionError("on_layer is no function; give one that takes a RepairedLayer")
    if on_batch is not None and not callable(on_batch):
        raise OptionError("on_batch is no function; give one that takes nothing")
    plan = _with_all_words(as_plan(plan))
    graph = graph_for(model, plan)
    dense = graph if teacher is None else graph_for(teacher, plan)
    source = batches(data, graph)
    start, random_state = time.perf_counter(), paddle.get_rng_state()
    try:
        with paddle.no_grad(), at_home(graph.model):
            return _Repair(graph, dense, plan, source, options, on_batch).over(on_layer, start)
    finally:
        paddle.set_rng_state(random_state)


def _with_all_words(plan: Plan) -> Plan:
    """The plan that takes no words: the data have the dense model's numbers for them, and what words stay gives what it
    gave, so that nothing is to make up for."""
    return replace(plan, groups=tuple(g.with_removed(()) if g.granularity == "vocabulary" else g for g in plan.groups))


class _Repair:
    """The smaller network, and what has been done to it."""

    def __init__(self, graph: Graph, dense: Graph, plan: Plan, source: Batches, options: RepairOptions,
                 on_batch: Callable[[], object] | None) -> None:
        self.graph, self.options = graph, options
        self.kept = graph.kept(plan)
        self.masked = masked_weights(plan)
        whole = {p.value: dense.tensor(p.name) for p in graph.program.parameters}
        executor = Executor(graph.program, graph.structure.solution, RULES, self.kept)
        self.cut = cut_tensors(graph, plan, self.kept)
        self.small = Network(executor, self.cut)
        changes = graph, self.kept, frozenset(self.masked), self.small
        self.sites = find_sites(*changes)
        self.skipped = unsolved(*changes, self.sites)
        self.walk = Walk(Network(graph.structure.executor, whole), self.small, source, options.samples, options.memory,
                         on_batch)

    def over(self, on_layer: Callable[[RepairedLayer], object] | None, start: float) -> Any:
        layers = []
        for site in self.sites:
            done = solve_site(self.graph, self.kept, self.walk, site, self._rows(site), self._sampling(site))
            if done is None:
                continue
            if not (np.isfinite(done.before) and np.isfinite(done.after)):
                raise TrainingError(f"the outputs of {site.layer} are not finite; look for NaN or infinity in the "
                                    "weights, or for data that the model does not bear")
            layers.append(done)
            if on_layer is not None:
                on_layer(done)
        for done in self._polished() if self.options.steps else ():
            layers.append(done)
            if on_layer is not None:
                on_layer(done)
        return self._copy(tuple(layers), start)

    def _polished(self) -> Iterator[RepairedLayer]:
        """The global form, and the batch norms' statistics after it."""
        program = with_backward(self.graph.program)
        network = Network(Executor(program, self.graph.structure.solution, RULES, self.kept), self.small.held)
        stays = {self.graph.structure.parameters[name].value: self._stays(name) for name in self.masked}
        polish = Polish(self.graph, self.kept, self.walk, network, stays, self.options.steps, self.options.lr,
                        np.random.default_rng(self.options.seed))
        for block in find_blocks(self.small, self.sites):
            if block.start == 0:
                self.walk.rewind()
            done = polish.block(block)
            if done is not None:
                yield done
        self.walk.rewind()
        for site in self.sites:
            if site.op.operand("mean") is not None and site.weighted is None:
                settle_statistics(self.graph, self.kept, self.walk, site, self._rows(site), self._sampling(site))

    def _sampling(self, site: Site) -> Sampling:
        return Sampling(self.options.rows, self.walk.n_samples,
                        np.random.default_rng([self.options.seed, site.op.index]))

    def _stays(self, weight: str) -> Any:
        """Where a weight of the smaller network is not masked: bool of its shape."""
        positions = np.ix_(*(self.kept.positions(d) for d in self.graph.structure.dims(weight)))
        return paddle.to_tensor(~self.masked[weight][positions], place=self.graph.place)

    def _rows(self, site: Site) -> Rows:
        """How the operator is seen as rows."""
        w = site.weighted
        if w is None:
            return NormRows([use.op for use in site.uses], site.axis)
        values = {p.name: p.value for p in self.graph.program.parameters}
        stays = self._stays(w.weight) if w.weight in self.masked else None
        uses = [use.weighted for use in site.uses if use.weighted is not None]
        bias = w.bias if len({use.bias for use in uses}) == 1 else None  # each with one of its own: those stay
        return WeightedRows(uses, values[w.weight], values[bias] if bias else None, site.absorbs, stays)

    def _copy(self, layers: tuple[RepairedLayer, ...], start: float) -> Any:
        better = copy_with_kept(self.graph, self.kept, self.cut, self.small.held)
        better.repair_report = RepairReport(layers, self.walk.n_samples, self.walk.n_held_out,
                                            time.perf_counter() - start, self.skipped)
        return better
