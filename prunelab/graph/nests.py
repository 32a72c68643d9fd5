"""Inputs that a forward takes in dicts and lists, or by keyword only: told as a flat list, and put together again.

A specification's ``path`` says where its tensor stands: the parameter of the forward, then keys and places. Where one
input of a model has a path, all have, and all are given by keyword.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MethodType
from typing import Any

import paddle
from paddle.jit.dy2static import Call

from prunelab.errors import InputError
from prunelab.graph.program import TensorSpec

Path = tuple[str | int, ...]


class Inputs(tuple[Any, ...]):
    """What a forward is given, as one tensor after the other.

    ``paths`` says where each tensor stands, as specifications do; it is empty where the forward takes them in a row.
    """

    paths: tuple[Path, ...]

    def __new__(cls, tensors: Iterable[Any], paths: Iterable[Path] = ()) -> Inputs:
        made = super().__new__(cls, tensors)
        made.paths = tuple(paths)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Inputs, (tuple(self), self.paths)


def each(function: Callable[[Any], Any], inputs: Iterable[Any]) -> Inputs:
    """What a function makes of each tensor, given to a forward as these are."""
    return like(inputs, map(function, inputs))


def like(inputs: Iterable[Any], tensors: Iterable[Any]) -> Inputs:
    """Tensors that are given to a forward as ``inputs`` are."""
    return Inputs(tensors, getattr(inputs, "paths", ()))


def is_nested(specs: Sequence[TensorSpec]) -> bool:
    """Whether a model takes its inputs otherwise than one tensor after the other."""
    return bool(specs) and bool(specs[0].path)


def inputs_of(specs: Sequence[TensorSpec], tensors: Iterable[Any]) -> Inputs:
    """Tensors, one for each specification, as a forward is given them."""
    return Inputs(tensors, (s.path for s in specs) if is_nested(specs) else ())


def run(model: Any, inputs: Iterable[Any]) -> Any:
    """``model(*inputs)``, or as the ``paths`` of the inputs say."""
    paths = getattr(inputs, "paths", ())
    return model(**nested(paths, inputs)) if paths else model(*inputs)


def call(model: Any, specs: Sequence[TensorSpec], tensors: Iterable[Any]) -> Any:
    """``model`` on tensors, one for each specification."""
    return run(model, inputs_of(specs, tensors))


def nested(paths: Iterable[Path], tensors: Iterable[Any]) -> dict[str, Any]:
    """What a forward is given by keyword."""
    leaves = list(zip(paths, tensors, strict=True))
    return {name: _grow([(path[1:], leaf) for path, leaf in leaves if path[0] == name])
            for name in dict.fromkeys(str(path[0]) for path, _ in leaves)}


def _grow(leaves: list[tuple[Path, Any]]) -> Any:
    if not leaves[0][0]:
        return leaves[0][1]
    keys = dict.fromkeys(path[0] for path, _ in leaves)
    parts = {key: _grow([(path[1:], leaf) for path, leaf in leaves if path[0] == key]) for key in keys}
    return list(parts.values()) if all(isinstance(key, int) for key in keys) else parts


def told(path: Path) -> str:
    """A path as one word: ``more.images.0``."""
    return ".".join(map(str, path))


def in_order_of(first: Inputs, inputs: Inputs) -> Inputs:
    """Inputs in the order of the first batch's, where both have the same: a dict may be filled in any order."""
    if inputs.paths == first.paths or set(inputs.paths) != set(first.paths):
        return inputs
    by_path = dict(zip(inputs.paths, inputs, strict=True))
    return like(first, [by_path[path] for path in first.paths])


def ordered(specs: Sequence[TensorSpec], inputs: Sequence[Any], what: str = "the inputs") -> Inputs:
    """Inputs in the order of a graph's specifications; those that a forward takes in a row are in it already.

    Raises:
        InputError: what the graph was traced with is not there, or more than that; ``what`` says of what.
    """
    paths: tuple[Path, ...] = getattr(inputs, "paths", ())
    if not paths and not is_nested(specs):
        return like(inputs, inputs)
    if not paths:
        raise InputError(f"{what} are tensors in a row, and the graph was traced with {specs[0].name} in a nest or by "
                         "name; give dicts of the forward's parameter names")
    by_path = dict(zip(paths, inputs, strict=True))
    wanted = [s.path or (s.name,) for s in specs]
    missing = [told(path) for path in wanted if path not in by_path]
    if missing:
        raise InputError(f"{what} have no {missing[0]}, which the graph was traced with; give it too, or trace the "
                         "model again without it")
    more = [told(path) for path in paths if path not in wanted]
    if more:
        raise InputError(f"{what} have {more[0]}, which the graph was traced without; leave it out, or trace the model "
                         "again with it")
    return inputs_of(specs, (by_path[path] for path in wanted))


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


@contextlib.contextmanager
def with_flat_forward(model: Any, specs: Sequence[TensorSpec]) -> Iterator[None]:
    """Inside, the forward takes its tensors one after the other, whatever it took."""
    before = vars(model).get("forward")
    if is_nested(specs):
        taking_flat(model, specs)
    try:
        yield
    finally:
        if is_nested(specs):
            vars(model).pop("forward", None)
            if before is not None:
                model.forward = before


def taking_flat(model: Any, specs: Sequence[TensorSpec]) -> None:
    """Hang a forward on ``model`` that takes its tensors one after the other; whoever asks for that takes it down."""
    whole = model.forward

    def forward(self: Any, *tensors: Any) -> Any:
        return Call(whole)(**nested([s.path for s in specs], tensors))

    model.forward = MethodType(paddle.jit.not_to_static(forward), model)
