"""Paddle Inference: ``model.json`` and ``model.pdiparams``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle

from prunelab.errors import ExportError
from prunelab.export.base import STEM, Array, Runner, Setting, free_shape
from prunelab.graph import TensorSpec
from prunelab.graph.reading import forgetting_failures, taking_any_self


@dataclass(frozen=True)
class PaddleInference:
    """A PIR program and its parameters, run by Paddle Inference.

    oneDNN is the whole gain on CPUs (a resnet18 34 ms against 143) and is on by default, but it is silently wrong on
    some graphs: any RMS norm written by hand is off several times over. So it is the first setting, compared like every
    other, and not the only one.
    """

    name: str = "paddle"
    extension: str = ".json"
    settings: tuple[Setting, ...] = ({"onednn": True}, {"onednn": False})
    packages: tuple[str, ...] = ("paddlepaddle",)

    def check_available(self) -> None:
        """Paddle is there: the model is made of it."""

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        return save_program(model, directory / STEM, specs)

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        config = paddle.inference.Config(*map(str, files))
        config.disable_glog_info()
        config.set_cpu_math_library_num_threads(threads)
        if not setting["onednn"]:
            config.disable_mkldnn()
        predictor = paddle.inference.create_predictor(config)
        inputs = {name: predictor.get_input_handle(name) for name in predictor.get_input_names()}
        outputs = [predictor.get_output_handle(name) for name in predictor.get_output_names()]

        def run(arrays: Mapping[str, Array]) -> list[Array]:
            for name, handle in inputs.items():
                handle.copy_from_cpu(arrays[name])
            predictor.run()
            return [handle.copy_to_cpu() for handle in outputs]

        return run


def save_program(model: Any, stem: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, Path]:
    """Write the model's program to ``stem`` + ``.json`` and its parameters to ``stem`` + ``.pdiparams``.

    Raises:
        ExportError: a model that Paddle cannot save so.
        OSError: a full disk, and the like.
    """
    name = type(model).__name__
    if not [*model.parameters(), *model.buffers()]:
        raise ExportError(f"{name} has no parameters, and Paddle saves no such program; export the layer that has them")
    spec = [paddle.static.InputSpec(free_shape(s), s.dtype, name=s.name) for s in specs]
    try:
        with warnings.catch_warnings(), forgetting_failures(), taking_any_self(model):
            warnings.simplefilter("ignore")
            paddle.jit.save(model, str(stem), input_spec=spec)
    except Exception as error:  # to_static runs the model's own code: any error may come of it
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk; one without a number is Paddle's: "could not get source code"
        raise ExportError(f"Paddle cannot save {name} as a program: {_reason(error)}") from error
    return stem.with_suffix(".json"), stem.with_suffix(".pdiparams")


def _reason(error: BaseException) -> str:
    if "is not involved in the target_vars calculation" in str(error):
        return ("one of the inputs is not used for the outputs, and a program cannot have such; wrap the model "
                "in a layer whose forward takes only those that are used")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line and ":" in line and not line.startswith("File")]
    return (told[-1:] or lines[-1:] or [type(error).__name__])[0]
