"""How Paddle is made to read a forward: as eager mode computes it, with light parameters, forgetting what failed."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import threading
import traceback
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import paddle
from paddle import _C_ops
from paddle.base.libpaddle.pir import reset_insertion_point_to_start
from paddle.jit.dy2static import convert_call_func, function_spec, parameter_recorder, program_translator
from paddle.jit.dy2static.utils import TransformOptions, get_temp_dir
from paddle.nn.layer import layers

from prunelab.graph.reasons import is_users


@contextlib.contextmanager
def as_plain_python(model: Any) -> Iterator[None]:
    """Inside, Paddle calls the methods of the model's classes as they are, without rewriting their source.

    So it reads a class whose source is gone, a ``super().forward`` over two levels, which its rewriting calls without
    end, and ``zip(strict=True)``, which what it puts in zip's place does not take. A branch on a tensor still cannot be
    read: there it is an error of Python's.
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
    """Paddle's static forms of seven things, replaced by what eager mode does while a program is read.

    A recurrent layer over cells would become a loop, and is unrolled over the traced length; ``x / 3`` would become a
    product with a rounded 1/3; ``x.view(shape)`` is not there at all, nor is ``len(x)`` where Paddle does not rewrite
    it (in a lambda, a function inside of another); ``paddle.full(shape, "-inf")`` is refused; ``paddle.linspace`` has
    no size, and what pads it to one (a Fourier transform) takes -1 for it; ``paddle.stack`` asks of the model's tensors
    what only a program's values can answer.
    """
    rnn, value, creation = paddle.nn.layer.rnn, paddle.pir.Value, paddle.tensor.creation
    loop, divide, view, fill = rnn._rnn_static_graph, value.__truediv__, value.view, creation.fill_constant

    def divide_as_eager(self: Any, other: Any) -> Any:
        if isinstance(other, (int, float)) and "int" in str(self.dtype):
            self = paddle.cast(self, "float32")
        if isinstance(other, (int, float)) and "float" in str(self.dtype):
            return paddle.divide(self, _C_ops.full([], other, self.dtype, paddle.base.core.Place()))
        return divide(self, other)

    def view_as_eager(self: Any, shape: Any, name: Any = None) -> Any:
        return paddle.reshape(self, shape) if isinstance(shape, (list, tuple)) else view(self, shape)

    def length(self: Any) -> int:
        if not self.shape or self.shape[0] < 0:
            raise TypeError("len() of a tensor whose first size is not known")
        return int(self.shape[0])

    @functools.wraps(fill)
    def fill_as_eager(shape: Any, dtype: Any, value: Any, *rest: Any, **options: Any) -> Any:
        return fill(shape, dtype, float(value) if isinstance(value, str) else value, *rest, **options)

    rnn._rnn_static_graph, value.__truediv__ = rnn._rnn_dynamic_graph, divide_as_eager
    value.view, value.__len__, creation.fill_constant = view_as_eager, length, fill_as_eager
    paddle.Tensor.is_dense_tensor_array_type = lambda self: False
    try:
        with _sized("linspace"), _sized("logspace"):
            yield
    finally:
        rnn._rnn_static_graph, value.__truediv__ = loop, divide
        value.view, creation.fill_constant = view, fill
        del value.__len__, paddle.Tensor.is_dense_tensor_array_type


@contextlib.contextmanager
def _sized(name: str) -> Iterator[None]:
    """Inside, ``paddle.<name>(start, stop, num)`` gives as many positions as it is told, where that is a number."""
    places = [module for module in (paddle, paddle.tensor, paddle.tensor.creation) if hasattr(module, name)]
    plain = getattr(paddle, name)

    @paddle.jit.not_to_static
    @functools.wraps(plain)
    def sized(start: Any, stop: Any, num: Any, *rest: Any, **options: Any) -> Any:
        found = plain(start, stop, num, *rest, **options)
        return paddle.reshape(found, [num]) if isinstance(num, int) else found

    for module in places:
        setattr(module, name, sized)
    try:
        yield
    finally:
        for module in places:
            setattr(module, name, plain)


@contextlib.contextmanager
def taking_any_forward(model: Any, n_inputs: int) -> Iterator[None]:
    """Inside, the first parameter of the forward is the model whatever it is called, where Paddle looks for "self"; and
    one that takes any number (``*inputs``, also of a decorator) has a name for each of ``n_inputs``."""
    parse = function_spec.parse_arg_and_kwargs
    forwards = [vars(cls)["forward"] for cls in type(model).__mro__ if "forward" in vars(cls)]
    forwards.append(getattr(vars(model).get("forward"), "__func__", None))

    def parse_method(function: Any) -> tuple[list[str], dict[str, Any]]:
        names, defaults = parse(function)
        if not any(getattr(function, "__func__", function) is f for f in forwards):
            return names, defaults
        spec = inspect.getfullargspec(function)
        names = names[1:] if names and spec.args[0] != "self" else names
        more = range(len(names), n_inputs) if spec.varargs else ()
        return [*names, *(f"input_{k}" for k in more)], defaults

    function_spec.parse_arg_and_kwargs = parse_method
    try:
        yield
    finally:
        function_spec.parse_arg_and_kwargs = parse


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


