"""`Lab`: one model under study, its data, its current state and its history."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

import paddle

from prunelab.criteria import Criterion, criterion_of, score
from prunelab.errors import (
    InputError,
    OptionError,
    StateError,
    check_ratio,
    check_whole,
    reason_of,
    shown,
    unknown_name,
)
from prunelab.evaluate import evaluate
from prunelab.evaluate.batches import Batches
from prunelab.evaluate.forward import LossFunction
from prunelab.graph import Graph, as_layer, trace
from prunelab.lab.bench import Bench
from prunelab.lab.closed import Closed
from prunelab.lab.cuts import Cut, Preview, Target, find_group, next_group, propose_all, propose_layer, units_at
from prunelab.lab.history import history_frame
from prunelab.lab.options import Task, Training
from prunelab.lab.progress import Listener
from prunelab.lab.state import State
from prunelab.lab.store import open_store
from prunelab.lab.views import curves_of, header_of, masks_of, tree_of
from prunelab.lab.work import Work
from prunelab.plan import Plan, schedules
from prunelab.render.curves import Curves
from prunelab.render.masks import MaskPicture
from prunelab.render.numbers import counted
from prunelab.render.tree import Tree
from prunelab.surgery import compact
from prunelab.train.optimizers import OptimizerMaker

_MOST_SCORES = 500  # a slider's groups and criteria over some states; each is an array of a number a unit


class Lab:
    """One model under study: step, look, go back, branch, and take a smaller model away.

    The Lab works on its own copy; the caller's model stays as it is. ``lab.model`` is the full-size copy whose cut
    weights are zero, ``lab.plan`` what is cut of the dense model, ``lab.compact()`` the smaller model.

    Every step records a state: plan, parameters, buffers, random states, metrics, cost. Going to a state restores all
    of it, bit for bit. Whatever goes wrong inside a step (an error, an interrupt, `stop`) leaves the Lab in the last
    recorded state. The random states are those of the process: opening a Lab seeds Paddle's, NumPy's and Python's
    generators, each step seeds its work from the Lab's seed and its depth in the history, so that what a cell draws in
    between changes nothing, and a step that is taken twice from one state gives the same bits.
    """

    def __init__(
        self,
        model: Any,
        *,
        train: Any = None,
        val: Any = None,
        inputs: Any = None,
        loss: str | LossFunction | None = None,
        metrics: str | Iterable[Any] = ("accuracy", "loss"),
        workspace: str | os.PathLike[str] | None = None,
        device: str | None = None,
        seed: int | None = None,
        criterion: str | Criterion = "l1_weight",
        finetune: int = 0,
        lr: float | None = None,
        optimizer: str | OptimizerMaker | None = None,
    ) -> None:
        """Open a Lab on a copy of ``model``, and record the dense model as state "s0".

        Args:
            model: an ``nn.Layer`` or a ``paddle.Model``.
            train, val: a ``DataLoader``, a ``Dataset``, arrays ``(x, y)`` or an iterable of batches; see
                `prunelab.data.batches`. Without ``val``, states have no metrics.
            inputs: as for `prunelab.trace`; without it, the first sample of the data.
            loss: ``(outputs, labels) -> mean of the batch``, or "cross_entropy" (if left out), "mse", "l1",
                "bce_with_logits".
            metrics: names or functions, as for `prunelab.evaluate`.
            workspace: a folder that keeps the history; one that has a history goes on from its current state. Without
                it, the history ends with the process.
            device: where the copy lives, such as "gpu:0"; without it, where ``model`` does.
            seed: without it, the workspace's, or 0.
            criterion, finetune, lr, optimizer: for steps that do not say otherwise; ``finetune`` is a number of epochs.

        Raises:
            WorkspaceError: a workspace of another model (with the differences), or one that cannot be written.
            InputError, TraceError, DataError, OptionError: as `prunelab.trace` and `prunelab.evaluate`.
        """
        layer = _own_copy(as_layer(model), device)
        self._criterion = criterion
        criterion_of(criterion)
        self._task = Task(layer, train, val, loss, metrics, Training(finetune, lr, optimizer))
        graph = trace(layer, self._inputs(inputs))
        self._bench = Bench(graph, open_store(workspace))
        self._work = Work(self._bench, self._task)
        self._scores: dict[tuple[str, str, Any, int], Any] = {}
        try:
            self._work.open(seed)
        except BaseException:
            self.close()
            raise

    def _inputs(self, inputs: Any) -> Any:
        found = self._task.example() if inputs is None else inputs
        if found is None:
            raise OptionError("inputs is missing, and there is no data to take it from; "
                              "give a shape such as (1, 3, 32, 32)")
        return found

    # where it is

    @property
    def model(self) -> Any:
        """The full-size model of the current state: the Lab's own copy, whose cut weights are zero."""
        return self._bench.graph.model

    @property
    def graph(self) -> Graph:
        """The graph of the dense model."""
        return self._bench.graph

    @property
    def state(self) -> State:
        """The current state."""
        return self._bench.state

    @property
    def states(self) -> tuple[State, ...]:
        """All states, in the order in which they were made."""
        found = list(self._bench.states.values())  # in one go: another thread may add to them
        return tuple(sorted(found, key=lambda s: s.number))

    @property
    def plan(self) -> Plan:
        """What is cut in the current state, relative to the dense model."""
        return self.state.plan

    @property
    def workspace(self) -> str | None:
        """The folder that keeps the history; None for a history in memory."""
        name = self._bench.store.name
        return None if name == "memory" else name

    @property
    def history(self) -> Any:
        """All states as a pandas DataFrame; ``current`` marks the one the Lab is in."""
        return history_frame(self.states, self.state.id)

    def path(self, state: str | State | None = None) -> tuple[State, ...]:
        """The states from the dense model to ``state`` (the current one)."""
        return tuple(self._bench.path(self.state if state is None else self._bench.find(state)))

    # stepping

    def step(
        self,
        layer: str | None = None,
        ratio: float = 0.3,
        *,
        by: str | None = None,
        scope: str | None = None,
        criterion: str | Criterion | None = None,
        round_to: int = 1,
        finetune: int | None = None,
    ) -> State:
        """Cut units, fine-tune, evaluate, record; gives the new state.

        Args:
            layer: the layer to cut; without it (and without ``by`` and ``scope``), the next one in network order that
                is not yet at ``ratio``.
            ratio: the fraction of the layer's dense units that is gone afterwards, in ``[0, 1)``.
            by, scope: instead of one layer cut all, until ``ratio`` of the dense model's units (``by="sparsity"``),
                "macs" or "params" is gone, each layer alike (``scope="local"``) or by one ranking ("global").
            criterion, finetune: the Lab's own if left out; ``finetune`` is a number of epochs.
            round_to: kept units come in multiples of it.

        Raises:
            UnknownNameError: a layer, criterion, scope or measure nobody knows.
            OptionError: a ratio outside ``[0, 1)``, below what is gone, or one that takes nothing; a frozen layer.
            TrainingError: a loss that is not finite.
            Stopped: `stop` was called.
        """
        ratio = check_ratio(ratio, place="ratio")
        cut = self._cut(criterion, round_to)
        epochs = self._task.epochs(finetune)
        if layer is not None and (by is not None or scope is not None):
            raise OptionError(f"by and scope are for all layers, and '{layer}' is one; leave out either")
        everywhere = None if by is None and scope is None else Target(by or "sparsity", ratio, scope or "local")
        group = find_group(self.graph, layer) if layer is not None else None
        with self._work.begin("step", self._task.n_batches(epochs)) as meter:
            cut = self._seeded(cut)
            if everywhere is not None:
                proposal = propose_all(self.graph, self.plan, everywhere, cut, epochs)
            else:
                chosen = group or next_group(self.graph, self.plan, ratio, cut)
                proposal = propose_layer(self.graph, self.plan, chosen, ratio, cut, epochs)
            if proposal.plan.groups == self.plan.groups:
                raise OptionError(f"{proposal.label} is gone already; give a higher ratio, or go back")
            meter.name(proposal.label)
            return self._work.carry_out(proposal, epochs, meter)

    def run(
        self,
        schedule: str = "cubic",
        to: float = 0.7,
        *,
        by: str = "sparsity",
        steps: int = 10,
        scope: str = "local",
        criterion: str | Criterion | None = None,
        round_to: int = 1,
        finetune: int | None = None,
    ) -> State:
        """Cut all layers in ``steps`` steps until ``to`` is gone; gives the last state.

        The schedule starts at the dense model, and its steps that are met already are passed over: so a run that was
        stopped goes on where it was when it is called again.

        Args:
            schedule: "cubic", "linear" or "one_shot".
            to: the fraction of the dense model's units (``by="sparsity"``), "macs" or "params" that is gone in the end.
            scope: "local" cuts each layer alike, "global" by one ranking.
            criterion, round_to, finetune: as for `step`.

        Raises:
            As `step`; steps that were recorded before stay.
        """
        to = check_ratio(to, place="to")
        if schedule not in schedules.SCHEDULES:
            raise unknown_name("schedule", schedule, schedules.SCHEDULES)
        steps = check_whole(steps, "steps", 1)
        cut, epochs = self._cut(criterion, round_to), self._task.epochs(finetune)
        amounts = dict.fromkeys(schedules.SCHEDULES[schedule](k, steps, to, 0.0) for k in range(1, steps + 1))
        targets = [Target(by, amount, scope) for amount in amounts]
        n_batches = self._task.n_batches(epochs)
        start = self.state
        with self._work.begin("run", None if n_batches is None else n_batches * len(targets)) as meter:
            # a target that cannot be met is found before the first step, not at the last
            propose_all(self.graph, self.plan, targets[-1], self._seeded(cut), epochs)
            for number, target in enumerate(targets, 1):
                proposal = propose_all(self.graph, self.plan, target, self._seeded(cut), epochs)
                if proposal.plan.groups == self.plan.groups:
                    meter.skip(n_batches or 0)
                    continue
                meter.name(f"step {number} of {len(targets)}: {target}")
                self._work.carry_out(proposal, epochs, meter)
            if self.state is start:
                raise OptionError(f"{targets[-1]} is gone already; give a higher value of to, or go back")
        return self.state

    def _cut(self, criterion: str | Criterion | None, round_to: int) -> Cut:
        return Cut(self._criterion if criterion is None else criterion, round_to)

    def _seeded(self, cut: Cut) -> Cut:
        return replace(cut, seed=self._work.seed_here())

    # going about in the history

    def back(self, n: int = 1) -> State:
        """Go back ``n`` states, bit for bit; the states that are left stay in the history.

        Raises:
            StateError: there are not so many.
        """
        n = check_whole(n, "n", 1)
        path = self.path()
        if n >= len(path):
            raise StateError(f"{counted(len(path) - 1, 'state')} before {self.state.id}, and {n} to be gone back; "
                             f"lab.goto('s0') goes to the dense model")
        return self.goto(path[-1 - n])

    def goto(self, state: str | State) -> State:
        """Go to a state, bit for bit: parameters, buffers and random states.

        Raises:
            StateError: no such state; the nearest id is in the message.
        """
        return self._work.go(self._bench.find(state))

    # holding it up, and being told

    @property
    def on_progress(self) -> list[Listener]:
        """Functions that are called with a `Progress` after each batch; append yours. Without any, tqdm shows a bar.

        They are called in the thread that works: they look, and start no other work.
        """
        return self._work.on_progress

    @property
    def on_change(self) -> list[Callable[[State], object]]:
        """Functions that are called with the new current state, when one is recorded or gone to; append yours."""
        return self._work.on_change

    def stop(self) -> None:
        """End the running work at its next batch, from any thread; it raises `Stopped`, in the last recorded state."""
        self._work.control.stop()

    def pause(self) -> None:
        """Hold the running work at its next batch, from any thread."""
        self._work.control.pause()

    def resume(self) -> None:
        """Let paused work go on."""
        self._work.control.resume()

    @property
    def working(self) -> str:
        """What the Lab is doing; empty when it is idle."""
        return self._work.control.working

    @property
    def paused(self) -> bool:
        """Whether the running work is held."""
        return self._work.control.paused

    # looking and taking away

    def evaluate(self, data: Any = None, metrics: str | Iterable[Any] | None = None) -> dict[str, float]:
        """The metrics of the current model on ``data`` (the validation data)."""
        data = self._task.val if data is None else data
        if data is None:
            raise OptionError("data is missing, and the Lab has no validation data; "
                              "give data, or open the Lab with val=")
        with self._work.begin("evaluate", data.size if isinstance(data, Batches) else None) as meter:
            chosen = self._task.metrics if metrics is None else metrics
            return evaluate(self.model, data, chosen, self._task.loss, on_batch=meter.tick)

    def preview(self, layer: str, ratio: float = 0.3, criterion: str | Criterion | None = None, *,
                round_to: int = 1) -> Preview:
        """What ``step(layer, ratio)`` would take away, without doing it.

        Quick enough for a slider, also while work runs. A ratio below what is gone gives what is gone.
        """
        group = find_group(self.graph, layer)
        ratio = check_ratio(ratio, place="ratio")
        state = self.state
        cut = self._seeded(self._cut(criterion, round_to))
        removed = units_at(state.plan, group, ratio, cut, lambda g: self._recorded_scores(g, cut))
        plan = state.plan.with_removed(self.graph, {group.name: removed})
        new = tuple(sorted(set(removed) - set(state.plan.removed(group.name))))
        return Preview(group.name, group.units, removed, new, plan.cost, state.cost)

    def scores(self, layer: str, criterion: str | Criterion | None = None) -> Any:
        """The scores of a layer's units in the current state: ``(units,)``, float, higher is kept."""
        return self._recorded_scores(find_group(self.graph, layer), self._seeded(self._cut(criterion, 1)))

    def _recorded_scores(self, group: Any, cut: Cut) -> Any:
        own = cut.criterion if isinstance(cut.criterion, str) else id(cut.criterion)
        key = (self.state.id, group.name, own, cut.seed)
        if key not in self._scores:
            if len(self._scores) > _MOST_SCORES:
                self._scores.clear()
            scores = score(self._bench.recorded(group.name), group, cut.criterion, seed=cut.seed)
            # with the criterion: as long as it lives, no other one has its id
            self._scores[key] = (scores, cut.criterion)
        return self._scores[key][0]

    def masks(self, layer: str) -> MaskPicture:
        """Kept and cut units of a layer with their weights, those of cut units as they were in the dense model."""
        return masks_of(self._bench, find_group(self.graph, layer))

    def curves(self, *names: str) -> Curves:
        """Metrics and cost over all states: ``names`` of metrics, "params", "macs", "sparsity"."""
        return curves_of(self.states, self.state.id, names)

    def tree(self) -> Tree:
        """The history as a tree."""
        return tree_of(self.states, self.state.id)

    def compact(self) -> Any:
        """The smaller model of the current state: a new ``nn.Layer``."""
        with self._work.begin("compact"):
            return compact(self.model, self.plan)

    def export(self, directory: str | os.PathLike[str], formats: Iterable[Any] | None = None, **options: Any) -> Any:
        """Write the smaller model of the current state, timed beside the dense one; gives an `Export`.

        Args:
            directory: a folder, which is made.
            formats: such as ``("paddle", "onnx")``; without it, all that `prunelab.export` writes by itself.
            options: as for `prunelab.export`.

        Raises:
            As `prunelab.export`; nothing is written then.
        """
        from prunelab.export import export

        given: dict[str, Any] = {"plan": self.plan, **options, **({} if formats is None else {"formats": formats})}
        with self._work.begin("export"):
            if "dense" not in given:
                given["dense"] = self._bench.copy_of(self.path()[0])
            return export(compact(self.model, self.plan), directory, **given)

    def panel(self) -> Any:
        """The panel, in a notebook."""
        from prunelab.jupyter.panels import open_panel

        return open_panel(self)

    def close(self) -> None:
        """Let go of the workspace's files; the Lab is of no use afterwards."""
        if not isinstance(self._bench, Closed):
            self._bench.store.close()
            self._bench = self._work = cast("Any", Closed(self.workspace))

    def __repr__(self) -> str:
        if isinstance(self._bench, Closed):
            return "Lab, closed"
        return str(header_of(type(self.model).__name__, self._bench))

    def _repr_html_(self) -> str:
        if isinstance(self._bench, Closed):
            return "<div>Lab, closed</div>"
        return header_of(type(self.model).__name__, self._bench).to_html()


def _own_copy(layer: Any, device: str | None) -> Any:
    try:
        own = copy.deepcopy(layer)
    except Exception as error:
        raise InputError(f"{type(layer).__name__} cannot be copied: {error}; a Lab works on its own copy, so keep no "
                         "file, lock or computed tensor in the model's attributes") from error
    if device is not None:
        if str(device).startswith("gpu") and not paddle.device.is_compiled_with_cuda():
            raise OptionError(f"the model cannot be put on the device {device!r}: this Paddle is built without CUDA; "
                              "leave device out or give 'cpu', or install paddlepaddle-gpu")
        try:
            own.to(device)
        except Exception as error:
            here = dict.fromkeys(["cpu", *paddle.device.get_available_device()])
            raise OptionError(f"the model cannot be put on the device {shown(device)}: {reason_of(error)}; "
                              f"the devices here are {', '.join(here)}") from error
    return own
