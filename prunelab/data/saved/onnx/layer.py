"""`load_onnx`: an ONNX graph as a layer whose weights train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from prunelab.data.saved.check import check_backward
from prunelab.data.saved.onnx import arithmetic, layers, recurrent, shapes
from prunelab.data.saved.onnx import node as nodes
from prunelab.data.saved.onnx.arithmetic import ARITHMETIC
from prunelab.data.saved.onnx.layers import LAYERS, OF_MODE
from prunelab.data.saved.onnx.node import DTYPES, Node, Unsupported
from prunelab.data.saved.onnx.recurrent import RECURRENT, recurrent_layer, run_recurrent
from prunelab.data.saved.onnx.shapes import SHAPES
from prunelab.errors import DataError, MissingExtraError, OptionError, reason_of
from prunelab.graph import TensorSpec
from prunelab.graph.arrays import working_place
from prunelab.surgery.compare import random_inputs

# to_static need not read and rewrite our own Python
paddle.jit.ignore_module([sys.modules[__name__], arithmetic, layers, recurrent, shapes, nodes])

TABLE: dict[str, Any] = {**ARITHMETIC, **SHAPES, **LAYERS, **OF_MODE}
_SIZE = 3  # of axes that the file leaves free
_STATISTICS: dict[str, tuple[int, ...]] = {"BatchNormalization": (3, 4)}  # inputs that are gathered, and not trained
_NUMBERS: dict[str, tuple[int, ...]] = {"Resize": (1, 2, 3)}  # inputs that say what is computed, and are no weights


class OnnxLayer(paddle.nn.Layer):
    """Runs the nodes of an ONNX graph; its parameters have the names of the file's initializers."""

    def __init__(self, graph: tuple[Node, ...], inputs: tuple[TensorSpec, ...], outputs: tuple[str, ...],
                 values: dict[str, Any], recurrences: dict[str, Any]) -> None:
        super().__init__()
        self._graph, self._inputs, self._outputs = graph, inputs, outputs
        self._known = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
        self._held = {}
        self._recurrent = {name: f"recurrent_{k}" for k, name in enumerate(recurrences)}
        for name, own in self._recurrent.items():
            self.add_sublayer(own, recurrences[name])
        for name, value in values.items():
            if not isinstance(value, np.ndarray):
                self._held[name] = _hang(self, name, value)

    # to_static wants named parameters: a layer takes as many of these as its graph has inputs
    def forward(self, x: Any, x1: Any = None, x2: Any = None, x3: Any = None, x4: Any = None, x5: Any = None,
                x6: Any = None, x7: Any = None, x8: Any = None, x9: Any = None) -> Any:
        return run(self, (x, x1, x2, x3, x4, x5, x6, x7, x8, x9))

    def extra_repr(self) -> str:
        return f"{len(self._graph)} nodes"


