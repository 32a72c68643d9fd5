"""The model to be exported, as it computes now: inputs, outputs at several batches, whether the batch is free."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import paddle

from prunelab.errors import InputError, PrunelabError, unknown_name
from prunelab.evaluate.batches import batches
from prunelab.evaluate.forward import run_on
from prunelab.evaluate.latency import as_tensors, example_arrays, given_arrays
from prunelab.export.base import Array, LongSpec, at_length, length_axis
from prunelab.export.parity import TOLERANCE, relative_error
from prunelab.graph import TensorSpec, as_array, as_layer
from prunelab.graph.half import without_kernels
from prunelab.graph.inputs import read_inputs, with_batch_axes
from prunelab.graph.places import home_of
from prunelab.graph.program import is_record
from prunelab.graph.trace import as_it_was as model_as_it_was
from prunelab.surgery import class_name

# What examples' inputs are: drawn, tensors that somebody gave, or what their data begins with
RANDOM, GIVEN, DATA = "random", "given", "data"
# Where the batch is free, files are compared at one sample and at several.
BATCHES = (1, 3)


@dataclass(frozen=True)
class Example:
    """Inputs by name, and the model's own outputs in eval mode, flat."""

    inputs: Mapping[str, Array]
    outputs: tuple[Array, ...]


@dataclass(frozen=True)
class Subject:
    """A layer with its ``specs`` (a free batch has ``batch_axis`` 0) and an example for each batch that files are
    compared at.

    ``why_fixed`` says why the batch is not free, and is empty where it is; ``inputs_are`` says what the inputs of the
    examples are.
    """

    layer: Any
    specs: tuple[TensorSpec, ...]
    examples: Mapping[int, Example]
    why_fixed: str = ""
    inputs_are: str = RANDOM
    longer: Mapping[int, Example] = field(default_factory=dict)  # by length, at the batch that was given

    @property
    def name(self) -> str:
        """The name of the model's class."""
        return class_name(self.layer)

    @property
    def free(self) -> bool:
        """Whether some input's batch is free."""
        return any(spec.batch_axis is not None for spec in self.specs)

    @property
    def batch(self) -> int:
        """The batch that was given; the only one where it is not free."""
        return next((spec.shape[0] for spec in self.specs if spec.shape), 1)

    def repeats_itself(self) -> bool:
        """Whether the layer, called once more, gives what it gave for the examples: not where it draws numbers."""
        example = self.examples[self.batch]
        again = _example(self, list(example.inputs.values()), None)
        return relative_error(again.outputs, example.outputs) <= TOLERANCE

    def fixed(self, why: str) -> Subject:
        """The same with the batch that was given, and no other."""
        specs = tuple(replace(spec, batch_axis=None) for spec in self.specs)
        return replace(self, specs=specs, examples={self.batch: self.examples[self.batch]}, why_fixed=why)


@contextlib.contextmanager
def as_it_was(layer: Any) -> Iterator[None]:
    """Eval mode and the plain forward inside; afterwards modes, attributes, forward and random state are as before.

    A forward that a person made static, with specifications of their own, would refuse ours.
    """
    random_state = paddle.get_rng_state()
    try:
        with model_as_it_was(layer):
            function = getattr(layer.forward, "_dygraph_function", None)
            if function is not None:
                layer.forward = types.MethodType(function, layer)
            yield
    finally:
        paddle.set_rng_state(random_state)


def read_subject(model: Any, inputs: Any, lengths: Mapping[str, int] | None = None, data: Any = None) -> Subject:
    """The model with its outputs at the batch of ``inputs``, and at `BATCHES` where its forward takes them; where
    ``lengths`` names axes whose length is free, at other lengths too. The inputs are the example tensors among
    ``inputs``, else what ``data`` begins with, else random numbers.

    Raises:
        InputError: a model that is none, or inputs that its forward does not take.
    """
    layer = as_layer(model)
    if inputs is None:
        raise InputError("inputs is missing; give a shape such as (1, 3, 32, 32) for each input of the model, or "
                         "example tensors")
    if without_kernels(layer):
        raise InputError(f"{type(layer).__name__} is in half precision, which this CPU cannot run, so no file could be "
                         "compared with it; export model.float(), as 'onnx-fp16' for a file in half precision")
    with as_it_was(layer):
        specs = _named_for_files(with_batch_axes(read_inputs(layer, inputs)))
        given, origin = given_arrays(inputs, specs), GIVEN
        if data is not None and all(array is None for array in given):
            given, origin = _first_of(data, layer, specs), DATA
        if all(array is None for array in given):
            origin = RANDOM
        if lengths:
            specs = with_lengths(specs, lengths)
        subject = Subject(layer, specs, {}, inputs_are=origin)
        subject = replace(subject, examples={subject.batch: _example(subject, given, None)})
        for batch in (b for b in BATCHES if subject.free and b != subject.batch):
            try:
                example = _example(subject, given, batch)
            except PrunelabError as error:
                return subject.fixed(f"{type(layer).__name__}'s forward takes no batch of {batch}: {error}")
            subject = replace(subject, examples={**subject.examples, batch: example})
        return replace(subject, longer=_longer(subject, given)) if lengths else subject


