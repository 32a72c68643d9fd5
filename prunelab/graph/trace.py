"""A model read once from Paddle's own program (PIR) into plain data, and left as it was."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import paddle

from prunelab.errors import InputError, TraceError
from prunelab.graph.chains import from_the_left, whole_of
from prunelab.graph.collection import without_collection
from prunelab.graph.decided import own_numbers_decide
from prunelab.graph.inputs import TRACED_BATCH, dtype_name, read_inputs, with_batch_axes
from prunelab.graph.interrupts import Uninterrupted
from prunelab.graph.late_parameters import refusing_late_parameters
from prunelab.graph.looks import Looks, watching
from prunelab.graph.nests import is_nested, taking_flat
from prunelab.graph.outputs import read_outputs
from prunelab.graph.places import at_home
from prunelab.graph.program import DType, Op, Parameter, Program, Ref, TensorSpec
from prunelab.graph.reading import (
    as_eager,
    as_plain_python,
    forgetting_failures,
    rewriting_once,
    taking_any_forward,
    with_light_parameters,
    with_short_stacks,
    without_names,
)
from prunelab.graph.reasons import explain, refuse_blocks, user_line
from prunelab.graph.side_effects import (
    Snapshot,
    hang_up,
    left_behind,
    made_by_forward,
    refuse_changes,
    refuse_memory,
    refusing_memory,
)
from prunelab.graph.sizes import sizes_as_numbers
from prunelab.graph.spelled import spelled_sizes
from prunelab.graph.writes import read_in_order, writing_in_place


@dataclass(frozen=True)
class Reading:
    """A program, the tensor behind each of its parameters' value ids, and the sizes that Python looked at: (value id,
    axis), with a value id of -1 for a tensor that the program does not hold. ``left`` names the model's tensors that
    the forward writes and does not read."""

    program: Program
    held: Mapping[int, Any]
    looks: frozenset[tuple[int, int]]
    left: tuple[str, ...]


def read_program(model: Any, inputs: Any, *, any_batch: bool = True) -> Reading:
    """What ``model`` computes in eval mode, read from Paddle's program.

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
        traced = tuple(replace(s, shape=s.at_batch(TRACED_BATCH)) for s in specs)
        try:
            reading = _read(model, traced)
            if not _squeezes_ones(reading.program):
                return reading
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
    specs = tuple(replace(s, shape=s.at_batch(batch)) for s in program.specs)
    try:
        return _read(model, specs).program, batch
    except (TraceError, InputError):
        return None


