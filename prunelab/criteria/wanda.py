"""Single weights by magnitude times the size of what they read."""

from __future__ import annotations

import numpy as np

from prunelab.criteria.base import Array


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
