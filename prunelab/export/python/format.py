"""The format: ``model.py`` and ``model_weights.safetensors``."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from prunelab.errors import ExportError
from prunelab.export.base import STEM, Array, Runner, Setting, length_axis
from prunelab.export.listing import read_graph
from prunelab.export.python.source import source, tensors_of
from prunelab.export.weights import save_weights
from prunelab.graph import TensorSpec
from prunelab.graph.places import home_of


@dataclass(frozen=True)
class PythonModule:
    """A module that needs Paddle and NumPy only: one may read it, train it, copy it into another project."""

    name: str = "python"
    extension: str = ".py"
    settings: tuple[Setting, ...] = ({},)
    packages: tuple[str, ...] = ("paddlepaddle", "numpy")

    def check_available(self) -> None:
        """Paddle is there: the model is made of it."""

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        if any(length_axis(s) is not None for s in specs):
            raise ExportError("a module of operators one by one has the sizes of one length; leave lengths out, or "
                              "'python' out of formats")
        graph = read_graph(model, specs)
        module, weights = directory / f"{STEM}{self.extension}", directory / f"{STEM}_weights.safetensors"
        module.write_text(source(graph), encoding="utf-8")
        save_weights(tensors_of(graph), weights)
        return module, weights

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        spec = importlib.util.spec_from_file_location(f"prunelab_exported_{files[0].parent.name}", files[0])
        if spec is None or spec.loader is None:
            raise ImportError(f"{files[0]} is no module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        net = module.load()
        place = home_of(net)

        def run(arrays: Mapping[str, Array]) -> list[Array]:
            with paddle.no_grad():
                out = net(*[paddle.to_tensor(a, place=place) for a in arrays.values()])
            return [np.asarray(t.numpy()) for t in paddle.utils.flatten(out) if isinstance(t, paddle.Tensor)]

        return run
