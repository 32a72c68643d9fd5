"""ONNX: ``model.onnx``, written by our own table and run by ONNX Runtime."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunelab.errors import ExportError, TraceError
from prunelab.export.base import STEM, Array, Runner, Setting, require
from prunelab.export.lengths import read_listing
from prunelab.export.onnx import paddle2onnx
from prunelab.export.onnx.write import onnx_model
from prunelab.export.translate import NoWordsError
from prunelab.graph import TensorSpec


@dataclass(frozen=True)
class Onnx:
    """One file, of the graph's operators said as ONNX nodes.

    What the table has no words for goes through paddle2onnx, where that is installed: it is silently wrong on some
    operators (a leaky ReLU's slope, a group norm's epsilon), which comparing finds.
    """

    name: str = "onnx"
    extension: str = ".onnx"
    settings: tuple[Setting, ...] = ({},)
    packages: tuple[str, ...] = ("onnx", "onnxruntime")

    def check_available(self) -> None:
        """See `prunelab.export.base.Format`."""
        require(self.packages, "onnx")

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}{self.extension}"
        try:
            target.write_bytes(onnx_model(read_listing(model, specs)).SerializeToString())
        except (NoWordsError, TraceError) as error:
            try:
                paddle2onnx.convert(model, target, specs)
            except ExportError as other:
                raise ExportError(f"{error}; {other}") from error
        return (target,)

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        onnxruntime = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors only: paddle2onnx leaves unused constants, each of which is a warning
        session = onnxruntime.InferenceSession(str(files[0]), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]

        def run(arrays: Mapping[str, Array]) -> list[Array]:
            return list(session.run(None, {name: arrays[name] for name in names}))

        return run
