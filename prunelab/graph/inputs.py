"""What a person gives as inputs, as specifications: shapes, ``InputSpec``s, example tensors, or nests of them."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prunelab.errors import InputError
from prunelab.graph.nests import Inputs, nested
from prunelab.graph.parameters import Parameters, parameters_of
from prunelab.graph.program import TensorSpec

# Traced with two samples: with one, a reshape could not tell the batch from any other axis of one.
TRACED_BATCH = 2


def dtype_name(dtype: Any) -> str:
    """``"float32"`` for any of Paddle's or NumPy's ways to say it."""
    return str(dtype).rpartition(".")[2].lower().strip("<>'")


def read_inputs(model: Any, inputs: Any) -> tuple[TensorSpec, ...]:
    """``inputs`` as specifications, in the order of the forward's parameters.

    Args:
        model: the layer; its forward's parameter names become the specifications' names.
        inputs: one shape ``(1, 3, 32, 32)``, one ``InputSpec``, one tensor, a list of them (one for each input), or a
            dict from parameter names to them (None: left out); where the forward takes dicts or lists of tensors, nests
            of them.
            A shape stands for floats of the model's type; None or -1 at axis 0 is the batch.

    Raises:
        InputError: anything else; a negative size elsewhere than at axis 0; a name the forward does not have.
    """
    forward = parameters_of(model)
    names = list(forward.positional)
    if isinstance(inputs, Mapping):
        inputs = {name: part for name, part in inputs.items() if part is not None}
    nest = _as_nest(forward, inputs)
    if nest is not None:
        dtype = float_dtype(model)
        return tuple(spec for name, part in nest.items() for spec in _leaves(part, (name,), dtype))
    if isinstance(inputs, Mapping):
        missing = [n for n in inputs if n not in names]
        if missing:
            raise InputError(f"inputs names '{missing[0]}', which {forward.model}.forward does not take; "
                             f"it takes {', '.join(names)}"
                             + (f"; where that is a dict of tensors, give {{'{names[0]}': {{...}}}}" if names else ""))
        last = max((names.index(n) for n in inputs), default=-1)
        items = [inputs.get(n) for n in names[: last + 1]]
        if any(item is None for item in items):
            raise InputError(f"inputs leaves out '{names[items.index(None)]}', which {forward.model}.forward requires; "
                             "give it too")
    elif _is_one(inputs):
        items = [inputs]
    elif isinstance(inputs, (list, tuple)):
        items = list(inputs)
    else:
        raise InputError(f"inputs is {_short(inputs)}; give a shape such as (1, 3, 32, 32), an InputSpec, a tensor, "
                         "or a list of them")
    if not items:
        raise InputError("inputs is empty; give one shape such as (1, 3, 32, 32) for each input of the model")
    _check_number(forward, len(items))
    named = [*names, *(f"input_{k}" for k in range(len(names), len(items)))]
    dtype = float_dtype(model)
    return tuple(_spec(item, name, dtype) for item, name in zip(items, named, strict=False))


def _as_nest(forward: Parameters, inputs: Any) -> dict[str, Any] | None:
    """What each parameter is given, where one of them is given a nest, or has to be given by name; None where none is.
    """
    if isinstance(inputs, Inputs):
        return nested(inputs.paths, inputs) if inputs.paths else None
    if isinstance(inputs, (list, tuple)) and inputs and all(isinstance(i, TensorSpec) for i in inputs):
        return _regrown(inputs) if inputs[0].path else None
    if isinstance(inputs, Mapping):
        given = dict(inputs)
    elif _is_one(inputs) or not isinstance(inputs, (list, tuple)) or len(inputs) > len(forward.positional):
        return None
    else:
        given = dict(zip(forward.positional, inputs, strict=False))
    has_nest = any(not _is_one(part) and isinstance(part, (Mapping, list, tuple)) and part for part in given.values())
    if not has_nest and not _by_name_only(forward, given):
        return None
    unknown = [n for n in given if n not in forward.names and not forward.any_name]
    if unknown:
        raise InputError(f"inputs names '{unknown[0]}', which {forward.model}.forward does not take; "
                         f"it takes {forward}")
    return given


def _by_name_only(forward: Parameters, given: Mapping[str, Any]) -> bool:
    """Whether tensors cannot be given in a row: some parameters are taken by keyword only, or one in between is left
    out, which has a default."""
    if forward.are_first(given):
        return False
    if forward.any_name or set(given) & set(forward.keyword):
        return True
    return set(forward.required) <= set(given) <= set(forward.positional)


def _regrown(specs: Any) -> dict[str, Any]:
    names = dict.fromkeys(s.path[0] for s in specs)
    return {name: [s for s in specs if s.path[0] == name] for name in names}


def _leaves(part: Any, path: tuple[str | int, ...], dtype: str) -> list[TensorSpec]:
    """The specifications in a nest, in its order."""
    if isinstance(part, TensorSpec):
        return [part]
    if _is_one(part):
        name = str(path[0]) + "".join(f".{key}" for key in path[1:])
        return [replace(_spec(part, name, dtype), path=path)]
    if isinstance(part, Mapping):
        return [spec for key, inner in part.items() for spec in _leaves(inner, (*path, key), dtype)]
    if isinstance(part, (list, tuple)):
        return [spec for k, inner in enumerate(part) for spec in _leaves(inner, (*path, k), dtype)]
    raise InputError(f"input '{path[0]}' holds {_short(part)}; give a shape such as (1, 3, 32, 32), an InputSpec or a "
                     "tensor in its place")


def float_dtype(model: Any) -> str:
    """What a shape alone stands for: the type of the model's first floating parameter, float32 for a model without."""
    kinds = (dtype_name(p.dtype) for p in model.parameters()) if hasattr(model, "parameters") else iter(())
    return next((kind for kind in kinds if "float" in kind), "float32")


