"""OpenVINO: ``model.xml`` and ``model.bin``, converted from the ONNX that our own table writes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import ExportError
from prunelab.export.base import STEM, Array, Runner, Setting, require
from prunelab.export.check import first_line
from prunelab.export.lengths import read_listing
from prunelab.export.onnx.write import onnx_model
from prunelab.graph import TensorSpec


@dataclass(frozen=True)
class OpenVino:
    """Two files. On CPUs with bfloat16 OpenVINO would compute in it (off by 8e-3 on ten networks), so full precision
    is asked for first."""

    name: str = "openvino"
    extension: str = ".xml"
    settings: tuple[Setting, ...] = ({"precision": "f32"},)
    packages: tuple[str, ...] = ("openvino", "onnx")

    def check_available(self) -> None:
        """See `prunelab.export.base.Format`."""
        require(self.packages, "openvino")

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        openvino = importlib.import_module("openvino")
        target = directory / f"{STEM}{self.extension}"
        content = onnx_model(read_listing(model, specs)).SerializeToString()
        try:
            openvino.save_model(openvino.Core().read_model(content), str(target), compress_to_fp16=False)
        except RuntimeError as error:
            raise ExportError(f"OpenVINO cannot write {type(model).__name__}: {first_line(error)}") from error
        return target, target.with_suffix(".bin")

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        openvino = importlib.import_module("openvino")
        config = {"INFERENCE_PRECISION_HINT": setting["precision"], "INFERENCE_NUM_THREADS": threads}
        compiled = openvino.Core().compile_model(str(files[0]), "CPU", config)
        # an input that an operator passes on unchanged has that operator's names too
        names = [value.get_names() for value in compiled.inputs]

        def run(arrays: Mapping[str, Array]) -> list[Array]:
            found = compiled({name: array for name, array in arrays.items() if any(name in each for each in names)})
            return [np.array(found[output]) for output in compiled.outputs]

        return run
