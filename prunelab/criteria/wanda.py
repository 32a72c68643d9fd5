"""Single weights by magnitude times the size of what they read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.grouped import Normalized


def wanda(weights: Array, input_squares: Array) -> Array:
    """``score_ij = |w_ij| ||x_j||_2``: (outputs, inputs), compared within each output's row; higher is kept.

    Sun, Liu, Bair, Kolter: A Simple and Effective Pruning Approach for Large Language Models, 2024 (arXiv:2306.11695),
    equation 1.

    Args:
        weights: (outputs, inputs).
        input_squares: (inputs,), the sum or the mean of the inputs' squares over the data: the diagonal of the second
            moment.
    """
    return np.abs(weights) * np.sqrt(np.maximum(input_squares, 0.0))[None, :]


@dataclass(frozen=True, kw_only=True)
class Wanda(Normalized):
    """``score(u) = rank_j(|w_ij| ||x_j||_2) / n``, the place within its output's row of n: every output loses alike.

    Sun, Liu, Bair, Kolter, 2024 (arXiv:2306.11695); see `wanda`. A kernel or a tile has the sum of its
    weights' ranks. A weight that no single operator reads, of which nothing is known, goes by magnitude. What stays is
    solved anew by `prunelab.repair`.
    """

    name = "wanda"
    needs = ("input_squares",)
    comparable = True

    def scores(self, material: Material) -> Array:
        if material.inputs is None:
            return np.abs(material.weights).sum(axis=1)
        inputs = material.inputs
        by_row = [wanda(w.T, squares).T for w, squares in zip(inputs.weights, inputs.moments.squares, strict=True)]
        return inputs.per_unit(np.stack([_ranks(scores) for scores in by_row]), material.units)


def _ranks(scores: Array) -> Array:
    """(columns, outputs): each score's place among those of its output, the highest one."""
    order = np.argsort(scores, axis=0, kind="stable")
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, np.arange(1.0, len(scores) + 1)[:, None], axis=0)
    return ranks / max(len(scores), 1)
