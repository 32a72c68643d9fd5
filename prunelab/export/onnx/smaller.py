"""ONNX in fewer bits: half precision, and eight-bit integers calibrated on data."""

from __future__ import annotations

import importlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import ExportError, OptionError
from prunelab.evaluate.batches import batches
from prunelab.export.base import STEM, Array, require
from prunelab.export.half import half
from prunelab.export.lengths import read_listing
from prunelab.export.listing import Listing
from prunelab.export.onnx.format import Onnx
from prunelab.export.onnx.write import onnx_model
from prunelab.graph import TensorSpec
from prunelab.surgery.compare import TOLERANCE

# as many samples as quantizers are usually calibrated on; ranges of activations settle after some hundred
CALIBRATION_SAMPLES = 512


@dataclass(frozen=True)
class OnnxHalf(Onnx):
    """``model_fp16.onnx``: weights and arithmetic in float16, inputs and outputs in float32.

    Half the size. On CPUs ONNX Runtime computes most of it in float32 all the same; accelerators do not.
    """

    name: str = "onnx-fp16"
    tolerance: float = TOLERANCE["float16"]

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}_fp16{self.extension}"
        target.write_bytes(onnx_model(half(read_listing(model, specs))).SerializeToString())
        return (target,)


@dataclass(frozen=True)
class OnnxInt8(Onnx):
    """``model_int8.onnx``: convolutions and products in eight-bit integers, with a scale for each channel of a weight
    and one for each activation, found on ``data``.

    By ONNX Runtime's quantizer. Eight bits are within some percent of the model's numbers: what counts is the metric on
    validation data, which `export(data=...)` measures. With ``weights_only`` no data is needed: the weights are stored
    in eight bits, and the arithmetic is that of floats.
    """

    name: str = "onnx-int8"
    data: Any = None
    weights_only: bool = False
    packages: tuple[str, ...] = ("onnx", "onnxruntime", "sympy", "ml_dtypes")
    # a quarter of the largest output: beyond it nothing is left of eight bits
    tolerance: float = 0.25

    def check_available(self) -> None:
        """See `prunelab.export.base.Format`."""
        require(self.packages, "int8")

    def calibrated(self, data: Any) -> OnnxInt8:
        """The same with data to calibrate on, where it has none of its own.

        Raises:
            OptionError: there is no data.
        """
        if self.weights_only or self.data is not None:
            return self
        if data is None:
            raise OptionError(f"{self.name} finds the ranges of activations on data, and none is given; pass data=, or "
                              "OnnxInt8(weights_only=True) among the formats")
        return replace(self, data=data)

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}_{'w8' if self.weights_only else 'int8'}{self.extension}"
        said = read_listing(model, specs)
        if self.weights_only:
            target.write_bytes(_eight_bit_weights(onnx_model(said)).SerializeToString())
            return (target,)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".float-") as folder:
            plain = Path(folder) / "float.onnx"
            plain.write_bytes(onnx_model(said).SerializeToString())
            _quantize(plain, target, _Calibration(said, self.data, model))
        return (target,)


class _Calibration:
    """What ONNX Runtime's calibrator reads: one dict of arrays after the other."""

    def __init__(self, said: Listing, data: Any, model: Any) -> None:
        self._names = [v.name for v in said.inputs.values()]
        self._batches = self._arrays(data, model)

    def _arrays(self, data: Any, model: Any) -> Iterator[Mapping[str, Array]]:
        n = 0
        for inputs, _ in batches(data, model):
            if n >= CALIBRATION_SAMPLES:
                return
            n += inputs[0].shape[0] if inputs[0].ndim else 1
            yield {name: np.asarray(t.numpy()) for name, t in zip(self._names, inputs, strict=True)}

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self._batches, None)

    def __iter__(self) -> _Calibration:
        return self

    def __next__(self) -> Mapping[str, Array]:
        found = self.get_next()
        if found is None:
            raise StopIteration
        return found

    def __len__(self) -> int:
        return 1

    def set_range(self, start_index: int, end_index: int) -> None:
        """Of calibrators that read in strides; this one reads all."""


def _quantize(plain: Path, target: Path, reader: _Calibration) -> None:
    level = logging.getLogger().level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            quantization = importlib.import_module("onnxruntime.quantization")
            shape_inference = importlib.import_module("onnxruntime.quantization.shape_inference")
            ready = plain.with_name("ready.onnx")
            shape_inference.quant_pre_process(str(plain), str(ready))
            quantization.quantize_static(str(ready), str(target), reader, per_channel=True, reduce_range=False,
                                         activation_type=quantization.QuantType.QUInt8,
                                         quant_format=quantization.QuantFormat.QDQ)
    except Exception as error:  # of another project
        raise ExportError(f"ONNX Runtime cannot quantize the model: {error}; leave 'onnx-int8' out of "
                          "formats") from error
    finally:
        logging.disable(logging.NOTSET)
        logging.getLogger().setLevel(level)


def _eight_bit_weights(model: Any) -> Any:
    """Every large float weight of a convolution or a product as integers and a scale for each output channel."""
    onnx = importlib.import_module("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    axes = {node.input[1]: 1 if node.op_type == "MatMul" else 0 for node in model.graph.node
            if node.op_type in ("Conv", "MatMul") and len(node.input) > 1}
    kept, nodes = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        axis = axes.get(tensor.name)
        if axis is None or array.dtype != np.float32 or array.ndim < 2:
            kept.append(tensor)
            continue
        axis = array.ndim - 1 if axis else 0
        numbers, scale = _rounded(array, axis)
        kept += [numpy_helper.from_array(numbers, f"{tensor.name}_int8"),
                 numpy_helper.from_array(scale, f"{tensor.name}_scale")]
        nodes.append(helper.make_node("DequantizeLinear", [f"{tensor.name}_int8", f"{tensor.name}_scale"],
                                      [tensor.name], axis=axis))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    body = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *body])
    return model


def _rounded(array: Array, axis: int) -> tuple[Array, Array]:
    """Integers in [-127, 127] and the scale of each slice along ``axis``."""
    others = tuple(a for a in range(array.ndim) if a != axis)
    largest = np.abs(array).max(others)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    shape = [-1 if a == axis else 1 for a in range(array.ndim)]
    return np.rint(array / scale.reshape(shape)).astype(np.int8), scale
