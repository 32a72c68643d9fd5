"""One piece of work at a time on a bench: seeded, with progress, stopped between batches, whole or not at all."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from prunelab.errors import TrainingError, WorkspaceError, check_seed
from prunelab.lab.bench import Bench, Seeded
from prunelab.lab.gathered import Array
from prunelab.lab.options import Healing, Task
from prunelab.lab.piece import Piece
from prunelab.lab.progress import Control, Listener, Meter, notify
from prunelab.lab.proposals import Proposal
from prunelab.lab.randomness import read_random, seed_all, step_seed
from prunelab.lab.state import State, metric_text, stretches, versions
from prunelab.lab.telling import training_of
from prunelab.plan import Plan
from prunelab.surgery import zero_cut
from prunelab.train import TrainedBatch


class Work:
    """Carries out proposals: cut, fine-tune, evaluate, record."""

    def __init__(self, bench: Bench, task: Task) -> None:
        self.bench, self.task = bench, task
        self.control = Control()
        self.on_progress: list[Listener] = []
        self.on_change: list[Callable[[State], object]] = []
        self.guard = threading.Lock()  # of `piece`
        self.piece: Piece | None = None
        self.losses: list[float] = []  # of the batches that were trained on, for the state that is being made
        self.seed = 0

    def open(self, seed: int | None) -> None:
        """Go on with the bench's history, or record the dense model as its first state."""
        if seed is not None:
            seed = check_seed(seed)
        if self.bench.reopen():
            self.seed = (self.bench.store.identity() or {}).get("seed", 0)
            if seed not in (None, self.seed):
                raise WorkspaceError(f"the history in {self.bench.store.name} was made with seed={self.seed}, not "
                                     f"{seed}; leave seed out to go on with it, or choose another workspace")
            return
        self.seed = seed or 0
        plan = Plan.empty(self.bench.graph)
        proposal = Proposal(plan, "dense", f"pl.Lab({type(self.bench.graph.model).__name__})")
        with self.begin("dense", self.task.n_batches(0)) as meter:
            start = time.perf_counter()
            self._record(meter, proposal, self._seeded(self.seed), start, {"plan": plan.to_json(), "seed": self.seed})

    def begin(self, label: str, total: int | None = 0, unit: str = "batch") -> Piece:
        """What is done in ``with work.begin(...) as meter`` is the Lab's only work; what is raised inside leaves the
        last recorded state. ``total`` is the number of batches (or of another ``unit``), None where that is not
        known.

        Raises:
            WorkspaceError: other work is under way.
        """
        return Piece(self, label, total, unit)

    @property
    def working(self) -> str:
        """What is being done; empty when nothing is."""
        piece = self.piece
        return self.control.working if piece is not None and piece.running else ""

    def seed_here(self) -> int:
        """The seed of the work that starts from the current state."""
        return self._seed_of(self.bench.state)

    def _seed_of(self, parent: State) -> int:
        return step_seed(self.seed, len(self.bench.nodes.made(parent)))

    def carry_out(self, proposal: Proposal, healing: Healing, meter: Meter, start: State | None = None) -> State:
        """Cut the model as proposed, heal it, and record what came of it, under ``start`` (the current state)."""
        began, parent = time.perf_counter(), self.bench.state if start is None else start
        self.losses = []
        meter.tell()
        self.control.check()
        if parent is not self.bench.state:
            self.bench.visit(parent)
        data = self.task.core(healing.sentences)  # as the uncut model ranks them
        seeded = self._seeded(self._seed_of(parent))
        zero_cut(self.bench.graph.model, proposal.plan)

        def trained(batch: TrainedBatch) -> None:
            self.losses.append(batch.loss)
            meter.tick(loss=batch.loss)

        if healing.repair:
            self._repair(proposal.plan, parent, seeded[0], healing.repair, meter)
        gathered = None
        if healing.epochs:
            gathered = self.task.finetune(healing, proposal.plan, trained, self.bench.gathered(),
                                          self._teacher(proposal.plan, parent), data)
        trained_with = training_of(self.task) if healing.epochs else {}
        return self._record(meter, proposal, seeded, began, parent=parent.id, gathered=gathered,
                            trained_with=trained_with)

    def _teacher(self, plan: Plan, parent: State) -> Any:
        """Who is learnt from: the model before its first cut where that was asked for, and something is cut."""
        teacher = self.task.training.teacher
        if teacher is not True:
            return teacher
        return self.bench.dense(parent) if plan else None

    def _repair(self, plan: Plan, parent: State, seed: int, how: bool | int, meter: Meter) -> None:
        def repaired(layer: Any) -> None:
            meter.tell()

        better = self.task.repair(self.bench.dense(parent), plan, seed, 0 if how is True else how, repaired,
                                  self.control.check)
        self.bench.take_over(better)
        zero_cut(self.bench.graph.model, plan)

    def note(self, label: str, action: str, seed: int, start: float) -> State:
        """Record that something was done which changed nothing, as a state like the current one, under it."""
        here = self.bench.state
        created = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        draft = replace(here, parent=here.id, label=label, action=action, seed=seed, created=created, training=(),
                        duration_s=time.perf_counter() - start, trained_with={}, stored_bytes=0,
                        versions=versions(self._device))
        state = self.bench.note(draft)
        notify(self.on_change, state)
        return state

    @property
    def _device(self) -> str:
        return next((str(t.place) for t in self.bench.graph.model.parameters()), "cpu")

    def _seeded(self, seed: int) -> Seeded:
        seed_all(seed)
        return seed, read_random()

    def _record(self, meter: Meter, proposal: Proposal, seeded: Seeded, start: float,
                identity: dict[str, Any] | None = None, *, parent: str | None = None,
                gathered: Mapping[str, Array] | None = None,
                trained_with: Mapping[str, Any] | None = None) -> State:
        metrics = self.task.evaluate(meter.tick)
        if parent is not None:
            _check_finite(metrics, self.bench.state)
        created = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        plan = proposal.plan.with_metrics(metrics)
        draft = State("", parent, proposal.label, proposal.action, metrics, plan.cost, plan.sparsity, seeded[0],
                      time.perf_counter() - start, created, versions(self._device), self.bench.nodes.branch, 0,
                      lambda: plan, stretches(self.losses), trained_with or {})
        state = self.bench.record(draft, plan, seeded, identity, gathered)
        self.losses = []
        notify(self.on_change, state)
        return state

    def go(self, state: State, branch: str) -> State:
        """Put the model into a state; steps from there are on ``branch``."""
        with self.begin(f"goto {state.id}"):
            self.bench.go(state, branch)
        notify(self.on_change, state)
        return state


def _check_finite(metrics: Mapping[str, float], before: State) -> None:
    """A metric that was a number stays one."""
    for name, value in metrics.items():
        if not math.isfinite(value) and math.isfinite(before.metrics.get(name, value)):
            raise TrainingError(f"{name} is {value} after this, and was {metric_text(name, before.metrics[name])} in "
                                f"{before.id}, where the Lab stays; cut less, train with a smaller learning rate, or "
                                "look for a division by what is zero where cut")
