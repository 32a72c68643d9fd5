"""How far what a written file computes is from what the model computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prunelab.export.base import TOLERANCE, Array
from prunelab.surgery.compare import array_error

__all__ = ["TOLERANCE", "relative_error"]

def relative_error(ours: Sequence[Array], reference: Sequence[Array]) -> float:
    """The largest ``max|a - b| / max|b|`` over the outputs; infinite for another number or shape of outputs, or other
    NaNs.

    An output that is zero everywhere is compared by its absolute error; one without numbers counts for nothing.
    """
    if len(ours) != len(reference):
        return float("inf")
    return max((_one(a, b) for a, b in zip(ours, reference, strict=True)), default=0.0)


def _one(ours: Array, reference: Array) -> float:
    a, b = np.asarray(ours), np.asarray(reference)
    # A scalar is [] in Paddle and, from some converters, [1].
    return array_error(a.reshape(b.shape) if a.size == b.size == 1 else a, b)