def run(layer: OnnxLayer, inputs: tuple[Any, ...]) -> Any:
    """The output of the graph, or the outputs."""
    env: dict[str, Any] = {"": None, **layer._known}
    for name, (path, leaf) in layer._held.items():
        env[name] = getattr(layer._sub_layers[path], leaf)
    env.update(zip((s.name for s in layer._inputs), inputs, strict=False))
    for node in layer._graph:
        # a recurrent node's weights are its layer's
        read = [env.get(name) if node.op in RECURRENT else env[name] for name in node.inputs]
        while read and read[-1] is None:
            read.pop()
        mode = (layer.training,) if node.op in OF_MODE else ()
        try:
            if node.op in RECURRENT:
                out = run_recurrent(layer._sub_layers[layer._recurrent[node.outputs[0]]], node, *read)
            else:
                out = TABLE[node.op](*mode, node, *read)
        except Unsupported as error:
            raise OptionError(f"the node {node.name} ({node.op}) has no form that trains: {error}") from error
        several = isinstance(out, (list, tuple))
        env.update(zip(node.outputs, out if several else [out], strict=False))  # of several, some may be left out
    outputs = [nodes.tensor(env[name], inputs[0]) for name in layer._outputs]
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def load_onnx(path: Path) -> OnnxLayer:
    """The layer of an ONNX file. Where ONNX Runtime is installed, it is compared with that, and refused where it
    computes something else.

    Raises:
        MissingExtraError: no ``onnx``.
        DataError: a file that cannot be read.
        OptionError: a graph that cannot be a layer that trains: operators that have no form here (quantized ones,
            loops), a form of one that has none, or no backward.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf raises nearly anything
        raise DataError(f"'{path}' is no ONNX file: {reason_of(error)}; get it again") from error
    layer = _layer(path, model)
    layer.eval()
    try:
        _check(path, layer)
    except OptionError as error:
        raise _refused(path, str(error)) from error
    layer.train()
    return layer


def _refused(path: Path, why: str) -> OptionError:
    return OptionError(f"'{path}' cannot be made trainable again: {why}; give the model's code and its weights: "
                       "load_model('file.py:callable', weights=...)")


def _layer(path: Path, model: Any) -> OnnxLayer:
    from onnx import numpy_helper

    graph, opset = model.graph, next(s.version for s in model.opset_import if s.domain in ("", "ai.onnx"))
    found = tuple(_node(n, opset) for n in graph.node)
    strange = sorted({n.op for n in found if n.op not in TABLE and n.op not in RECURRENT})
    if strange:
        raise _refused(path, f"it has nodes of {', '.join(strange)}, which have no form that trains here")
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    inputs = tuple(_spec(i) for i in graph.input if i.name not in arrays)  # old files list weights there, too
    try:
        recurrences = {n.outputs[0]: recurrent_layer(n, arrays) for n in found if n.op in RECURRENT}
    except Unsupported as error:
        raise _refused(path, f"of a recurrent node, {error}") from error
    own = {name for n in found if n.op in RECURRENT for name in n.inputs[1:4]}
    arrays = {name: array for name, array in arrays.items() if name not in own}
    statistics, numbers = (_read_by(found, places) for places in (_STATISTICS, _NUMBERS))
    values = {name: array if name in numbers else _value(array, name in statistics) for name, array in arrays.items()}
    return OnnxLayer(found, inputs, tuple(o.name for o in graph.output), values, recurrences)


def _read_by(graph: tuple[Node, ...], places: dict[str, tuple[int, ...]]) -> set[str]:
    """What nodes read at these of their inputs."""
    return {n.inputs[k] for n in graph for k in places.get(n.op, ()) if k < len(n.inputs)}


def _node(n: Any, opset: int) -> Node:
    from onnx import helper, numpy_helper

    attributes = {a.name: helper.get_attribute_value(a) for a in n.attribute}
    for key, value in attributes.items():
        if isinstance(value, bytes):
            attributes[key] = value.decode()
        elif hasattr(value, "raw_data"):
            attributes[key] = numpy_helper.to_array(value)
    for key in ("value_float", "value_int", "value_ints", "value_floats"):
        if key in attributes:
            attributes["value"] = np.array(attributes[key], np.float32 if "float" in key else np.int64)
    domain = "" if n.domain in ("", "ai.onnx") else f"{n.domain}."
    return Node(domain + n.op_type, tuple(n.input), tuple(n.output), attributes, n.name or n.output[0], opset)


def _spec(value: Any) -> TensorSpec:
    kind = value.type.tensor_type
    sizes = tuple(d.dim_value or -1 for d in kind.shape.dim)
    return TensorSpec(value.name, sizes, DTYPES.get(kind.elem_type, "float32"), 0)


def _value(array: Any, gathered: bool) -> Any:
    """Numbers of shapes and single numbers stay known; weights train, statistics are gathered."""
    if array.dtype.kind != "f" or array.size <= 1:
        return array
    # a new layer's weights are made where Paddle makes them
    tensor = paddle.to_tensor(np.ascontiguousarray(array), place=working_place())
    if gathered:
        return tensor
    return paddle.base.framework.EagerParamBase.from_tensor(tensor, trainable=True)


def _hang(layer: Any, name: str, value: Any) -> tuple[str, str]:
    """Hang a tensor under its name; what no layer's name begins gets one. Gives the layer and the name in it."""
    path, _, leaf = "".join(c if c.isalnum() or c in "._" else "_" for c in name).rpartition(".")
    path = path or "others"
    if path not in layer._sub_layers:
        layer.add_sublayer(path, paddle.nn.Layer())
    if isinstance(value, paddle.base.framework.EagerParamBase):
        layer._sub_layers[path].add_parameter(leaf, value)
    else:
        layer._sub_layers[path].register_buffer(leaf, value)
    return path, leaf


def _check(path: Path, layer: OnnxLayer) -> None:
    if not layer.parameters():
        raise OptionError("it has no weights that train")
    specs = tuple(TensorSpec(s.name, tuple(_SIZE if n < 0 else n for n in s.shape), s.dtype, 0) for s in layer._inputs)
    inputs = random_inputs(specs, layer.parameters()[0].place)
    try:
        with paddle.no_grad():
            ours = layer(*inputs)
    except OptionError:
        raise
    except Exception as error:
        raise OptionError(f"it does not run: {reason_of(error)}") from error
    _compare(path, layer, inputs, [*ours] if isinstance(ours, tuple) else [ours])
    check_backward(layer, inputs)


def _compare(path: Path, layer: OnnxLayer, inputs: Any, ours: list[Any]) -> None:
    try:
        import onnxruntime
    except ImportError:  # nothing to compare with
        return
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = session.run(list(layer._outputs), {s.name: x.numpy() for s, x in zip(layer._inputs, inputs, strict=True)})
    for name, a, b in zip(layer._outputs, ours, theirs, strict=True):
        a = a.numpy()
        if a.shape != b.shape or not np.allclose(a, b, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(b).max()))):
            raise OptionError(f"its nodes, called one by one, give another '{name}' than ONNX Runtime")
