"""Paddle Inference: ``model.json`` and ``model.pdiparams``."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import paddle

from prunelab.errors import ExportError
from prunelab.export.base import STEM, Array, Runner, Setting, free_shape, length_axis
from prunelab.export.lengths import read_listing
from prunelab.export.listing import read_graph
from prunelab.export.rerun import ListingLayer
from prunelab.graph import TensorSpec
from prunelab.graph.interrupts import Uninterrupted
from prunelab.graph.nests import with_flat_forward
from prunelab.graph.reading import as_eager, forgetting_failures, taking_any_forward
from prunelab.graph.side_effects import Snapshot
from prunelab.surgery import class_name
from prunelab.surgery.compact import as_graph
from prunelab.surgery.lengths import LongGraphLayer


@dataclass(frozen=True)
class PaddleInference:
    """A PIR program and its parameters, run by Paddle Inference.

    oneDNN is the whole gain on CPUs (a resnet18 34 ms against 143) and is on by default, but it is silently wrong on
    some graphs: any RMS norm written by hand is off several times over. So it is the first setting, compared like every
    other, and not the only one.

    Paddle saves the model itself, from its own code. ``by_graph`` saves the operators that `prunelab.trace` reads.
    """

    name: str = "paddle"
    extension: str = ".json"
    settings: tuple[Setting, ...] = ({"onednn": True}, {"onednn": False})
    packages: tuple[str, ...] = ("paddlepaddle",)
    by_graph: bool = False

    def check_available(self) -> None:
        """Paddle is there: the model is made of it."""

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        layer, long = model, any(length_axis(s) is not None for s in specs)
        if isinstance(model, LongGraphLayer) or (self.by_graph and long):
            layer = ListingLayer(read_listing(model, specs))
        elif self.by_graph:
            layer = as_graph(read_graph(model, specs))
        return save_program(layer, directory / STEM, specs, class_name(model))

    def otherwise(self) -> PaddleInference | None:
        """See `prunelab.export.base.Otherwise`."""
        return None if self.by_graph else replace(self, by_graph=True)

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


def save_program(model: Any, stem: Path, specs: tuple[TensorSpec, ...], name: str) -> tuple[Path, Path]:
    """Write the model's program to ``stem`` + ``.json`` and its parameters to ``stem`` + ``.pdiparams``; errors call it
    by its ``name``.

    Raises:
        ExportError: a model that Paddle cannot save so.
        OSError: a full disk, and the like.
    """
    files = stem.with_suffix(".json"), stem.with_suffix(".pdiparams")
    spec = [paddle.static.InputSpec(free_shape(s), s.dtype, name=s.name) for s in specs]
    # a loop over a length that is free stays a loop
    eager = contextlib.nullcontext() if any(length_axis(s) is not None for s in specs) else as_eager()
    before = Snapshot(model)  # a forward that hangs things up has values of the program there afterwards
    hook = model.register_forward_post_hook(_apart)
    try:
        with (Uninterrupted(), warnings.catch_warnings(), forgetting_failures(), with_flat_forward(model, specs),
              taking_any_forward(model, len(specs)), eager):
            warnings.simplefilter("ignore")
            paddle.jit.save(model, str(stem), input_spec=spec)
    except Exception as error:  # to_static runs the model's own code: any error may come of it
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk; one without a number is Paddle's: "could not get source code"
        raise ExportError(f"Paddle cannot save {name} as a program: {_reason(error)}") from error
    finally:
        hook.remove()
        before.restore()
    if shutil.disk_usage(stem.parent).free == 0:  # Paddle does not look whether its writing succeeded
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(files[1]))
    if not all(path.is_file() for path in files):
        raise ExportError(f"the outputs of {name} need no parameters, and Paddle saves no such program; export the "
                          "layer that has them")
    return files


def _apart(model: Any, inputs: Any, outputs: Any) -> Any:
    """Copies of outputs that are inputs, or that are given before: a program gives each value once, and no input."""
    seen = [t for t in paddle.utils.flatten(inputs) if isinstance(t, paddle.pir.Value)]

    def apart(leaf: Any) -> Any:
        if isinstance(leaf, paddle.pir.Value):
            leaf = paddle.assign(leaf) if any(leaf.is_same(other) for other in seen) else leaf
            seen.append(leaf)
        return leaf

    return paddle.utils.map_structure(apart, outputs)


def _reason(error: BaseException) -> str:
    if "is not involved in the target_vars calculation" in str(error):
        return ("one of the inputs is not used for the outputs, and a program cannot have such; wrap the model "
                "in a layer whose forward takes only those that are used")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line and ":" in line and not line.startswith("File")]
    first = (told[-1:] or lines[-1:] or [type(error).__name__])[0]
    return first.removeprefix(f"{ExportError.__module__}.{ExportError.__name__}: ")  # as to_static tells it
