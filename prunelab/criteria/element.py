"""From scores of single weights to masks: (outputs, inputs), bool, True where a weight stays."""

from __future__ import annotations

import numpy as np

from prunelab.criteria.base import Array
from prunelab.errors import OptionError, check_ratio


def element_mask(scores: Array, sparsity: float, *, by_row: bool = False) -> Array:
    """The weights of highest score stay; ``by_row`` takes the same number from each output's row.

    Args:
        sparsity: the fraction removed, in [0, 1).
    """
    sparsity = check_ratio(sparsity, place="sparsity")
    rows = scores if by_row else scores.reshape(1, -1)
    n = round(rows.shape[1] * sparsity)
    mask = np.ones(rows.shape, bool)
    np.put_along_axis(mask, np.argsort(rows, axis=1, kind="stable")[:, :n], False, axis=1)
    return mask.reshape(scores.shape)


def n_m_mask(scores: Array, n: int = 2, m: int = 4) -> Array:
    """Of every ``m`` neighbouring inputs the ``n`` of highest score stay; the last, shorter run keeps its share.

    Zhou, Ma, Zhu, Liu, Zhang, Yuan, Sun, Li: Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch,
    2021 (arXiv:2102.04010); 2:4 is what sparse tensor cores take.
    """
    if not 0 < n <= m:
        raise OptionError(f"{n}:{m} is no pattern; n of every m weights stay, with 0 < n <= m, such as 2:4")
    outputs, inputs = scores.shape
    short = -inputs % m
    padded = np.pad(scores, ((0, 0), (0, short)), constant_values=-np.inf).reshape(outputs, -1, m)
    order = np.argsort(-padded, axis=2, kind="stable")
    mask = np.zeros(padded.shape, bool)
    np.put_along_axis(mask, order[:, :, :n], True, axis=2)
    return mask.reshape(outputs, -1)[:, :inputs]