def _named_for_files(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """What stands in a nest is an input of its own in a file, and a dot no part of a name: ``more.images.0`` is
    ``more_images_0`` there.

    Raises:
        InputError: two inputs that have the same name then.
    """
    named = tuple(replace(s, name=s.name.replace(".", "_")) if s.path else s for s in specs)
    for k, spec in enumerate(named):
        first = [s.name for s in named].index(spec.name)
        if first < k:
            raise InputError(f"the inputs {specs[first].name} and {specs[k].name} would both be called {spec.name} in "
                             "a file; give one of them another key")
    return named


def with_lengths(specs: tuple[TensorSpec, ...], lengths: Mapping[str, int]) -> tuple[TensorSpec, ...]:
    """The specifications with the axes that ``lengths`` names (by input) free.

    Raises:
        InputError: an input that is not there, an axis that it does not have or that is the batch, axes of different
            sizes.
    """
    names = [s.name for s in specs]
    for name, axis in lengths.items():
        if name not in names:
            raise unknown_name("input", name, names, place="lengths")
        spec = specs[names.index(name)]
        if not isinstance(axis, int) or not 0 <= axis < len(spec.shape) or axis == spec.batch_axis:
            raise InputError(f"lengths gives axis {axis!r} of '{name}', whose shape is {spec.shape}; give the number "
                             "of the axis whose length is free, not that of the batch")
    sizes = {specs[names.index(name)].shape[axis] for name, axis in lengths.items()}
    if len(sizes) > 1:
        raise InputError(f"lengths names axes of the sizes {', '.join(map(str, sorted(sizes)))}; all of them are one "
                         "length: give inputs of the same")
    return tuple(LongSpec(s.name, s.shape, s.dtype, s.batch_axis, s.path, length_axis=lengths[s.name])
                 if s.name in lengths else s for s in specs)


def _first_of(data: Any, layer: Any, specs: tuple[TensorSpec, ...]) -> list[Array | None]:
    """The inputs of the first batch, where they have the sizes of ``specs``: a file in eight bits knows the ranges of
    data, not of random numbers."""
    first = next((inputs for inputs, _ in batches(data, layer).in_order(specs)), ())
    arrays = [np.asarray(t.numpy()) for t in first]
    fit = len(arrays) == len(specs) and all(
        a.ndim == len(s.shape) and all(n == m for k, (n, m) in enumerate(zip(a.shape, s.shape, strict=True))
                                       if k != s.batch_axis) for a, s in zip(arrays, specs, strict=False))
    return [*arrays] if fit else [None] * len(specs)


def _longer(subject: Subject, given: list[Array | None]) -> dict[int, Example]:
    """At half the length that was given, and at one more than twice that."""
    n = next(s.shape[axis] for s in subject.specs for axis in [length_axis(s)] if axis is not None)
    found = {}
    for length in dict.fromkeys((max(1, n // 2), 2 * n + 1)):
        specs = at_length(subject.specs, length)
        arrays = [a if a is None or length_axis(s) is None else np.take(a, np.arange(length) % n, axis=length_axis(s))
                  for a, s in zip(given, specs, strict=True)]
        found[length] = _example(replace(subject, specs=specs), arrays, None)
    return found


def _example(subject: Subject, given: list[Array | None], batch: int | None) -> Example:
    arrays = example_arrays(subject.specs, batch=batch, given=given)
    with paddle.no_grad():
        outputs = run_on(subject.layer, subject.specs, as_tensors(subject.specs, arrays, home_of(subject.layer)))
    name = subject.name
    try:
        leaves = paddle.utils.flatten(outputs)
    except TypeError as error:  # Paddle takes the values of a dict in the order of its keys
        raise InputError(f"{name} gives a dict whose keys have no order ({error}); give all of them keys of one kind, "
                         "such as words") from error
    record = next(filter(is_record, leaves), None)
    if record is not None:
        raise InputError(f"{name} gives a {type(record).__name__}, and files hold tuples, lists and dicts of tensors; "
                         "export a layer around it whose forward returns vars(model(...))")
    flat = tuple(np.array(as_array(t)) for t in leaves if isinstance(t, paddle.Tensor))
    if not flat:
        raise InputError(f"{name} gives no tensor; export a layer whose forward returns tensors")
    return Example({spec.name: a for spec, a in zip(subject.specs, arrays, strict=True)}, flat)
