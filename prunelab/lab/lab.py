"""`Lab`: one model under study, its data, its current state and its history."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunelab.criteria import Criterion, criterion_of
from prunelab.errors import OptionError, shown
from prunelab.evaluate import Sensitivity
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.latency_table import LatencyTable
from prunelab.graph import as_layer, trace
from prunelab.lab.bench import Bench
from prunelab.lab.clocking import Clocking
from prunelab.lab.exporting import Exporting
from prunelab.lab.holding import Holding
from prunelab.lab.looking import Looking
from prunelab.lab.moving import Moving
from prunelab.lab.opened import own_copy
from prunelab.lab.options import Task, Training
from prunelab.lab.reporting import Reporting
from prunelab.lab.running import Running
from prunelab.lab.searching import Searching
from prunelab.lab.sensing import Sensing
from prunelab.lab.stepping import Stepping
from prunelab.lab.store import checked_folder, open_store
from prunelab.lab.storing import Storing
from prunelab.lab.watching import Watcher, inputs_of
from prunelab.lab.work import Work
from prunelab.train import TrainingOptions
from prunelab.train.optimizers import OptimizerMaker


class Lab(Stepping, Running, Moving, Looking, Sensing, Searching, Clocking, Holding, Storing, Exporting, Reporting):
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
        metrics: str | Iterable[Any] | None = None,
        workspace: str | os.PathLike[str] | None = None,
        device: str | None = None,
        seed: int | None = None,
        criterion: str | Criterion = "l1_weight",
        finetune: int = 0,
        repair: bool | int = False,
        lr: float | None = None,
        optimizer: str | OptimizerMaker | None = None,
        keep_optimizer: bool = False,
        teacher: Any = None,
        training: TrainingOptions | Mapping[str, Any] | None = None,
    ) -> None:
        """Open a Lab on a copy of ``model``, and record the dense model as state "s0".

        Args:
            model: an ``nn.Layer`` or a ``paddle.Model``.
            train, val: a ``DataLoader``, a ``Dataset``, arrays ``(x, y)`` or an iterable of batches; see
                `prunelab.data.batches`. Without ``val``, states have no metrics.
            inputs: as for `prunelab.trace`; without it, the first sample of the data, or what the workspace's history
                was made with.
            loss: ``(outputs, labels) -> mean of the batch``, or "cross_entropy" (if left out), "mse", "l1",
                "bce_with_logits".
            metrics: names or functions, as for `prunelab.evaluate`; without it, accuracy and loss, or the loss alone
                where it is one of numbers, such as "mse".
            workspace: a folder that keeps the history; one that has a history goes on from its current state. Without
                it, the history ends with the process.
            device: where the copy lives, such as "gpu:0"; without it, where ``model`` does.
            seed: without it, the workspace's, or 0.
            criterion, finetune, repair, lr, optimizer: for steps that do not say otherwise; ``finetune`` is a number of
                epochs, ``repair`` whether kept weights are re-solved first, or the steps on each block after that, see
                `prunelab.repair`.
            keep_optimizer: what the optimizer gathers (moments, the position of a scheduler of one's own) is a part of
                each state, and the next training goes on with it; Adam's makes a trained state three times as large.
                Without it, each training begins with a new optimizer. An optimizer by name goes through its whole
                schedule of the learning rate in each training, so that no state is in the middle of one.
            teacher: what each training learns from beside the labels: True for the model as it was before its first
                cut, another model, or a ``pl.train.Distillation``, which says how.
            training: what else a training takes: ``pl.train.TrainingOptions``, or some of its fields by name, such as
                ``{"clip_norm": 1.0, "patience": 2}``; epochs are then judged on ``val``.

        Raises:
            WorkspaceError: a workspace of another model (with the differences), or one that cannot be written.
            InputError, TraceError, DataError, OptionError: as `prunelab.trace` and `prunelab.evaluate`.
        """
        layer = own_copy(as_layer(model), device)
        self._given = {"train": train, "val": val, "loss": loss, "metrics": metrics, "criterion": criterion,
                       "finetune": finetune, "repair": repair, "lr": lr, "optimizer": optimizer,
                       "keep_optimizer": keep_optimizer, "teacher": teacher, "training": training}
        self.origin: dict[str, Any] = {}
        """Where the model and the data come from, in a recipe's words, where that is known."""
        self._criterion = criterion
        criterion_of(criterion)
        self._task = Task(layer, train, val, loss, metrics, Training.of(
            finetune, repair, lr, optimizer, keep_optimizer, teacher=teacher, training=training, val=val))
        graph = trace(layer, self._inputs(inputs, workspace))
        self._bench = Bench(graph, open_store(workspace))
        self._work = Work(self._bench, self._task)
        self._scores: dict[tuple[str, str, Any, int], Any] = {}
        self._sensed: dict[tuple[str, str, str], Sensitivity] = {}
        self._timed: dict[int, LatencyTable] = {}
        try:
            self._work.open(seed)
        except BaseException:
            self.close()
            raise

    def _inputs(self, inputs: Any, workspace: Any) -> Any:
        found = self._task.example() if inputs is None else inputs
        if found is None:
            found = inputs_of(workspace)
        if found is None:
            raise OptionError("inputs is missing, and there is no data to take it from; "
                              "give a shape such as (1, 3, 32, 32)")
        return found

    @staticmethod
    def watch(workspace: str | os.PathLike[str]) -> Watcher:
        """A workspace's history to look at, without a model, while another process may write it.

        Raises:
            WorkspaceError: a folder that is not there, or holds no history.
        """
        return Watcher(workspace)

    @classmethod
    def from_archive(cls, path: str | os.PathLike[str], model: Any, *,
                     workspace: str | os.PathLike[str] | None = None, **options: Any) -> Lab:
        """Open a Lab on a history that `archive` wrote, unpacked into ``workspace``: a folder that is not there yet.

        Args:
            model: a model of the structure that the history is of; its weights do not matter.
            options: data and all else, as for a Lab.

        Raises:
            WorkspaceError: no archive of a history, one that is damaged, crafted, or of another model; nothing is left
                behind then.
        """
        from prunelab.lab.store.archive import read_archive

        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise OptionError(f"path is {shown(path)}; give an archive that lab.archive wrote")
        if workspace is None:
            raise OptionError("workspace is missing, and the history is unpacked there; give a folder that is not "
                              "there yet: pl.Lab.from_archive('study.zip', model, workspace='runs/study')")
        folder = checked_folder(workspace)
        read_archive(Path(path), folder)
        try:
            return cls(model, workspace=folder, **options)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _fresh(self, model: Any) -> Lab:
        return Lab(model, inputs=list(self.graph.input_specs), seed=self._work.seed, **self._given)

    def _own_criteria(self) -> dict[str, Criterion]:
        own = self._criterion
        return {} if isinstance(own, str) else {criterion_of(own).name: own}

    def panel(self, parts: Iterable[str] | None = None, *, layer: str | None = None) -> Any:
        """The panel, in a notebook: all of it, or only some ``parts``, such as ``["layers", "step", "footer"]``;
        ``layer`` is the one that is chosen at first.

        Raises:
            UnknownNameError: a part or a layer nobody knows.
        """
        from prunelab.jupyter.panels import open_panel

        return open_panel(self, parts, layer)

    @property
    def panels(self) -> Any:
        """The parts of the panel, each on its own: ``lab.panels.masks("conv1")``; its repr lists them."""
        from prunelab.jupyter.panels.single import Singles

        return Singles(self)
