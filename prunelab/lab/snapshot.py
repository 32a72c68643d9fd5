"""A model's bits, out into arrays named by what they hold, and back in, in place.

`LiveBits` keeps one copy of the model in the host's memory: what its tensors were when they were last recorded or
restored. Comparing with it tells which tensors changed, whoever changed them, so that recording stores only those, and
restoring touches only those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import WorkspaceError
from prunelab.graph import Graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Snapshot:
    """The bits of a state: the digest of each tensor, and the random states."""

    tensors: Mapping[str, str]
    random: Mapping[str, Array]


def digest_of(array: Array) -> str:
    """The name of what an array holds: SHA-256 over its type, shape and bytes."""
    head = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
    head.update(_bytes(array).data)
    return head.hexdigest()


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays are equal to the last bit: NaN equals itself, and 0.0 differs from -0.0."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    x, y = _bytes(a), _bytes(b)
    if x.size % 8 == 0:  # eight bytes at a time: going back compares the whole model
        x, y = x.view(np.uint64), y.view(np.uint64)
    return bool((x == y).all())


def _bytes(array: Array) -> Array:
    return np.asarray(array, order="C").reshape(-1).view(np.uint8)


def tensors_of(graph: Graph) -> dict[str, Any]:
    """Every tensor that belongs to a model: parameters, buffers, and the plain tensors its forward uses."""
    layer = graph.model
    named = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
    constants = {p.name: graph.tensor(p.name) for p in graph.program.parameters if p.kind == "constant"}
    return {**named, **constants}


class LiveBits:
    """The tensors of a living model, and what they were when last recorded or restored."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self.tensors = dict(tensors)
        self._known: dict[str, tuple[str, Array]] = {}

    def known(self, name: str) -> Array:
        """The array of a tensor as it was last recorded or restored; not to be written to."""
        return self._known[name][1]

    def record(self, put: Callable[[str, Array], None]) -> dict[str, str]:
        """The digest of each tensor; ``put(digest, array)`` is called for those that changed."""
        for name, tensor in self.tensors.items():
            if not tensor._is_initialized():  # an LSTM's dropout state, before it is used
                continue
            array = _array(tensor)
            if name not in self._known or not same_bits(array, self._known[name][1]):
                digest = digest_of(array)
                put(digest, array)
                self._known[name] = (digest, array)
        return {name: digest for name, (digest, _) in self._known.items()}

    def restore(self, digests: Mapping[str, str], get: Callable[[str], Array]) -> None:
        """Set every tensor to the array of its digest, in place; those that hold it already are not touched.

        All arrays are read before the first tensor is written, so that one that is missing changes nothing.
        """
        changes = {}
        for name, digest in digests.items():
            if name not in self.tensors:
                raise WorkspaceError(f"the recorded state has a tensor '{name}', which the model does not have; "
                                     "open the workspace with the model that it was made with")
            tensor = self.tensors[name]
            live = _array(tensor) if tensor._is_initialized() else None
            known = self._known.get(name)
            target = known[1] if known is not None and known[0] == digest else get(digest)
            if live is None or not same_bits(live, target):
                changes[name] = (tensor, target)
            self._known[name] = (digest, target)
        for name, (tensor, target) in changes.items():
            _write(tensor, target, name)


def _array(tensor: Any) -> Array:
    """A tensor's numbers as they are; bfloat16, which NumPy has not, as uint16."""
    array: Array = tensor.detach().numpy()
    array.setflags(write=False)
    return array


def _write(tensor: Any, array: Array, name: str) -> None:
    if tuple(tensor.shape) != array.shape:
        raise WorkspaceError(f"the recorded '{name}' has the shape {array.shape}, the model's {tuple(tensor.shape)}; "
                             "open the workspace with the model that it was made with")
    with paddle.no_grad():
        value = paddle.to_tensor(array, dtype=tensor.dtype, place=tensor.place)
        paddle.assign(value, output=tensor)
