"""What of a batch a forward is given, and what the labels are.

A batch is one of these:

- a tuple, the forward's inputs in their order, with the labels last; ``((x1, x2), y)`` are two inputs where the forward
  takes them in a row, and what it takes as one parameter where it does not;
- a dict from the forward's parameter names to tensors, or to the dicts and lists of tensors that it takes. The one key
  that the forward does not name holds the labels. So does one of `LABELS` which it names and has a default for: a
  forward that computes its own loss of ``labels`` is not given them, and its outputs are judged as others are. What is
  None is left out;
- ``(inputs, labels)``, where ``inputs`` is such a dict without labels.

Inputs that a forward takes in a row are a plain row of tensors, however they were named; others keep their paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError
from prunelab.graph.nests import Inputs, Path
from prunelab.graph.parameters import Parameters

# What people call labels, the names of Hugging Face's and PaddleNLP's collators first
LABELS = ("labels", "label", "y", "targets", "target")


@dataclass(frozen=True)
class Parts:
    """``inputs`` that are no tensors yet, and the ``labels``, where it is ``labelled``."""

    inputs: Inputs
    labels: Any = None
    labelled: bool = False


def take_apart(batch: Any, forward: Parameters, number: int) -> Parts:
    """The parts of batch ``number``, as the module says.

    Raises:
        DataError: an empty batch; a name that the forward requires and that is not there, or more names that it does
            not take than the labels'.
    """
    if isinstance(batch, Inputs):
        return Parts(batch)
    if isinstance(batch, Mapping):
        return _of_dict(batch, forward, number)
    parts = list(batch) if isinstance(batch, (list, tuple)) and not is_numbers(batch) else [batch]
    if not parts:
        raise DataError(f"batch {number} is empty; a batch is the model's inputs, and the labels last")
    labelled = _is_labelled(parts, forward)
    inputs = parts[:-1] if labelled else parts
    by_name = len(inputs) == 1 and isinstance(inputs[0], Mapping) and _names_parameters(inputs[0], forward)
    found = _by_name(inputs[0], forward, number) if by_name else _by_place(inputs, forward, number)
    return Parts(found, parts[-1] if labelled else None, labelled)


def _is_labelled(parts: Sequence[Any], forward: Parameters) -> bool:
    """Whether the last part is the labels, and no input."""
    if len(parts) == 2 and isinstance(parts[0], Mapping) and _names_parameters(parts[0], forward):
        return True
    # of two parts for two inputs, ((x1, x2), y) holds the labels too
    return len(parts) > 1 and (len(parts) != forward.n_required or len(_flat(parts[:-1])) == forward.n_required)


def _names_parameters(part: Mapping[Any, Any], forward: Parameters) -> bool:
    """Whether a dict's keys are the forward's parameters, and not what one of them holds."""
    return not forward.positional or any(name in part for name in forward.names)


def _of_dict(batch: Mapping[Any, Any], forward: Parameters, number: int) -> Parts:
    given = {name: part for name, part in batch.items() if part is not None}
    strange = [n for n in given if n not in forward.names and (n in LABELS or not forward.any_name)]
    own = [n for n in given if n in LABELS and n in forward.names and n not in forward.required]
    labels = [*own, *strange]
    if len(labels) > 1:
        raise DataError(
            f"batch {number} has {' and '.join(repr(n) for n in labels)}, and only one of them can be the labels: "
            f"{forward.model}.forward takes {forward}; leave the others out of the batch, or give labels of several "
            f"kinds as a dict under one key{_whole(given, forward)}")
    if not labels:
        return Parts(_by_name(given, forward, number))
    inputs = {name: part for name, part in given.items() if name != labels[0]}
    return Parts(_by_name(inputs, forward, number, batch), given[labels[0]], True)


def _by_name(given: Mapping[Any, Any], forward: Parameters, number: int, batch: Mapping[Any, Any] | None = None,
             ) -> Inputs:
    """In the forward's order; ``batch`` is what they were taken from."""
    strange = [n for n in given if n not in forward.names and not forward.any_name]
    if strange:
        raise DataError(f"batch {number} names the input '{strange[0]}', and {forward.model}.forward takes {forward}; "
                        "leave it out")
    missing = [n for n in forward.required if given.get(n) is None]
    if missing:
        there = ", ".join(map(str, given if batch is None else batch))
        raise DataError(f"batch {number} has no '{missing[0]}', which {forward.model}.forward requires; it has "
                        f"{there}: name the tensors as the forward does{_whole(given, forward)}")
    names = [*(n for n in forward.names if n in given), *(n for n in given if n not in forward.names)]
    values = [given[n] for n in names if given[n] is not None]
    names = [n for n in names if given[n] is not None]
    if forward.are_first(names) and not any(map(_is_nest, values)):
        return Inputs(values)
    return _nest(names, values)


def _whole(given: Mapping[Any, Any], forward: Parameters) -> str:
    """What to do where a dict may be meant as the one input of the forward."""
    if len(forward.required) != 1 or any(n in given for n in forward.names):
        return ""
    name = forward.required[0]
    return f"; where '{name}' is a dict of tensors, give ({{...}}, labels) or {{'{name}': {{...}}, 'labels': ...}}"


def _by_place(parts: Sequence[Any], forward: Parameters, number: int) -> Inputs:
    flat = _flat(parts)
    row = forward.any_place or len(flat) <= len(forward.positional)
    if not any(map(_is_nest, flat)) and (row or len(parts) > len(forward.positional)):
        return Inputs(flat)
    if len(parts) > len(forward.positional):
        raise DataError(f"batch {number} has {len(parts)} inputs with nests among them, and {forward.model}.forward "
                        f"takes {forward}; give a dict of its parameter names")
    return _nest(forward.positional, parts)


def _nest(names: Sequence[str], parts: Sequence[Any]) -> Inputs:
    leaves = [leaf for name, part in zip(names, parts, strict=False) for leaf in _leaves(part, (name,))]
    return Inputs((leaf for _, leaf in leaves), (path for path, _ in leaves))


def _leaves(part: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not _is_nest(part):
        yield path, part
        return
    for key, inner in part.items() if isinstance(part, Mapping) else enumerate(part):
        yield from _leaves(inner, (*path, key))


def _is_nest(part: Any) -> bool:
    if isinstance(part, Mapping):
        return True
    return isinstance(part, (list, tuple)) and bool(part) and all(_is_tensor(x) or _is_nest(x) for x in part)


def _flat(parts: Sequence[Any]) -> list[Any]:
    """Tensors in a row, where parts hold rows of them."""
    return [leaf for part in parts for leaf in (part if _is_row(part) else [part])]


def _is_row(part: Any) -> bool:
    return isinstance(part, (list, tuple)) and bool(part) and all(map(_is_tensor, part))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (paddle.Tensor, np.ndarray))


def is_numbers(batch: Sequence[Any]) -> bool:
    """A list of plain numbers or of lists of them is one array."""
    first = batch[0] if batch else None
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, (bool, int, float))
