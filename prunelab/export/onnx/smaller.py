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

from prunelab.errors import ExportError, OptionError, pass_on_interrupt, unknown_name
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.eight_bits import eight_bit_costs, rounded_weight
from prunelab.evaluate.evaluate import listed
from prunelab.export.base import STEM, Array, require
from prunelab.export.check import first_line
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

    ``keep`` names layers that stay in float (a dict says why, as `EightBitCosts.keep` does). With ``max_lost``, layers
    that alone lose more of the metric than that on the data stay, too; `export` says which.
    """

    name: str = "onnx-int8"
    data: Any = None
    weights_only: bool = False
    keep: tuple[str, ...] | Mapping[str, str] = ()
    max_lost: float | None = None
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
        if (self.weights_only and self.max_lost is None) or self.data is not None:
            return self
        if data is None:
            raise OptionError(f"{self.name} finds the ranges of activations on data, and none is given; pass data=, or "
                              "OnnxInt8(weights_only=True) among the formats")
        return replace(self, data=data)

    def fitted(self, model: Any, metrics: Any, loss: Any) -> OnnxInt8:
        """The same with the layers that are too sensitive among those to keep.

        Raises:
            UnknownNameError: a layer to keep that the model does not have.
        """
        layers = [name for name, _ in model.named_sublayers()]
        for name in self.keep:
            if name not in layers:
                raise unknown_name("layer", name, layers, place=f"keep= of {self.name}")
        if self.max_lost is None:
            return self
        kind = "int8_weights" if self.weights_only else "int8"
        costs = eight_bit_costs(model, self.data, quantization=kind, metric=listed(metrics)[0], loss=loss)
        return replace(self, keep={**costs.keep(self.max_lost), **_told(self.keep)}, max_lost=None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stays in float."""
        return tuple(f"{name} stays in float: {why}" for name, why in _told(self.keep).items())

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}_{'w8' if self.weights_only else 'int8'}{self.extension}"
        said = read_listing(model, specs)
        written = onnx_model(said)
        kept = _name_kept(written, _weights_of(written, tuple(self.keep)))
        if self.weights_only:
            target.write_bytes(_eight_bit_weights(written, kept).SerializeToString())
            return (target,)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".float-") as folder:
            plain = Path(folder) / "float.onnx"
            plain.write_bytes(written.SerializeToString())
            source = batches(self.data, model).in_order(specs)
            _quantize(plain, target, _Calibration(said, source), _weights_of(written, tuple(self.keep)))
        return (target,)


def _told(keep: tuple[str, ...] | Mapping[str, str]) -> dict[str, str]:
    return dict(keep) if isinstance(keep, Mapping) else dict.fromkeys(keep, "as was asked")


def _weights_of(model: Any, layers: tuple[str, ...]) -> frozenset[str]:
    """The initializers that belong to these layers, or to layers in them."""
    names = [tensor.name for tensor in model.graph.initializer]
    return frozenset(n for n in names for layer in layers if n.startswith(f"{layer}."))


def _name_kept(model: Any, weights: frozenset[str]) -> list[str]:
    """Name the nodes that read one of these weights; gives the names.

    A node that an optimizer has fused has the name it got before, or reads the weight under its name.
    """
    kept = []
    for node in model.graph.node:
        if node.name.startswith(_IN_FLOAT) or (len(node.input) > 1 and node.input[1] in weights):
            node.name = node.name if node.name.startswith(_IN_FLOAT) else f"{_IN_FLOAT}{node.output[0]}"
            kept.append(node.name)
    return kept


_IN_FLOAT = "in_float/"


class _Calibration:
    """What ONNX Runtime's calibrator reads: one dict of arrays after the other."""

    def __init__(self, said: Listing, source: Batches) -> None:
        self._names = [v.name for v in said.inputs.values()]
        self._batches = self._arrays(source)

    def _arrays(self, source: Batches) -> Iterator[Mapping[str, Array]]:
        n = 0
        for inputs, _ in source:
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


def _quantize(plain: Path, target: Path, reader: _Calibration, keep: frozenset[str]) -> None:
    level = logging.getLogger().level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            quantization = importlib.import_module("onnxruntime.quantization")
            shape_inference = importlib.import_module("onnxruntime.quantization.shape_inference")
            ready = plain.with_name("ready.onnx")
            try:
                shape_inference.quant_pre_process(str(plain), str(ready))
            except AssertionError:  # its symbolic shapes know no range up to a free length
                shape_inference.quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
            onnx = importlib.import_module("onnx")
            optimized = onnx.load(str(ready))
            kept = _name_kept(optimized, keep)
            onnx.save(optimized, str(ready))
            # reduce_range: see weight_levels
            quantization.quantize_static(str(ready), str(target), reader, per_channel=True, reduce_range=True,
                                         activation_type=quantization.QuantType.QUInt8,
                                         quant_format=quantization.QuantFormat.QDQ, nodes_to_exclude=kept)
    except Exception as error:  # of another project
        pass_on_interrupt(error)
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk
        raise ExportError(f"ONNX Runtime cannot quantize the model: {first_line(error)}; leave 'onnx-int8' out of "
                          "formats") from error
    finally:
        logging.disable(logging.NOTSET)
        logging.getLogger().setLevel(level)


def _eight_bit_weights(model: Any, stay: list[str]) -> Any:
    """Every large float weight of a convolution or a product as integers and a scale for each output channel."""
    onnx = importlib.import_module("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    axes = {node.input[1]: 1 if node.op_type == "MatMul" else 0 for node in model.graph.node
            if node.op_type in ("Conv", "MatMul") and len(node.input) > 1 and node.name not in stay}
    kept, nodes = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        axis = axes.get(tensor.name)
        if axis is None or array.dtype != np.float32 or array.ndim < 2:
            kept.append(tensor)
            continue
        axis = array.ndim - 1 if axis else 0
        numbers, scale = rounded_weight(array, axis)
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

