"""`finetune`: train a model, masked or smaller, on its data."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError, TrainingError, check_seed, check_whole
from prunelab.evaluate import evaluate
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.evaluate import listed, named_metrics
from prunelab.evaluate.forward import LossFunction, in_mode
from prunelab.evaluate.loss import loss_function, name_of
from prunelab.graph import Graph, as_layer
from prunelab.graph.places import at_home
from prunelab.plan import Plan
from prunelab.train.averaging import Average
from prunelab.train.distillation import objective
from prunelab.train.keeping import Best, Keeper, all_or_nothing
from prunelab.train.loop import Loop
from prunelab.train.objective import Penalized, task_loss
from prunelab.train.optimizer_state import OptimizerState
from prunelab.train.optimizers import OptimizerMaker, make_optimizer
from prunelab.train.options import TrainingOptions, training_options
from prunelab.train.penalties import penalties_of
from prunelab.train.precision import Precision
from prunelab.train.projection import project
from prunelab.train.result import FineTuneResult, TrainedBatch, TrainedEpoch
from prunelab.train.sharing import sharing
from prunelab.train.soft import SoftMask
from prunelab.train.traced import Traced

OnBatch = Callable[[TrainedBatch], object]
OnEpoch = Callable[[TrainedEpoch], object]


def finetune(
    model: Any,
    data: Any,
    epochs: int = 1,
    *,
    lr: float | None = None,
    optimizer: str | OptimizerMaker | None = None,
    schedule: str | None = None,
    loss: str | LossFunction | None = None,
    plan: Plan | Mapping[str, np.ndarray[Any, Any]] | None = None,
    teacher: Any = None,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
    seed: int | None = None,
    options: TrainingOptions | None = None,
    **more: Any,
) -> FineTuneResult:
    """Train ``model`` in place, in train mode; afterwards each layer is in the mode it was in.

    Either all of it happens or nothing: whatever is raised on the way leaves parameters and buffers as they were at the
    start, bit for bit. So does an interrupt; with ``val``, it leaves the best epoch's.

    In several processes (``python -m paddle.distributed.launch``, and ``paddle.distributed.init_parallel_env()`` first)
    each takes its share of every batch, and all end with the same weights.

    Args:
        data: a ``DataLoader``, a ``Dataset`` (shuffled), arrays ``(x, y)`` (shuffled) or an iterable of batches, which
            may be dicts; see `prunelab.data.batches`.
        lr: the learning rate at the start; without it 0.001 for Adam, 0.01 for SGD and momentum.
        optimizer: "adam", "adamw", "momentum", "sgd", or a function from parameters to a paddle optimizer, with its own
            learning rate.
        schedule: "cosine" to zero over the whole training, or "constant"; without it "cosine", with ``average``
            "constant".
        loss: ``(outputs, labels) -> mean of the batch``, or a name, as for `prunelab.evaluate`; without it, cross
            entropy of integer labels.
        plan: what is cut in this full-size model, and stays zero (or masks by parameter name: bool, True where it
            stays).
        teacher: a model to learn from beside the labels, as a rule the dense one; or a ``pl.train.Distillation``,
            which says how.
        on_batch, on_epoch: called after each batch and each epoch; a true return value ends the training there, and
            keeps it.
        seed: sets Paddle's, NumPy's and Python's generators first, so that shuffling and dropout repeat.
        options, more: ``pl.train.TrainingOptions``, or any of its fields by name: ``val``, ``metric``, ``patience``,
            ``clip_norm``, ``accumulate``, ``average``, ``label_smoothing``, ``amp``, ``penalty``, ``soft``,
            ``optimizer_state``, ``callbacks``.

    Raises:
        TrainingError: a loss that is not finite, with its batch and value, or weights that are not; a loss that depends
            on no parameter.
        OptionError: epochs, a learning rate or an optimizer that cannot be.
        DataError, InputError: batches that cannot be read, that the model or the loss does not take.
        PlanError: a plan for another structure.
    """
    layer, epochs, chosen = as_layer(model), check_whole(epochs, "epochs"), training_options(options, more)
    with at_home(layer):
        _seed(seed)
        parameters = [p for p in layer.parameters() if not p.stop_gradient]
        if not parameters:
            raise OptionError(f"{type(layer).__name__} has no parameter that trains; set stop_gradient = False on "
                              "those that shall")
        source = batches(data, layer, shuffle=True)
        usual = "constant" if chosen.average else "cosine"
        rate = make_optimizer(optimizer, lr, usual if schedule is None else schedule, parameters)
        if chosen.optimizer_state is not None:
            chosen.optimizer_state.put(rate.optimizer, layer)
        traced, penalties = Traced(layer), penalties_of(chosen.penalty)
        goal = objective(traced, task_loss(loss, chosen.label_smoothing), teacher, plan)
        soft = _soft(chosen, plan, epochs)
        loop = Loop(
            layer, source, Penalized(goal, penalties, traced) if penalties else goal, rate, project(layer, plan),
            Precision(chosen.amp, parameters[0]), chosen.clip_norm, chosen.accumulate, chosen.patience,
            name_of(loss_function(loss)),
            [*filter(None, [on_batch]), *chosen.listeners("on_batch")],
            [*filter(None, [on_epoch]), *chosen.listeners("on_epoch")],
            [] if soft is None else [lambda epoch: soft.choose(_graph(traced, source), epoch)],
            sharing(data, parameters[0].place), Average(layer) if chosen.average else None)
        start = time.perf_counter()
        with (all_or_nothing(layer, lambda: loop.best) as before, in_mode(layer, training=True),
              loop.without_gradients_left()):
            loop.share.begin(layer)
            loop.projection.tensors()  # from the first batch on, whether the model was masked before or not
            loop.best = _best(layer, chosen, loss, soft)
            stopped = loop.run(epochs)
            loop.settle()
            best_epoch = None if loop.best is None else loop.best.epoch
            _check_finite(layer, before)
            found = None if soft is None else soft.harden(layer, best_epoch)
        return FineTuneResult(tuple(map(tuple, loop.losses)), time.perf_counter() - start, stopped,
                              tuple(loop.val_metrics), best_epoch, loop.precision.name,
                              OptimizerState.of(rate.optimizer, layer), found)


def _seed(seed: int | None) -> None:
    if seed is not None:
        seed = check_seed(seed)
        paddle.seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)


def _check_finite(layer: Any, before: Keeper) -> None:
    """A finite loss may have a gradient that is not; after the last batch no further loss would tell."""
    bad = {id(t) for t in before.spoilt()}
    name = next((n for n, t in (*layer.named_parameters(), *layer.named_buffers()) if id(t) in bad), None)
    if name is not None:
        raise TrainingError(f"{name} is not finite after the training, though the losses are; the weights are as they "
                            "were: look for a gradient without bound, such as that of a root at zero, or lower lr")


def _soft(options: TrainingOptions, plan: Any, epochs: int) -> SoftMask | None:
    if options.soft is None:
        return None
    if plan is not None:
        raise OptionError("plan and soft are both given, and what a plan cuts cannot come back; give one of them")
    return SoftMask(options.soft, epochs)


def _graph(traced: Traced, source: Batches) -> Graph:
    return traced.graph(next(iter(source))[0])


def _best(layer: Any, options: TrainingOptions, loss: str | LossFunction | None, soft: SoftMask | None) -> Best | None:
    """What judges epochs, from the start on; None without validation data."""
    if options.val is None:
        return None
    metrics = listed(options.metric)
    if len(metrics) != 1:
        raise OptionError(f"metric is {len(metrics)} metrics; give the one that epochs are judged by")
    (name, metric), = named_metrics(metrics, loss).items()
    source = batches(options.val, layer)

    def judge() -> float:
        with contextlib.nullcontext() if soft is None else soft.judged(layer):
            return evaluate(layer, source, metrics, loss)[name]

    # a model that is to be pruned softly is not pruned yet when it starts
    return Best(layer, name, judge, metric.higher_is_better, from_start=soft is None)
