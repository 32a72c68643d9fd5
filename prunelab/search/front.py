"""Points under several objectives: who is beaten by nobody, what they cover, where the front bends. Pure NumPy.

Everywhere lower is better; points are (points, objectives).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def front_of(points: Array) -> Array:
    """(points,), bool: whether no other point is as good in all objectives and better in one. Of equal points the first
    stands for all."""
    points = np.asarray(points, float)
    out = np.ones(len(points), bool)
    for k, point in enumerate(points):
        no_worse, better = (points <= point).all(axis=1), (points < point).any(axis=1)
        equal = (points == point).all(axis=1)
        out[k] = not (no_worse & better).any() and not equal[:k].any()
    return out


def hypervolume(points: Array, reference: Array) -> float:
    """The volume that points cover towards ``reference``: (objectives,), which is as bad as or worse than all that
    count.

    Zitzler, Thiele, 1999 (doi:10.1109/4235.797969), cut into slices along the last objective.
    """
    inside = np.asarray(points, float)
    inside = inside[(inside < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    if inside.shape[1] == 1:
        return float(reference[0] - inside.min())
    inside = inside[front_of(inside)]
    order = inside[np.argsort(inside[:, -1], kind="stable")]
    ends = np.append(order[1:, -1], reference[-1])
    return float(sum((end - low) * hypervolume(order[: k + 1, :-1], reference[:-1])
                     for k, (low, end) in enumerate(zip(order[:, -1], ends, strict=True)) if end > low))


def knee_of(points: Array) -> int:
    """Which point of a front bends it most: the one farthest below the plane through the best of each objective, all of
    them scaled by what the front spans.

    Das, 1999 (doi:10.1007/s001580050111); in two objectives this is the farthest from the line between the ends.
    """
    points = np.asarray(points, float)
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    # the ends stand where one objective is 0 and another 1: their plane is where the sum is constant
    return int(np.argmin(scaled.sum(axis=1)))
