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
from prunelab.lab.randomness import RandomState

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Snapshot:
    """The bits of a state: the digest of each tensor, and the random states."""

    tensors: Mapping[str, str]
    random: RandomState


@dataclass(frozen=True)
class Change:
    """An array that is new, and what it was made from: the digest and the array that its tensor held before."""

    array: Array
    base: str | None = None
    base_array: Array | None = None


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

    def __init__(self, tensors: Callable[[], Mapping[str, Any]]) -> None:
        self._tensors = tensors
        self._known: dict[str, tuple[str, Array]] = {}
        self._pending = self._known

    def known(self, name: str) -> Array:
        """The array of a tensor as it was last recorded or restored; not to be written to."""
        return self._known[name][1]

    def record(self) -> tuple[dict[str, str], dict[str, Change]]:
        """The digest of each tensor, and by digest what changed since it was last recorded or restored.

        `recorded` is to be called when they are stored: until then the copies are of the state before.
        """
        digests, fresh, pending = {}, {}, dict(self._known)
        for name, tensor in self._tensors().items():
            if not tensor._is_initialized():  # an LSTM's dropout state, before it is used
                continue
            live = _view(tensor)
            if name not in self._known or not same_bits(live, self._known[name][1]):
                array = _frozen(live.copy())
                digest = digest_of(array)
                fresh[digest] = Change(array, *self._known.get(name, (None, None)))
                pending[name] = (digest, array)
            digests[name] = pending[name][0]
        self._pending = pending
        return digests, fresh

    def recorded(self) -> None:
        """What `record` found is stored."""
        self._known = self._pending

    def restore(self, digests: Mapping[str, str], get: Callable[[str], Array]) -> None:
        """Set every tensor to the array of its digest, in place; those that hold it already are not touched.

        All arrays are read before the first tensor is written, so that one that is missing changes nothing.
        """
        tensors, changes, known = self._tensors(), {}, dict(self._known)
        for name, digest in digests.items():
            if name not in tensors:
                raise WorkspaceError(f"the recorded state has a tensor '{name}', which the model does not have; "
                                     "open the workspace with the model that it was made with")
            tensor = tensors[name]
            target = known[name][1] if name in known and known[name][0] == digest else get(digest)
            if not tensor._is_initialized() or not same_bits(_view(tensor), target):
                changes[name] = (tensor, target)
            known[name] = (digest, target)
        self._known = known
        for name, (tensor, target) in changes.items():
            _write(tensor, target, name)


_VIEWED = (paddle.float32, paddle.float64, paddle.float16, paddle.int64, paddle.int32, paddle.int16, paddle.int8,
           paddle.uint8)


def _view(tensor: Any) -> Array:
    """A tensor's numbers as they are, for reading at once: on the CPU where they lie, elsewhere a copy; bfloat16, which
    NumPy has not, as uint16."""
    plain = tensor.detach()
    if tensor.dtype in _VIEWED and tensor.place.is_cpu_place() and 0 not in tensor.shape:
        return np.from_dlpack(plain)
    return np.asarray(plain.numpy())


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array


def _write(tensor: Any, array: Array, name: str) -> None:
    if tuple(tensor.shape) != array.shape:
        raise WorkspaceError(f"the recorded '{name}' has the shape {array.shape}, the model's {tuple(tensor.shape)}; "
                             "open the workspace with the model that it was made with")
    with paddle.no_grad():
        value = paddle.to_tensor(array, dtype=tensor.dtype, place=tensor.place)
        paddle.assign(value, output=tensor)
