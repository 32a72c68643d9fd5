"""A traced network as frozen plain data: nothing here holds an object of Paddle's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class TensorSpec:
    """An input: its name, its shape with the traced batch at ``batch_axis``, and its dtype such as ``"float32"``."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    batch_axis: int | None = 0
    path: tuple[str | int, ...] = ()  # where it stands in a nest (see `prunelab.graph.nests`)

    def at_batch(self, n: int) -> tuple[int, ...]:
        """The shape with a batch of ``n``."""
        return tuple(n if axis == self.batch_axis else size for axis, size in enumerate(self.shape))

    def to_json(self) -> dict[str, Any]:
        told = {"name": self.name, "shape": list(self.shape), "dtype": self.dtype, "batch_axis": self.batch_axis}
        return {**told, "path": list(self.path)} if self.path else told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TensorSpec:
        return cls(data["name"], tuple(data["shape"]), data["dtype"], data["batch_axis"], tuple(data.get("path", ())))


@dataclass(frozen=True)
class Parameter:
    """A tensor that the model holds: ``name`` as in ``state_dict`` (its first name, if it is tied)."""

    value: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    # "parameter", "buffer", "constant" for a tensor that is neither, "empty" for one that holds nothing yet (a
    # dropout's state)
    kind: str
    trainable: bool

    @property
    def layer(self) -> str:
        """The path of the layer that holds it; its own name where it hangs on the model itself."""
        return self.name.rpartition(".")[0] or self.name


class DType(str):
    """A dtype's name among an operator's attributes: ``"float32"``."""

    __slots__ = ()


@dataclass(frozen=True)
class Op:
    """One operator: ``arguments`` names its operands in order; ``attributes`` are numbers, strings, lists of them."""

    index: int
    name: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    arguments: tuple[str, ...]
    attributes: Mapping[str, Any]
    line: str = ""  # the user's file and line that made it
    detached: bool = False  # under no_grad: no gradient passes it, though one reaches what it reads

    def operand(self, argument: str) -> int | None:
        """The value id given for ``argument``; None where the operator has no such operand or it was left out."""
        return self.inputs[self.arguments.index(argument)] if argument in self.arguments else None


@dataclass(frozen=True)
class Program:
    """Operators in order; ``shapes[value]`` is None for a list of tensors. ``outputs`` nests tuples, lists, dicts,
    dataclasses."""

    ops: tuple[Op, ...]
    shapes: tuple[tuple[int, ...] | None, ...]
    dtypes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    inputs: tuple[int, ...]
    specs: tuple[TensorSpec, ...]
    outputs: Any
    model: str

    def __deepcopy__(self, memo: object) -> Program:
        return self  # nothing in it changes, and a class among the outputs need not be one that can be copied

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the structure: parameters' names and shapes, and the operators; not the inputs' sizes."""
        kept = [p for p in self.parameters if p.kind in ("parameter", "buffer")]
        says = {
            "parameters": sorted((p.name, list(p.shape)) for p in kept),
            "operators": [op.name for op in self.ops],
        }
        return hashlib.sha256(json.dumps(says, sort_keys=True).encode()).hexdigest()[:32]

    @cached_property
    def producers(self) -> Mapping[int, Op]:
        """The operator that makes each value."""
        return {value: op for op in self.ops for value in op.outputs}

    @cached_property
    def consumers(self) -> Mapping[int, tuple[Op, ...]]:
        """The operators that read each value, in order."""
        readers: dict[int, list[Op]] = {}
        for op in self.ops:
            for value in dict.fromkeys(v for v in op.inputs if v is not None):
                readers.setdefault(value, []).append(op)
        return {value: tuple(ops) for value, ops in readers.items()}

    @cached_property
    def asked_for(self) -> frozenset[int]:
        """The values that an operator reads, or that the model gives."""
        return frozenset(self.consumers).union(self.output_values)

    @property
    def output_values(self) -> tuple[int, ...]:
        """The value ids among the outputs, in order."""
        return tuple(o.value for o in flatten(self.outputs) if isinstance(o, Ref))


class Leaf:
    """What stands in a nest as one thing, though it is a dataclass."""


@dataclass(frozen=True)
class Ref(Leaf):
    """Stands for a tensor in the nest of outputs; anything else there is a plain constant."""

    value: int


def flatten(nest: Any) -> list[Any]:
    """The leaves of nested lists, tuples, dicts and dataclasses, in order."""
    if isinstance(nest, dict):
        return [leaf for part in nest.values() for leaf in flatten(part)]
    if isinstance(nest, (list, tuple)):
        return [leaf for part in nest for leaf in flatten(part)]
    if is_record(nest):
        return [leaf for f in fields(nest) for leaf in flatten(getattr(nest, f.name))]
    return [nest]


def rebuild(nest: Any, leaf: Any) -> Any:
    """The same nest with ``leaf(x)`` in the place of each leaf."""
    if isinstance(nest, dict):
        parts = {key: rebuild(part, leaf) for key, part in nest.items()}
        return parts if type(nest) is dict else _of_class(nest, parts)
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*(rebuild(part, leaf) for part in nest))
    if isinstance(nest, (list, tuple)):
        return type(nest)(rebuild(part, leaf) for part in nest)
    if is_record(nest):
        new = _blank(nest)
        for f in fields(nest):
            object.__setattr__(new, f.name, rebuild(getattr(nest, f.name), leaf))  # a frozen one too
        return new
    return leaf(nest)


def _of_class(nest: Any, parts: dict[Any, Any]) -> Any:
    """A dict of somebody's own class, which may show its values as attributes too."""
    new = _blank(nest)
    for key, part in parts.items():
        new[key] = part
    return new


def _blank(nest: Any) -> Any:
    """Another of a class, made without asking its constructor, which may want more."""
    kind: Any = type(nest)
    new = kind.__new__(kind)
    getattr(new, "__dict__", {}).update(getattr(nest, "__dict__", {}))
    return new


def is_record(nest: Any) -> bool:
    """Whether something is a dataclass's instance, whose fields are a nest's parts."""
    return is_dataclass(nest) and not isinstance(nest, (type, Leaf))
