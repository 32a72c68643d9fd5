"""safetensors: a model's weights by their names in ``state_dict``, in a file that runs no code when it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from safetensors.numpy import load_file, save

from prunelab.evaluate.forward import run_on
from prunelab.export.base import STEM, Array, Runner, Setting
from prunelab.graph import TensorSpec
from prunelab.graph.model_copy import copy_of
from prunelab.graph.places import home_of
from prunelab.surgery.compare import as_tensors


@dataclass(frozen=True)
class Safetensors:
    """``model.safetensors``; ``set_state_dict`` of the smaller model takes it (``plan.apply`` makes that of a fresh
    one).

    It is no program: it is verified by emptying a copy of the model, and filling it from the file.
    """

    name: str = "safetensors"
    extension: str = ".safetensors"
    settings: tuple[Setting, ...] = ({},)
    packages: tuple[str, ...] = ("safetensors",)

    def check_available(self) -> None:
        """Safetensors is there: prunelab needs it."""

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}{self.extension}"
        save_weights(model.state_dict(), target)
        return (target,)

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """The file alone computes nothing; see `load_into`."""
        load_file(str(files[0]))
        raise NotImplementedError("weights are no program; load them into a model")

    def load_into(self, model: Any, files: tuple[Path, ...], specs: tuple[TensorSpec, ...]) -> Runner:
        """A copy of ``model`` whose weights come from the file."""
        filled = copy_of(model)
        with paddle.no_grad():
            for tensor in filled.state_dict().values():
                if tensor._is_initialized():
                    tensor.set_value(paddle.zeros_like(tensor))
        place = home_of(filled)
        filled.set_state_dict({name: paddle.to_tensor(array, place=place)
                               for name, array in load_file(str(files[0])).items()})
        filled.eval()

        def run(arrays: Mapping[str, Array]) -> list[Array]:
            with paddle.no_grad():
                out = run_on(filled, specs, as_tensors(specs, [arrays[s.name] for s in specs], place))
            return [np.asarray(t.numpy()) for t in paddle.utils.flatten(out) if isinstance(t, paddle.Tensor)]

        return run


def save_weights(tensors: Mapping[str, Any], target: str | os.PathLike[str]) -> None:
    """Tensors by name; what is tied is written under each of its names."""
    # not save_file: a full disk is no OSError there
    Path(target).write_bytes(weights_bytes(tensors))


def weights_bytes(tensors: Mapping[str, Any]) -> bytes:
    """The same as the bytes of a file."""
    arrays = {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in tensors.items()
              if tensor._is_initialized()}
    return bytes(save(arrays, metadata={"format": "paddle"}))
