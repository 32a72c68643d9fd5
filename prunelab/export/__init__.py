"""A model as files for other runtimes, each loaded again, compared with the model and timed.

A new format is a file with a class as `prunelab.export.base.Format` describes it, a line here, and a test. A format of
one's own works wherever a name does.
"""

from __future__ import annotations

from prunelab.evaluate.timing import TimingOptions
from prunelab.export.base import Format
from prunelab.export.onnx.format import Onnx
from prunelab.export.onnx.smaller import OnnxHalf, OnnxInt8
from prunelab.export.openvino import OpenVino
from prunelab.export.paddle import PaddleInference
from prunelab.export.parity import TOLERANCE
from prunelab.export.python.format import PythonModule
from prunelab.export.result import Export
from prunelab.export.run import DEFAULTS, export
from prunelab.export.side_by_side import Benchmark, benchmark
from prunelab.export.tensorflow.format import TensorFlow, TFLite
from prunelab.export.torchscript.format import TorchScript
from prunelab.export.verify import Verified, verify_export
from prunelab.export.weights import Safetensors

FORMATS: dict[str, Format] = {
    "paddle": PaddleInference(),
    "onnx": Onnx(),
    "onnx-fp16": OnnxHalf(),
    "onnx-int8": OnnxInt8(),
    "onnx-w8": OnnxInt8(name="onnx-w8", weights_only=True),
    "torchscript": TorchScript(),
    "tensorflow": TensorFlow(),
    "tflite": TFLite(),
    "openvino": OpenVino(),
    "safetensors": Safetensors(),
    "python": PythonModule(),
}

__all__ = ["DEFAULTS", "FORMATS", "TOLERANCE", "Benchmark", "Export", "Format", "OnnxInt8", "TimingOptions", "Verified",
           "benchmark", "export", "verify_export"]