def _fixed(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(replace(s, batch_axis=None) for s in specs)


def _squeezes_ones(program: Program) -> bool:
    """A squeeze of every axis of one takes the batch too when it is one, so it must be read at one."""
    return any(op.name == "squeeze" and not op.attributes.get("axis", [1]) for op in program.ops)


def _read(model: Any, specs: tuple[TensorSpec, ...]) -> Reading:
    with without_collection(), at_home(model), refusing_late_parameters(model), as_it_was(model) as kept:
        concrete, looks = _concrete(model, specs)
        block = concrete.main_program.global_block()
        reading = _copy(model, concrete, block, specs, looks)
        stored = kept.written()
        left = left_behind(model, block, stored, concrete.parameters[1])
        made = made_by_forward(stored)
        if made or left:  # another reading on top of this one tells what the next call does with it
            vars(model).pop("forward", None)
            hang_up(model, left)
            with refusing_memory(model, left):
                concrete, looks = _concrete(model, specs)
                again = _copy(model, concrete, concrete.main_program.global_block(), specs, looks)
            refuse_changes(model, made)
            refuse_memory(model, left, reading.program.ops, again.program.ops)
    return reading


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


def _concrete(model: Any, specs: tuple[TensorSpec, ...]) -> tuple[Any, Looks]:
    random_state = paddle.get_rng_state()
    try:
        with sizes_as_numbers() as given:
            return _to_static(model, specs)
    except (KeyboardInterrupt, SystemExit, TraceError):
        raise
    except BaseException as error:
        if given:  # perhaps to something that takes only a tensor
            with contextlib.suppress(Exception):
                vars(model).pop("forward", None)
                return _to_static(model, specs)
        with contextlib.suppress(Exception), sizes_as_numbers(), as_plain_python(model):
            return _to_static(model, specs)
        raise explain(error, model, specs) from error
    finally:
        paddle.set_rng_state(random_state)


def _to_static(model: Any, specs: tuple[TensorSpec, ...]) -> tuple[Any, Looks]:
    spec = [paddle.static.InputSpec(list(s.shape), s.dtype, name=None) for s in specs]
    if is_nested(specs):
        taking_flat(model, specs)
    # at every operator Paddle asks Python for the stack, and the process dies where that raises: so Ctrl-C waits
    with (Uninterrupted(), warnings.catch_warnings(), forgetting_failures(), as_eager(), with_light_parameters(),
          with_short_stacks(), rewriting_once(), without_names(), taking_any_forward(model, len(specs)),
          from_the_left(), own_numbers_decide(), spelled_sizes(),
          writing_in_place(type(model).__name__), watching() as looks):
        warnings.simplefilter("ignore")
        static = paddle.jit.to_static(model, input_spec=spec, full_graph=True)
        return static.forward.concrete_program_specify_input_spec(with_hook=True), looks  # the outermost layer's too


def _copy(model: Any, concrete: Any, block: Any, specs: tuple[TensorSpec, ...], looks: Looks) -> Reading:
    ids: dict[str, int] = {}
    shapes: list[tuple[int, ...] | None] = []
    dtypes: list[str] = []

    def note(value: Any) -> int:
        number = ids.get(value.id)
        if number is None:
            number = ids[value.id] = len(shapes)
            # a result that was not asked for has no type (the counts of a unique)
            vector, tensor = value.type().as_vec_type() is not None, value.is_dense_tensor_type()
            shapes.append(None if vector else tuple(int(n) for n in value.shape) if tensor else ())
            dtypes.append("list" if vector else dtype_name(value.dtype) if tensor else "none")
        return number

    held = {note(value): tensor for tensor, value in _in_own_order(model, block, *concrete.parameters)}
    parameters = _name_parameters(model, held)
    ops: list[Op] = []
    inputs: list[int] = []
    refuse_blocks(model, block)
    for op in block.ops:
        name = op.name()
        if name == "builtin.parameter" or name == "builtin.shadow_output":
            continue
        if name == "pd_op.data":
            number = note(op.results()[0])
            if number not in held:
                inputs.append(number)
            continue
        ops.append(copy_op(len(ops), op, note))
    names = {p.value: p.name for p in parameters}
    ordered = read_in_order(ops, names, inputs, type(model).__name__, shapes, model.state_dict())
    unread = ordered.left_behind
    parameters = tuple(p for p in parameters if p.value not in unread)
    held = {value: tensor for value, tensor in held.items() if value not in unread}
    ops = _pin_statistics(ordered.ops, model, parameters)

    outputs = read_outputs(concrete.outputs, model, lambda value: Ref(ordered.given(note(value))))
    program = Program(tuple(ops), tuple(shapes), tuple(dtypes), parameters, tuple(inputs), specs, outputs,
                      f"{type(model).__module__}.{type(model).__qualname__}")
    return Reading(program, held, frozenset((ids.get(value.id, -1), axis) for value, axis in looks),
                   tuple(names[value] for value in sorted(unread)))


# A recurrent operator has no gradient in eval mode, and shall have one; what is written over a buffer is marked as the
# buffer is; a detach is one by itself.
_NEVER_DETACHED = ("rnn", "assign_out_", "share_data_")


def copy_op(index: int, op: Any, note: Any) -> Op:
    """One of Paddle's operators as plain data; ``note`` numbers its values."""
    full_name = op.name()
    inputs = tuple(note(v) if v.initialized() else None for v in op.operands_source())
    outputs = tuple(note(r) for r in op.results())
    attributes = op.attrs()
    line = user_line(attributes.get("op_callstack", []))
    if full_name.startswith("builtin."):
        return Op(index, full_name, inputs, outputs, (), {}, line)
    plain = {key: _plain(attributes[key]) for key in op.get_attr_names()}
    whole = whole_of(op.results()[0]) if full_name == "pd_op.einsum" else None
    if whole is not None:
        plain["whole"] = (whole[0], *(note(v) for v in whole[1]))
    name = full_name.partition(".")[2]
    return Op(index, name, inputs, outputs, tuple(op.get_input_names()), plain, line, _is_detached(name, op))


def _is_detached(name: str, op: Any) -> bool:
    """Whether an operator stands under ``no_grad``."""
    if name in _NEVER_DETACHED:
        return False
    results = [part for v in op.results() for part in _parts(v)]
    reached = any(v.initialized() and not v.stop_gradient for v in op.operands_source())
    return reached and bool(results) and all(v.stop_gradient for v in results)


def _parts(value: Any) -> list[Any]:
    """The tensors of a list that an operator gives, which it is opened to at once; of a tensor, itself."""
    opened = [r for op in value.all_used_ops() if op.name() == "builtin.split" for r in op.results()]
    return opened or [value]


def _pin_statistics(ops: list[Op], model: Any, parameters: tuple[Parameter, ...]) -> list[Op]:
    """A batch norm that is told to use its running statistics always does so in training too: 1 and not True, which
    follows the mode."""
    pinned = {f"{name}." for name, layer in model.named_sublayers(include_self=True)
              if getattr(layer, "_use_global_stats", None) is True}
    if not pinned:
        return ops
    values = {p.value for p in parameters if f"{p.layer}." in pinned}
    return [replace(op, attributes={**op.attributes, "use_global_stats": 1})
            if op.name.startswith("batch_norm") and op.operand("mean") in values else op for op in ops]


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


def _in_own_order(model: Any, block: Any, tensors: Iterable[Any], values: Iterable[Any]) -> list[tuple[Any, Any]]:
    """The tensors with their values: the model's own as the model has them, then constants as they are read.

    Paddle sorts them by its own names, which count all layers of a process, as words: with ``conv2d_10`` before
    ``conv2d_9`` the same network would be read in another order where ten layers were built before it.
    """
    own = {id(t): k for k, t in enumerate((*model.parameters(), *model.buffers()))}
    read: dict[int, int] = {}
    for value in (v for op in block.ops for v in op.operands_source() if v.initialized()):
        read.setdefault(value.id, len(own) + len(read))
    last = len(own) + len(read)
    return sorted(zip(tensors, values, strict=True),
                  key=lambda pair: own.get(id(pair[0]), read.get(pair[1].id, last)))


def _name_parameters(model: Any, held: Mapping[int, Any]) -> tuple[Parameter, ...]:
    names: dict[int, tuple[str, str]] = {}
    for name, tensor in model.named_buffers():
        names.setdefault(id(tensor), (name, "buffer"))
    for name, tensor in model.named_parameters():
        names[id(tensor)] = (name, "parameter")
    found = []
    for value, tensor in held.items():
        name, kind = names.get(id(tensor), (f"constant_{value}", "constant"))
        # the other is what a recurrent layer holds for dropout: empty until a device fills it
        if not tensor._is_initialized() or name.rpartition(".")[2] == "_dropout_state":
            kind = "empty"
        shape = () if kind == "empty" else tuple(int(n) for n in tensor.shape)
        trainable = kind == "parameter" and not tensor.stop_gradient
        found.append(Parameter(value, name, shape, dtype_name(tensor.dtype), kind, trainable))
    return tuple(found)
