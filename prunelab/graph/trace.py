"""A model read once from Paddle's own program (PIR) into plain data, and left as it was."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

import paddle
from paddle import _C_ops
from paddle.jit.dy2static import parameter_recorder
from paddle.jit.dy2static.utils import TransformOptions

from prunelab.errors import InputError, TraceError
from prunelab.graph.inputs import TRACED_BATCH, dtype_name, read_inputs, with_batch_axes
from prunelab.graph.program import DType, Op, Parameter, Program, Ref, TensorSpec, rebuild
from prunelab.graph.reasons import condition_line, explain, needs_plain_python, user_line
from prunelab.graph.side_effects import Snapshot, made_by_forward, refuse_changes, refuse_side_effects
from prunelab.graph.writes import read_in_order

_BLOCKS = {"pd_op.if": "an if", "pd_op.while": "a loop"}


def read_program(model: Any, inputs: Any, *, any_batch: bool = True) -> tuple[Program, dict[int, Any]]:
    """The program of ``model`` in eval mode, and the tensor behind each of its parameters' value ids.

    Without ``any_batch`` it is read with the batch that was given, and stands for that one only.

    Raises:
        InputError: inputs that the forward does not take.
        TraceError: a forward that branches on data, keeps something of its inputs, or cannot be read.
    """
    specs = with_batch_axes(read_inputs(model, inputs))
    batch = specs[0].shape[0] if specs[0].shape else 1
    if not any_batch:
        return _read(model, _fixed(specs))
    if batch == 1:
        traced = tuple(TensorSpec(s.name, s.at_batch(TRACED_BATCH), s.dtype, s.batch_axis) for s in specs)
        try:
            program, held = _read(model, traced)
            if not _squeezes_ones(program):
                return program, held
        except (TraceError, InputError):
            pass  # a forward that is written for one sample only: read it as it was given
        specs = _fixed(specs)
    return _read(model, specs)


def read_with_another_batch(model: Any, program: Program) -> tuple[Program, int] | None:
    """The same model read with one sample more, and how many that are; None where the batch is not free, or where the
    forward does not take them."""
    first = next((s for s in program.specs if s.batch_axis is not None), None)
    if first is None:
        return None
    batch = first.shape[0] + 1
    specs = tuple(TensorSpec(s.name, s.at_batch(batch), s.dtype, s.batch_axis) for s in program.specs)
    try:
        return _read(model, specs)[0], batch
    except (TraceError, InputError):
        return None


def _fixed(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(s.name, s.shape, s.dtype, None) for s in specs)


def _squeezes_ones(program: Program) -> bool:
    """A squeeze of every axis of one takes the batch too when it is one, so it must be read at one."""
    return any(op.name == "squeeze" and not op.attributes.get("axis", [1]) for op in program.ops)


def _read(model: Any, specs: tuple[TensorSpec, ...]) -> tuple[Program, dict[int, Any]]:
    with as_it_was(model) as kept:
        concrete = _concrete(model, specs)
        block = concrete.main_program.global_block()
        stored = kept.written()
        program, held = _copy(model, concrete, block, specs)
        refuse_side_effects(model, block, stored)
        made = made_by_forward(stored)
        if made:  # numbers and lists of its own: another reading on top of this one tells whether they stay
            vars(model).pop("forward", None)
            _concrete(model, specs)
            refuse_changes(model, made)
    return program, held


@contextlib.contextmanager
def as_it_was(model: Any) -> Iterator[Snapshot]:
    """Eval mode inside; afterwards the mode of each layer, its attributes and the forward are what they were."""
    own_forward = vars(model).get("forward")
    if hasattr(own_forward, "_dygraph_function"):
        vars(model).pop("forward")  # made static already, for other inputs than ours: read the forward under it
    snapshot = Snapshot(model)
    for layer in snapshot.layers:
        layer.training = False
    try:
        yield snapshot
    finally:
        snapshot.restore()
        if own_forward is None:
            vars(model).pop("forward", None)
        else:
            model.forward = own_forward


def _concrete(model: Any, specs: tuple[TensorSpec, ...]) -> Any:
    random_state = paddle.get_rng_state()
    try:
        return _to_static(model, specs)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if needs_plain_python(error):
            with contextlib.suppress(Exception), _as_plain_python(model):
                return _to_static(model, specs)
        raise explain(error, model, specs) from error
    finally:
        paddle.set_rng_state(random_state)


def _to_static(model: Any, specs: tuple[TensorSpec, ...]) -> Any:
    spec = [paddle.static.InputSpec(list(s.shape), s.dtype, name=None) for s in specs]
    with warnings.catch_warnings(), forgetting_failures(), as_eager():
        warnings.simplefilter("ignore")
        static = paddle.jit.to_static(model, input_spec=spec, full_graph=True)
        return static.forward.concrete_program


@contextlib.contextmanager
def _as_plain_python(model: Any) -> Iterator[None]:
    """Inside, Paddle calls the methods of the model's classes as they are, without rewriting their source.

    So it reads a class whose source is gone, and a ``super().forward`` over two levels, which its rewriting calls
    without end. A branch on a tensor still cannot be read: there it is an error of Python's.
    """
    vars(model).pop("forward", None)  # made static by the reading that failed
    classes = dict.fromkeys(cls for layer in model.sublayers(include_self=True) for cls in type(layer).__mro__
                            if cls is not object and not cls.__module__.startswith("paddle."))
    marked = [f for cls in classes for f in vars(cls).values()
              if isinstance(f, FunctionType) and not hasattr(f, TransformOptions.TRANSFORM_OPTIONS_ATTR_NAME)]
    try:
        for function in marked:
            paddle.jit.not_to_static(function)
        yield
    finally:
        for function in marked:
            vars(function).pop(TransformOptions.TRANSFORM_OPTIONS_ATTR_NAME, None)


@contextlib.contextmanager
def as_eager() -> Iterator[None]:
    """Paddle's static forms of three things, replaced by what eager mode does while a program is read.

    A recurrent layer over cells would become a loop, and is unrolled over the traced length; ``x / 3`` would become a
    product with a rounded 1/3; ``x.view(shape)`` is not there at all.
    """
    rnn, value = paddle.nn.layer.rnn, paddle.pir.Value
    loop, divide, view = rnn._rnn_static_graph, value.__truediv__, value.view

    def divide_as_eager(self: Any, other: Any) -> Any:
        if isinstance(other, (int, float)) and "float" in str(self.dtype):
            return paddle.divide(self, _C_ops.full([], other, self.dtype, paddle.base.core.Place()))
        return divide(self, other)

    def view_as_eager(self: Any, shape: Any, name: Any = None) -> Any:
        return paddle.reshape(self, shape) if isinstance(shape, (list, tuple)) else view(self, shape)

    rnn._rnn_static_graph, value.__truediv__ = rnn._rnn_dynamic_graph, divide_as_eager
    value.view = view_as_eager
    try:
        yield
    finally:
        rnn._rnn_static_graph, value.__truediv__, value.view = loop, divide, view


@contextlib.contextmanager
def forgetting_failures() -> Iterator[None]:
    """Read a program by Paddle inside; if that fails, Paddle's notes of it are taken away.

    Paddle notes values for each program by its address, and forgets only programs that it read to the end. A failed
    one's notes would be taken for those of the next program at that address, whose operators would then use values that
    are gone: the process dies.
    """
    recorder = parameter_recorder._global_parameter_recorder
    books = (recorder.params_dict, recorder.tensor2value, parameter_recorder._global_inplace_map.params_dict)
    before = [set(book) for book in books]
    try:
        yield
    except BaseException:
        for book, known in zip(books, before, strict=True):
            for program in set(book) - known:
                del book[program]
        raise


def _copy(model: Any, concrete: Any, block: Any, specs: tuple[TensorSpec, ...]) -> tuple[Program, dict[int, Any]]:
    ids: dict[str, int] = {}
    shapes: list[tuple[int, ...] | None] = []
    dtypes: list[str] = []

    def note(value: Any) -> int:
        number = ids.get(value.id)
        if number is None:
            number = ids[value.id] = len(shapes)
            vector = value.type().as_vec_type() is not None
            shapes.append(None if vector else tuple(int(n) for n in value.shape))
            dtypes.append("list" if vector else dtype_name(value.dtype))
        return number

    tensors, values = concrete.parameters
    held = {note(value): tensor for tensor, value in zip(tensors, values, strict=True)}
    parameters = _name_parameters(model, held)
    ops: list[Op] = []
    inputs: list[int] = []
    for op in block.ops:
        name = op.name()
        if name == "builtin.parameter" or name == "builtin.shadow_output":
            continue
        if name == "pd_op.data":
            inputs.append(note(op.results()[0]))
            continue
        if name in _BLOCKS:
            raise TraceError(f"{type(model).__name__} cannot be read as a graph: {_BLOCKS[name]} on the values of a "
                             f"tensor{condition_line(op)}; decide it outside the forward, or compute "
                             "both sides and choose with paddle.where")
        ops.append(_copy_op(len(ops), op, note))
    ops, latest = read_in_order(ops, {p.value: p.name for p in parameters}, inputs, type(model).__name__)
    ops = [_pin_statistics(op, model, parameters) for op in ops]

    def refer(leaf: Any) -> Any:
        return Ref(latest.get(note(leaf), note(leaf))) if isinstance(leaf, paddle.pir.Value) else leaf

    outputs = rebuild(concrete.outputs, refer)
    if isinstance(outputs, list) and len(outputs) == 1:
        outputs = outputs[0]  # Paddle wraps whatever single thing a forward returns, a list of one too
    program = Program(tuple(ops), tuple(shapes), tuple(dtypes), parameters, tuple(inputs), specs, outputs,
                      f"{type(model).__module__}.{type(model).__qualname__}")
    return program, held


def _copy_op(index: int, op: Any, note: Any) -> Op:
    full_name = op.name()
    inputs = tuple(note(v) if v.initialized() else None for v in op.operands_source())
    outputs = tuple(note(r) for r in op.results())
    attributes = op.attrs()
    line = user_line(attributes.get("op_callstack", []))
    if full_name.startswith("builtin."):
        return Op(index, full_name, inputs, outputs, (), {}, line)
    plain = {key: _plain(attributes[key]) for key in op.get_attr_names()}
    return Op(index, full_name.partition(".")[2], inputs, outputs, tuple(op.get_input_names()), plain, line)


def _pin_statistics(op: Op, model: Any, parameters: tuple[Parameter, ...]) -> Op:
    """A batch norm that is told to use its running statistics always does so in training too: 1 and not True, which
    follows the mode."""
    if not op.name.startswith("batch_norm"):
        return op
    name = next((p.layer for p in parameters if p.value == op.operand("mean")), "")
    layer = dict(model.named_sublayers(include_self=True)).get(name)
    if getattr(layer, "_use_global_stats", None) is not True:
        return op
    return replace(op, attributes={**op.attributes, "use_global_stats": 1})


def _plain(value: Any) -> Any:
    """An attribute without Paddle's types: a dtype by its name, a place (which is the model's) as None."""
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    kind = type(value).__name__
    if kind in ("DataType", "dtype", "VarType"):
        return DType(getattr(value, "name", str(value)).lower())
    if "Place" in kind:
        return None
    return value


def _name_parameters(model: Any, held: Mapping[int, Any]) -> tuple[Parameter, ...]:
    names: dict[int, tuple[str, str]] = {}
    for name, tensor in model.named_buffers():
        names.setdefault(id(tensor), (name, "buffer"))
    for name, tensor in model.named_parameters():
        names[id(tensor)] = (name, "parameter")
    found = []
    for value, tensor in held.items():
        name, kind = names.get(id(tensor), (f"constant_{value}", "constant"))
        if not tensor._is_initialized():
            kind = "empty"
        shape = () if kind == "empty" else tuple(int(n) for n in tensor.shape)
        trainable = kind == "parameter" and not tensor.stop_gradient
        found.append(Parameter(value, name, shape, dtype_name(tensor.dtype), kind, trainable))
    return tuple(found)