@contextlib.contextmanager
def with_light_parameters() -> Iterator[None]:
    """Inside, a parameter of the program is one operator, ``pd_op.data``, and has no start-up program.

    Paddle's own way makes three operators and an initialiser for each, which nothing of ours reads: two thirds of the
    time of reading a ResNet-50.
    """
    core = paddle.pir.core
    create = core.create_parameter

    def create_light(dtype: Any, shape: Any, name: str | None = None, **options: Any) -> Any:
        if options.get("placements"):
            return create(dtype=dtype, shape=shape, name=name, **options)
        reset_insertion_point_to_start()
        value = paddle._pir_ops.data(name, list(shape), dtype, paddle.base.core.Place())
        value.persistable, value.is_parameter = True, True
        value.stop_gradient = not options.get("trainable", True)
        return value

    core.create_parameter = create_light
    try:
        yield
    finally:
        core.create_parameter = create


@contextlib.contextmanager
def with_short_stacks() -> Iterator[None]:
    """Inside, the stack that Paddle notes with each operator it makes in this thread has the user's frames only.

    Paddle asks for all frames with the text of their lines, which takes longer than making the operators.
    """
    whole, thread = traceback.extract_stack, threading.get_ident()

    def users(f: Any = None, limit: Any = None) -> traceback.StackSummary:
        if f is not None or limit is not None or threading.get_ident() != thread:
            return whole(f, limit)
        found, frame = [], sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if is_users(code.co_filename):
                found.append(traceback.FrameSummary(code.co_filename, frame.f_lineno, code.co_name,
                                                    lookup_line=False, line=""))
            frame = frame.f_back  # type: ignore[assignment]
        return traceback.StackSummary(reversed(found))

    traceback.extract_stack = users
    try:
        yield
    finally:
        traceback.extract_stack = whole


@contextlib.contextmanager
def rewriting_once() -> Iterator[None]:
    """Inside, Paddle rewrites a method once for all layers of its class, and looks quickly whether it has to.

    Its own memory is by bound method, a new object at each call, so that it writes and imports a file for each layer;
    and for each call it compares what is called with some ten thousand functions of Python's and NumPy's modules.
    """
    calls, cache = convert_call_func, program_translator._FUNCTION_CACHE
    unsupported, functions_of, convert = calls.is_unsupported, calls.get_module_functions, cache.convert_with_cache
    marked, needs = TransformOptions.TRANSFORM_OPTIONS_ATTR_NAME, TransformOptions.check_fn_need_transform
    written = get_temp_dir()

    def needs_rewriting(function: Any, mode: Any) -> bool:
        """An object may answer to any name with None: that is no mark of Paddle's."""
        return not isinstance(getattr(function, marked, None), TransformOptions) or bool(needs(function, mode))

    @functools.cache
    def known() -> frozenset[int]:
        return frozenset(id(f) for module in calls.BUILTIN_LIKELY_MODULES for f in functions_of(module))

    def is_unsupported(function: Any) -> bool:
        if isinstance(function, paddle.nn.Layer):  # it may answer to any name, as a function's code too
            return bool(calls.is_paddle_func(function))
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType) and code.co_filename.startswith(written):  # one that calls itself
            return True
        return id(function) in known() or bool(unsupported(function))

    def with_its_defaults(function: Any) -> Any:
        """What is rewritten would make its defaults anew: tensors among them belong to the program that is read now,
        and are gone with it."""
        function = getattr(function, "__func__", function)
        rewritten, plain = convert(function), inspect.unwrap(function)
        if isinstance(rewritten, FunctionType) and isinstance(plain, FunctionType):
            rewritten.__defaults__, rewritten.__kwdefaults__ = plain.__defaults__, plain.__kwdefaults__
        return rewritten

    calls.is_unsupported = is_unsupported
    calls.get_module_functions = lambda module: []
    cache.convert_with_cache = with_its_defaults
    TransformOptions.check_fn_need_transform = staticmethod(needs_rewriting)
    try:
        yield
    finally:
        TransformOptions.check_fn_need_transform = staticmethod(needs)
        calls.is_unsupported, calls.get_module_functions = unsupported, functions_of
        del cache.convert_with_cache


@contextlib.contextmanager
def without_names() -> Iterator[None]:
    """Inside, Paddle does not write the calling layers' names on each operator: it walks all operators at every call of
    a layer, so that a deep network takes time by its square."""
    named = layers.name_struct
    layers.name_struct = lambda prefix=None: contextlib.nullcontext()
    try:
        yield
    finally:
        layers.name_struct = named
