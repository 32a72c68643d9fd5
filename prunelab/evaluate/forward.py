"""Running a model on a batch: in a mode that is given back, with mistakes told in a person's words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import paddle

from prunelab.errors import InputError, PrunelabError, reason_of, shown
from prunelab.graph.nests import inputs_of, run
from prunelab.graph.places import at_home
from prunelab.graph.program import TensorSpec, is_record

# A function (outputs, labels) -> the mean loss of a batch, a scalar tensor.
LossFunction = Callable[..., Any]


@contextlib.contextmanager
def in_mode(layer: Any, *, training: bool) -> Iterator[None]:
    """Every layer trains or evaluates inside, and what the forward makes is made where it lives; afterwards each is in
    the mode it was in."""
    before = [(part, part.training) for part in layer.sublayers(include_self=True)]
    try:
        for part, _ in before:
            part.training = training
        with at_home(layer):
            yield
    finally:
        for part, mode in before:
            part.training = mode


def forward(layer: Any, inputs: Sequence[Any]) -> Any:
    """``layer(*inputs)``, or as the ``paths`` of the inputs say.

    Raises:
        InputError: inputs the model does not take.
    """
    try:
        return run(layer, inputs)
    except PrunelabError:
        raise
    except Exception as error:
        given = ", ".join(map(describe, inputs))
        raise InputError(f"{type(layer).__name__} does not take the batch's inputs {given}: {reason_of(error)}; "
                         f"{_advice(layer, inputs, str(error))}") from error


def run_on(layer: Any, specs: Sequence[TensorSpec], tensors: Sequence[Any]) -> Any:
    """As `forward`, of tensors that the layer may take in nests."""
    return forward(layer, inputs_of(specs, tensors))


def _advice(layer: Any, inputs: Sequence[Any], said: str) -> str:
    """What to do about inputs that a model does not take: of another type than its weights, or of another shape."""
    floats = next((p.dtype for p in layer.parameters() if p.is_floating_point()), None)
    if floats is not None and re.search("type of data|DataType|dtype", said):
        kind = str(floats).rpartition(".")[2]
        number = next((k for k, x in enumerate(inputs) if x.dtype != floats), None)
        if number is not None:
            return f"its weights are {kind}: give input {number} as such, x.astype('{kind}') (images also scaled)"
    if re.search("only support int32 and int64", said):
        return "an embedding takes integers: give its input as such, x.astype('int64')"
    return "give batches of the shapes and types its forward takes"


def main_output(outputs: Any) -> Any:
    """The outputs, or the first of several (googlenet's others are auxiliary), also of a dict or a dataclass: there the
    first that is given."""
    while isinstance(outputs, (list, tuple, Mapping)) or is_record(outputs):
        if is_record(outputs) and not isinstance(outputs, Mapping):
            parts = [part for f in fields(outputs) if (part := getattr(outputs, f.name)) is not None]
        else:
            parts = list(outputs.values() if isinstance(outputs, Mapping) else outputs)
        if not parts:
            break
        outputs = parts[0]
    return outputs


def describe(value: Any) -> str:
    """A value's shape and type for a message: ``(64, 10) float32``."""
    if isinstance(value, paddle.Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).rpartition('.')[2]}"
    return shown(value)