def _check_number(forward: Parameters, n: int) -> None:
    if n < forward.n_required or (n > len(forward.positional) and not forward.any_place):
        raise InputError(f"{n} inputs were given; the forward of {forward.model} takes "
                         f"{', '.join(forward.positional) or 'none'}: give one shape for each")


def _is_shape(item: Any) -> bool:
    return (isinstance(item, (list, tuple)) and len(item) > 0
            and all(n is None or (isinstance(n, numbers.Integral) and not isinstance(n, bool)) for n in item))


def _is_one(item: Any) -> bool:
    return _is_shape(item) or hasattr(item, "dtype")


def _spec(item: Any, name: str, float_type: str) -> TensorSpec:
    if isinstance(item, TensorSpec):
        return item
    if _is_shape(item):
        shape, dtype = list(item), float_type
    elif hasattr(item, "shape") and hasattr(item, "dtype"):
        shape, dtype = list(item.shape), dtype_name(item.dtype)
    else:
        raise InputError(f"input '{name}' is {_short(item)}; "
                         "give a shape such as (1, 3, 32, 32), an InputSpec or a tensor")
    if shape and (shape[0] is None or shape[0] == -1):
        shape[0] = 1
    bad = [n for n in shape if n is None or int(n) < 1]
    if bad:
        raise InputError(f"input '{name}' has the shape {tuple(shape)}; every size but the first (the batch) is a "
                         "number of at least 1: give the size you will use")
    return TensorSpec(name, tuple(int(n) for n in shape), dtype, 0 if shape else None)


def with_batch_axes(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Only inputs whose first size is the first input's share the batch; others (a mask, a state) keep their sizes."""
    lead = specs[0].shape[:1]
    return tuple(
        spec if spec.shape[:1] == lead else replace(spec, batch_axis=None) for spec in specs
    )


def _short(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text}" if len(text) <= 60 else f"a {type(value).__name__}"
