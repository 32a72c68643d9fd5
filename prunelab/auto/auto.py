"""`AutoCompression`: a model, its data and a dict in; the best configuration out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import paddle

from prunelab.auto.page import Page, open_page
from prunelab.auto.parts import ratios_of
from prunelab.auto.prepared import Prepared
from prunelab.auto.wishes import Wishes
from prunelab.errors import OptionError, Stopped, shown
from prunelab.export import OnnxInt8
from prunelab.lab import Lab
from prunelab.search import Between, Space, Study, Trial
from prunelab.search import space as make_space
from prunelab.search.planning import Candidate, Planner
from prunelab.search.variables import Plain, Variable

DEVICES = ("auto", "cpu", "gpu")


class AutoCompression:
    """Search, cut, repair and fine-tune by a dict.

        auto = pl.AutoCompression(model, train_dataloader, eval_dataloader, search_space)
        best_config = auto.fit()
        auto.visualize(plot_type=["graph"])
        auto.export("out/")

    `prunelab.auto.keys` says what each key of the search space means.

    Attributes:
        best_model: the smaller model, after `fit`. ``best_config``: what `fit` gave. ``study``: the trials; None where
            nothing varied. ``lab``: the Lab that it all happened in.
    """

    def __init__(
        self,
        model: Any,
        train_dataloader: Any,
        eval_dataloader: Any,
        search_space: Mapping[str, Any] | None = None,
        device: str = "auto",
        *,
        inputs: Any = None,
        workspace: str | os.PathLike[str] | None = None,
    ) -> None:
        """Check everything, and measure the dense model.

        Args:
            model: a ``paddle.Model``, prepared with an optimizer, a loss and metrics (what is missing is Adam, cross
                entropy and accuracy), or a layer. A copy of it is cut.
            train_dataloader, eval_dataloader: what trials are trained and judged on: a DataLoader, a Dataset, arrays or
                batches.
            search_space: a dict; an empty one searches for the best trade of the metric and the parameters.
            device: "cpu", "gpu" (or "gpu:1"), or "auto": a GPU where there is one.
            inputs: as for `prunelab.trace`; without it, the first sample of the data.
            workspace: a folder that keeps the history and the trials, so that `fit` goes on after an interrupt.

        Raises:
            UnknownNameError: a key or a name nobody knows; the nearest is in the message.
            OptionError: a value that cannot be, or a device that is not there.
            TraceError, DataError, InputError: as `prunelab.Lab`.
        """
        if eval_dataloader is None:
            raise OptionError("eval_dataloader is None; give what trials are judged on")
        self.wishes = Wishes.of_dict({} if search_space is None else search_space)
        self._asked = dict(search_space or {})
        for key, epochs in (("finetune", self.wishes.epochs), ("search", self.wishes.trial_epochs)):
            if epochs and train_dataloader is None:
                raise OptionError(f"search_space['{key}']['epochs'] is {epochs}, and train_dataloader is None; give "
                                  "what is trained on, or leave the epochs out")
        prepared, place = Prepared.of(model), _device(device)
        optimizer = prepared.maker(self.wishes.lr)
        self.lab = Lab(prepared.network, train=train_dataloader, val=eval_dataloader, inputs=inputs, loss=prepared.loss,
                       metrics=prepared.metrics, workspace=workspace, device=place, seed=self.wishes.seed,
                       optimizer=optimizer, lr=None if optimizer is not None else self.wishes.lr)
        self._data, self._train, self._loss = eval_dataloader, train_dataloader, prepared.loss
        self._metric = prepared.metrics[0]
        self.space = self._space()
        self.study: Study | None = None
        self.best_config: dict[str, Any] | None = None
        self.best_model: Any = None

    def fit(self, *, on_trial: Any = None) -> dict[str, Any]:
        """Search, and carry the best trial out; gives the best configuration: a search space with one value for each
        choice, which leads to the same model again, and its ``result``.

        Args:
            on_trial: called as ``on_trial(study, trial)`` after each trial.

        Raises:
            OptionError: a total_ratio that the space cannot reach.
            SearchError: trials that all fail, or none within the constraints.
            Stopped: an interrupt ended the search; the Lab is in the dense state.
        """
        wishes = self.wishes
        self.lab.goto("s0")
        best: Trial | Candidate
        if self.space.variables:
            self.study = self.lab.search(
                self.space, wishes.sampler, [self._metric if o is None else o for o in wishes.objectives],
                wishes.trials, constraints=wishes.limits, seed=wishes.seed, samples=wishes.samples, on_trial=on_trial)
            if self.study.interrupted:
                raise Stopped(f"the search was {self.study.note}, and nothing is cut; auto.study has the trials: call "
                              "fit() again, which goes on where there is a workspace")
            best = self.study.best
        else:
            planner = Planner(self.lab.graph, self.space, self.lab.plan, loss=self.lab._task.loss, seed=wishes.seed,
                              data=self.lab._task.val if self.lab._task.train is None else self.lab._task.train)
            best = planner.candidate({})
        if best.plan:
            self.lab.adopt(best.plan, finetune=wishes.epochs, repair=wishes.repair)
        self.best_model = self.lab.compact()
        self.best_config = self._config(best.settings)
        return self.best_config

    @property
    def history(self) -> Any:
        """The states of the Lab, as a DataFrame: the dense model, and the best one."""
        return self.lab.history

    def export(self, directory: str | os.PathLike[str], formats: Iterable[Any] | None = None, **options: Any) -> Any:
        """Write the best model, verified and timed beside the dense one; gives an `Export`.

        Args:
            formats: as for `prunelab.export`; without it Paddle Inference, ONNX, and eight bits where they are chosen.
            options: as for `prunelab.export`.

        Raises:
            OptionError: before `fit`.
            As `prunelab.export`.
        """
        self._check_fitted("export")
        if formats is None:
            kind = self.best_config["quantization"]["type"]  # type: ignore[index]
            eight = OnnxInt8(name="onnx-w8" if kind == "int8_weights" else "onnx-int8",
                             weights_only=kind == "int8_weights", max_lost=self.wishes.max_lost)
            formats = ("paddle", "onnx") if kind == "none" else ("paddle", "onnx", eight)
        return self.lab.export(directory, formats, **options)

    def visualize(self, plot_type: Any = ("graph",),
                  path: str | os.PathLike[str] | None = None) -> Page:
        """Pictures, in a notebook inline, elsewhere as an HTML file: "graph", "curves", "front", "masks",
        "sensitivity", "plan".

        Args:
            path: the file; without it none in a notebook, and ``autocompression.html`` elsewhere.

        Raises:
            UnknownNameError: a picture nobody knows.
            OptionError: one that shows what `fit` has not found yet.
        """
        return open_page(self, list(plot_type) if isinstance(plot_type, (list, tuple)) else [plot_type],
                         None if path is None else Path(path))

    def __repr__(self) -> str:
        told = "not fitted yet" if self.best_config is None else ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v:,}" for k, v in self.best_config["result"].items())
        return f"AutoCompression of {type(self.lab.model).__name__}: {told}"

    # inside

    def _space(self) -> Space:
        """The dict in a search's words."""
        wishes = self.wishes
        named = ratios_of(self.lab.graph, wishes.parts) if wishes.parts else None
        if named is not None and not named:
            raise OptionError("search_space['structure'] fits no group of the network; give op_types ['default'] for "
                              "all")
        criteria = [s.criterion for s in wishes.strategies]
        kinds = list(wishes.quantization)
        if named is not None and len(criteria) == len(kinds) == 1 and all(low == high for low, high in named.values()):
            return Space(ratios={name: low for name, (low, _) in named.items()}, criterion=criteria[0],
                         groups={name: (name,) for name in named}, quantization=kinds[0], **wishes.options)
        ratios = None if named is None else {name: _between(*ends) for name, ends in named.items()}
        return make_space(self.lab.graph, ratios=ratios, criterion=criteria if len(criteria) > 1 else criteria[0],
                          quantization=kinds if len(kinds) > 1 else kinds[0], repair=wishes.repaired_trials,
                          epochs=wishes.trial_epochs, **wishes.options)

    def _config(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The dict with one value for each choice."""
        wishes, state = self.wishes, self.lab.state
        strategy = wishes.strategy_of(settings["criterion"])
        asked = {key: dict(value) for key, value in self._asked.items() if key in ("sparsity", "search", "finetune")}
        return {
            "sparsity": asked.get("sparsity", {}),
            "quantization": {**dict(self._asked.get("quantization", {})), "type": settings["quantization"]},
            "prune": [{"name": strategy.name, "criteria": list(strategy.criteria),
                       "params": {"pruning_strategy": strategy.criterion, **wishes.options}}],
            "structure": [{"names": [name], "sparsity": {"ratio": float(ratio)}}
                          for name, ratio in settings["ratios"].items()],
            "search": {**asked.get("search", {}), "seed": wishes.seed},
            "finetune": {"epochs": wishes.epochs, "lr": wishes.lr, "repair": wishes.repair},
            "result": {**state.metrics, "params": state.cost.params, "macs": state.cost.macs},
        }

    def _check_fitted(self, what: str) -> None:
        if self.best_config is None:
            raise OptionError(f"{what} needs the best model, which is not found yet; call fit() first")


def _between(low: float, high: float) -> Variable | Plain:
    return low if low == high else Between(low, high)


def _device(asked: Any) -> str | None:
    """Where the copy is to live; None for where the model is."""
    there = paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if asked == "auto":
        return "gpu" if there else "cpu"
    if not isinstance(asked, str) or asked.partition(":")[0] not in DEVICES[1:]:
        raise OptionError(f"device is {shown(asked)}; give 'cpu', 'gpu' or 'gpu:1', or 'auto', which chooses")
    if asked.startswith("gpu") and not there:
        why = "has no GPU" if paddle.device.is_compiled_with_cuda() else "is built without CUDA"
        raise OptionError(f"device='{asked}' is asked for, and this Paddle {why}; give device='cpu', or device='auto', "
                          "which chooses")
    return asked


