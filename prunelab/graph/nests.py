"""Inputs that a forward takes in dicts and lists, or by keyword only: told as a flat list, and put together again.

A specification's ``path`` says where its tensor stands: the parameter of the forward, then keys and places. Where one
input of a model has a path, all have, and all are given by keyword.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MethodType
from typing import Any

import paddle
from paddle.jit.dy2static import Call

from prunelab.errors import InputError
from prunelab.graph.program import TensorSpec


def is_nested(specs: Sequence[TensorSpec]) -> bool:
    """Whether a model takes its inputs otherwise than one tensor after the other."""
    return bool(specs) and bool(specs[0].path)


def call(model: Any, specs: Sequence[TensorSpec], tensors: Sequence[Any]) -> Any:
    """``model`` on tensors, one for each specification."""
    return model(**nested(specs, tensors)) if is_nested(specs) else model(*tensors)


def nested(specs: Sequence[TensorSpec], tensors: Sequence[Any]) -> dict[str, Any]:
    """What a forward is given by keyword."""
    return {name: _grow([(s.path[1:], t) for s, t in zip(specs, tensors, strict=True) if s.path[0] == name])
            for name in dict.fromkeys(str(s.path[0]) for s in specs)}


def _grow(leaves: list[tuple[tuple[Any, ...], Any]]) -> Any:
    if not leaves[0][0]:
        return leaves[0][1]
    keys = dict.fromkeys(path[0] for path, _ in leaves)
    parts = {key: _grow([(path[1:], leaf) for path, leaf in leaves if path[0] == key]) for key in keys}
    return list(parts.values()) if all(isinstance(key, int) for key in keys) else parts


def flat(specs: Sequence[TensorSpec], inputs: Sequence[Any], named: Mapping[str, Any] | None = None) -> list[Any]:
    """The tensors of what a forward is given, one for each specification.

    Raises:
        InputError: something that was there when the model was traced is missing.
    """
    if not is_nested(specs) or (not named and len(inputs) == len(specs) and all(map(_is_tensor, inputs))):
        return list(inputs)
    names = dict.fromkeys(str(s.path[0]) for s in specs)
    given: dict[str, Any] = {**dict(zip(names, inputs, strict=False)), **(named or {})}
    return [_follow(spec, given) for spec in specs]


def in_order(specs: Sequence[TensorSpec], inputs: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    """As `flat`, where one tensor after the other may be given by name too."""
    if is_nested(specs):
        return flat(specs, inputs, named)
    return [*inputs, *(named[spec.name] for spec in specs[len(inputs):])]


def _follow(spec: TensorSpec, given: Any) -> Any:
    try:
        for key in spec.path:
            given = given[key]
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(f"the inputs have no {spec.name}, which the graph was traced with; give it too, or trace the "
                         "model again without it") from error
    return given


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape")


def taking_flat(model: Any, specs: Sequence[TensorSpec]) -> None:
    """Hang a forward on ``model`` that takes its tensors one after the other; whoever asks for that takes it down."""
    whole = model.forward

    def forward(self: Any, *tensors: Any) -> Any:
        return Call(whole)(**nested(specs, tensors))

    model.forward = MethodType(paddle.jit.not_to_static(forward), model)
