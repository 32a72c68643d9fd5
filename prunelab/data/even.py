"""A part of a data set with its classes in the proportion of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def evenly(order: Array, classes: Array, n: int) -> Array:
    """``n`` of the samples of ``order``: the first of each class, so many that the classes' shares are what they were.

    What is left over goes, one each, to those that would get the largest fraction of a sample (Hamilton's method).
    ``classes`` (samples,) is by index, not by the order.
    """
    names, counts = np.unique(classes, return_counts=True)
    exact = counts * n / len(order)
    share = np.floor(exact).astype(int)
    share[np.argsort(share - exact, kind="stable")[: n - share.sum()]] += 1
    ranked = classes[order]
    return np.concatenate([order[ranked == name][:k] for name, k in zip(names, share, strict=True)])
