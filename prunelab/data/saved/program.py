"""A program of Paddle Inference (``.json`` and ``.pdiparams``) as a layer that trains.

``paddle.jit.load`` gives no such layer: dropout and batch norm stay in eval mode, and recurrent layers have no
backward. So the program's operators are read as plain data and called by their names, with the tensors of the file.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import paddle

from prunelab.data.saved.check import check_backward
from prunelab.data.saved.known import Interpreter
from prunelab.errors import DataError, OptionError, reason_of
from prunelab.graph.inputs import dtype_name
from prunelab.graph.program import Op, Parameter, Program, Ref, TensorSpec
from prunelab.graph.trace import copy_op
from prunelab.surgery.compare import close, random_inputs

# of these the inner program would have to be read too
_SIZE = 3  # of axes that the program left free
_BLOCKS = {"pd_op.if": "an if", "pd_op.while": "a loop"}


class SavedProgram(paddle.nn.Layer):
    """Runs the operators of a saved program; it trains, and takes the sizes that the program left free.

    Its parameters have the names that Paddle gave them: those of the layers in the model are not in the file.
    """

    def __init__(self, interpreter: Interpreter, tensors: dict[str, Any]) -> None:
        super().__init__()
        self._interpreter = interpreter
        for parameter in interpreter.program.parameters:
            path, _, leaf = parameter.name.rpartition(".")
            if path not in self._sub_layers:
                self.add_sublayer(path, paddle.nn.Layer())
            layer, tensor = self._sub_layers[path], tensors[parameter.name]
            if isinstance(tensor, paddle.base.framework.EagerParamBase):
                layer.add_parameter(leaf, tensor)
            else:
                layer.register_buffer(leaf, tensor)

    # to_static wants named parameters: a layer takes as many of these as its program has inputs
    def forward(self, x: Any, x1: Any = None, x2: Any = None, x3: Any = None, x4: Any = None, x5: Any = None,
                x6: Any = None, x7: Any = None, x8: Any = None, x9: Any = None) -> Any:
        return self._interpreter.interpret(self, (x, x1, x2, x3, x4, x5, x6, x7, x8, x9))

    def extra_repr(self) -> str:
        return f"{len(self._interpreter.program.ops)} operators"


def load_program(path: Path) -> SavedProgram:
    """The layer of ``path``, a ``.json`` with its ``.pdiparams`` beside it.

    It is run beside Paddle's own loading of the file, and refused where it computes something else.

    Raises:
        DataError: files that are missing or damaged.
        OptionError: a program that cannot be a layer that trains: one with inner programs, with operators that have no
            form here, or no backward.
    """
    if not path.with_suffix(".pdiparams").is_file():
        raise DataError(f"there is no file '{path.with_suffix('.pdiparams')}'; a saved program has its parameters "
                        "there")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = paddle.jit.load(str(path.with_suffix("")))
            block = loaded.program().global_block()
    except Exception as error:  # a damaged file raises nearly anything
        raise DataError(f"'{path}' cannot be read as a program of Paddle 3: {reason_of(error)}; save it again with "
                        "paddle.jit.save") from error
    program, tensors = _read(path, loaded, block)
    try:
        layer = SavedProgram(Interpreter(program), tensors)
        layer.eval()
        _compare(path, layer, loaded)
    except Exception as error:
        raise _refused(path, reason_of(error)) from error
    layer.train()
    return layer


def _refused(path: Path, why: str) -> OptionError:
    return OptionError(f"'{path}' cannot be made trainable again: {why}; give the model's code and its weights: "
                       "load_model('file.py:callable', weights=...)")


def _read(path: Path, loaded: Any, block: Any) -> tuple[Program, dict[str, Any]]:
    numbers: dict[str, int] = {}
    shapes: list[Any] = []
    dtypes: list[str] = []

    def note(value: Any) -> int:
        if value.id not in numbers:
            numbers[value.id] = len(shapes)
            vector, tensor = value.type().as_vec_type() is not None, value.is_dense_tensor_type()
            shapes.append(None if vector else tuple(int(n) for n in value.shape) if tensor else ())
            dtypes.append("list" if vector else dtype_name(value.dtype) if tensor else "none")
        return numbers[value.id]

    held = {name: getattr(loaded, own) for name, own in loaded._persistable_var_name_dict.items()}
    ops: list[Op] = []
    parameters, tensors, inputs, specs, outputs = [], {}, [], [], []
    for op in block.ops:
        name, attributes = op.name(), op.attrs()
        if name in _BLOCKS:
            raise _refused(path, f"it has {_BLOCKS[name]} on the values of a tensor")
        if name == "builtin.parameter":
            theirs = re.sub(r"_\d+$", "", attributes["parameter_name"])  # Paddle counts what is loaded again
            own = _own_name(theirs)
            if theirs not in held and "dropout_state" not in theirs:
                raise _refused(path, f"its tensor {theirs} is not in the file")
            # a recurrent layer's state of its dropout is empty, and not saved
            tensor = held[theirs] if theirs in held else paddle.nn.Layer().create_variable(dtype="uint8")
            kind = "parameter" if not tensor.stop_gradient else "buffer"
            shape = tuple(tensor.shape) if tensor._is_initialized() else ()
            parameters.append(Parameter(note(op.results()[0]), own, shape, dtype_name(tensor.dtype), kind,
                                        kind == "parameter"))
            tensors[own] = tensor if kind == "parameter" else _buffer(tensor)
        elif name == "pd_op.data":
            value = op.results()[0]
            inputs.append(note(value))
            specs.append(TensorSpec(attributes["name"], tuple(int(n) for n in value.shape), dtype_name(value.dtype), 0))
        elif name in ("builtin.shadow_output", "pd_op.fetch"):
            outputs.append(Ref(note(op.operands_source()[0])))
        else:
            ops.append(copy_op(len(ops), op, note))
    return Program(tuple(ops), tuple(shapes), tuple(dtypes), tuple(parameters), tuple(inputs), tuple(specs),
                   tuple(outputs), f"the program {path.name}"), tensors


def _own_name(name: str) -> str:
    """A layer and a name in it; what belongs to no layer gets one."""
    layer, dot, leaf = name.rpartition(".")
    return f"{re.sub(r'[^0-9A-Za-z_]', '_', layer)}.{leaf}" if dot else f"others.{name}"


def _buffer(tensor: Any) -> Any:
    """A parameter that does not train (a batch norm's statistics) as the buffer that it was."""
    if not tensor._is_initialized():
        return tensor
    buffer = tensor.detach().clone()
    buffer.stop_gradient = True
    return buffer


def _compare(path: Path, layer: SavedProgram, loaded: Any) -> None:
    """Refuse a layer that computes something else than the file, or that has no backward."""
    specs = tuple(TensorSpec(s.name, tuple(_SIZE if n < 0 else n for n in s.shape), s.dtype, 0)
                  for s in layer._interpreter.program.specs)
    inputs = random_inputs(specs, next(iter(layer.parameters())).place)
    loaded.eval()
    with paddle.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = layer(*inputs), loaded(*inputs)
    ours, theirs = ([*o] if isinstance(o, (tuple, list)) else [o] for o in (ours, theirs))
    if not close(ours, theirs):
        raise OptionError("its operators, called one by one, give other numbers than the file")
    check_backward(layer, inputs)
