"""Whether two ways to compute something agree: inputs to run both on, and how far their outputs are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle

from prunelab.graph import TensorSpec
from prunelab.graph.program import flatten

Array = np.ndarray[Any, Any]

# Largest relative difference between two ways to compute one thing, by type. In float32 the worst of 124 networks cut
# in half was off by 6e-6; half precision has three digits, bfloat16 two.
TOLERANCE = {"float32": 1e-4, "float64": 1e-4, "float16": 2e-2, "bfloat16": 5e-2}


def example_arrays(specs: Sequence[TensorSpec], *, batch: int | None = None, given: Sequence[Array | None] = (),
                   seed: int = 0) -> list[Array]:
    """An array for each input: normal numbers, ids 0 and 1 (every vocabulary has them), all true; ``given`` ones as
    they are.

    ``batch`` is the size of the batch axis where there is one; given arrays are repeated or cut to it. The same seed
    gives the same numbers; no global generator is touched.
    """
    rng = np.random.default_rng(seed)
    arrays = []
    for k, spec in enumerate(specs):
        shape = spec.shape if batch is None else spec.at_batch(batch)
        known = given[k] if k < len(given) else None
        arrays.append(_random(rng, shape, spec.dtype) if known is None else _at_size(known, shape, spec.batch_axis))
    return arrays


def as_tensors(specs: Sequence[TensorSpec], arrays: Sequence[Array], place: Any) -> list[Any]:
    """The arrays as tensors of the specifications' types on ``place``."""
    return [paddle.to_tensor(array, dtype=spec.dtype, place=place) for spec, array in zip(specs, arrays, strict=True)]


def random_inputs(specs: Sequence[TensorSpec], place: Any) -> list[Any]:
    """A tensor for each input, of the traced shape: see `example_arrays`."""
    return as_tensors(specs, example_arrays(specs), place)


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    if dtype == "bool":
        return np.ones(shape, bool)
    if dtype.startswith(("int", "uint")):
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype if dtype in ("float16", "float64") else "float32")


def _at_size(array: Array, shape: tuple[int, ...], batch_axis: int | None) -> Array:
    if batch_axis is None or array.shape == shape:
        return array
    return np.take(array, np.arange(shape[batch_axis]) % array.shape[batch_axis], axis=batch_axis)


def array_error(ours: Array, reference: Array) -> float:
    """``max|a - b| / max|b|`` over what is finite; infinite for another shape, or where other numbers are not.

    A reference that is zero everywhere is compared by the absolute error; one without numbers counts for nothing.
    """
    a, b = np.asarray(ours), np.asarray(reference)
    if a.shape != b.shape:
        return float("inf")
    if b.size == 0:
        return 0.0
    kind = np.complex128 if np.iscomplexobj(b) else np.float64
    a, b = a.astype(kind), b.astype(kind)
    finite = np.isfinite(b)
    if not (np.isfinite(a[finite]).all() and np.array_equal(a[~finite], b[~finite], equal_nan=True)):
        return float("inf")
    if not finite.any():
        return 0.0
    scale = float(np.abs(b[finite]).max())
    return float(np.abs(a[finite] - b[finite]).max()) / (scale or 1.0)


def relative_error(a: Any, b: Any) -> float:
    """The largest `array_error` between two nests of tensors; infinite for another nest."""
    left, right = flatten(a), flatten(b)
    if len(left) != len(right):
        return float("inf")
    worst = 0.0
    for x, y in zip(left, right, strict=True):
        if isinstance(y, paddle.Tensor):
            worst = max(worst, array_error(_array(x), _array(y)) if isinstance(x, paddle.Tensor) else float("inf"))
    return worst


def close(a: Any, b: Any) -> bool:
    """Whether two nests of tensors agree to rounding."""
    kinds = [str(t.dtype).rpartition(".")[2] for t in flatten(b) if isinstance(t, paddle.Tensor)]
    return relative_error(a, b) <= max((TOLERANCE.get(k, 0.0) for k in kinds), default=0.0)


def _array(tensor: Any) -> Array:
    # NumPy knows no bfloat16
    exact = tensor if tensor.is_complex() else tensor.astype("float64")
    return np.asarray(exact.detach().numpy())
