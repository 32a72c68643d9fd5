"""An array as what changed in another one: where, and the new values; where all of them are zero, only where.

A step that cuts sets elements to zero. As a patch it takes a few bytes, whatever the size of the weight.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_LEAST = 1024  # bytes; below that a patch saves nothing


def patch(array: Array, base: Array) -> dict[str, Array] | None:
    """``array`` as a patch of ``base``: "where" (zlib of packed bits) and "values"; None where it would not be much
    smaller."""
    if array.nbytes < _LEAST or array.dtype != base.dtype or array.shape != base.shape:
        return None
    new, old = _elements(array), _elements(base)
    changed = new != old
    values = new[changed]
    parts = {} if not values.any() else {"values": array.reshape(-1)[changed]}
    if values.any() and values.nbytes > array.nbytes // 2:
        return None
    parts["where"] = np.frombuffer(zlib.compress(np.packbits(changed).tobytes(), 1), np.uint8)
    return parts if sum(part.nbytes for part in parts.values()) <= array.nbytes // 2 else None


def patched(base: Array, parts: Mapping[str, Array]) -> Array:
    """The array that `patch` made the parts of.

    Raises:
        ValueError: parts that fit no patch of ``base``.
    """
    size = -(-base.size // 8)
    # no more than is due is unpacked, whatever the bytes claim to hold
    try:
        bits = zlib.decompressobj().decompress(parts["where"].tobytes(), size + 1)
    except zlib.error as error:
        raise ValueError(f"a patch is damaged: {error}") from error
    if len(bits) != size:
        raise ValueError("a patch of another array")
    changed = np.unpackbits(np.frombuffer(bits, np.uint8), count=base.size).astype(bool)
    array = np.array(base, order="C").reshape(-1)
    array[changed] = parts["values"] if "values" in parts else np.zeros((), base.dtype)
    return array.reshape(base.shape)


def _elements(array: Array) -> Array:
    """The elements as whole numbers, so that they compare as bits: NaN equals itself, and 0.0 differs from -0.0."""
    flat = np.asarray(array, order="C").reshape(-1)
    return flat.view(f"u{flat.itemsize}") if flat.itemsize in (1, 2, 4, 8) else flat
