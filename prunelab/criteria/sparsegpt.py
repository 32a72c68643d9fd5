"""Single weights by the error that remains once the others make up for them, and these others' new values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.criteria.element import element_mask, n_m_mask
from prunelab.criteria.grouped import Normalized

# The authors' own: columns updated at once, and the share of the mean diagonal that is added to the Hessian.
BLOCK, DAMPENING = 128, 0.01


def sparsegpt_scores(weights: Array, second: Array, *, dampening: float = DAMPENING) -> Array:
    """``score_ij = w_ij^2 / [H^-1]_jj``: the squared error without a weight, all others of its row solved anew.

    Frantar, Alistarh: SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot, 2023 (arXiv:2301.00774),
    equation 3, as in optimal brain surgeon. ``weights``: (outputs, inputs); ``second``: (inputs, inputs), the inputs'
    second moment, H up to a factor. Gives (outputs, inputs), higher is kept.
    """
    return np.square(weights) / np.diag(np.linalg.inv(_dampened(second, dampening)))[None, :]


def sparsegpt(weights: Array, second: Array, *, sparsity: float | None = None, pattern: tuple[int, int] | None = None,
              mask: Array | None = None, block: int = BLOCK, dampening: float = DAMPENING) -> tuple[Array, Array]:
    """New weights and their mask, (outputs, inputs) each: what goes is made up for by what stands to its right.

    Frantar, Alistarh, 2023 (arXiv:2301.00774), algorithm 1: columns from left to right, in each block the mask is
    chosen by the squared error, and every error is passed on by a row of the Cholesky factor of H^-1.

    Args:
        sparsity: the fraction removed, in [0, 1); or ``pattern``: (n, m), n of every m neighbours stay; or ``mask``: a
            given one, True where a weight stays.
    """
    choose = _chooser(sparsity, pattern, mask)
    damped = _dampened(second, dampening)
    # upper.T @ upper == H^-1: its row j says where to the right the error of column j goes
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    new, kept = weights.astype(np.float64).copy(), np.ones(weights.shape, bool)
    step = block if pattern is None else max(pattern[1], block // pattern[1] * pattern[1])
    for start in range(0, weights.shape[1], step):
        stop = min(start + step, weights.shape[1])
        scores = np.square(new[:, start:stop]) / np.square(np.diag(upper)[start:stop])[None, :]
        kept[:, start:stop] = choose(scores, start, stop)
        errors = np.zeros((len(new), stop - start))
        for j in range(start, stop):
            lost = np.where(kept[:, j], 0.0, new[:, j]) / upper[j, j]
            new[:, j:stop] -= lost[:, None] * upper[j, j:stop][None, :]
            errors[:, j - start] = lost
        new[:, stop:] -= errors @ upper[start:stop, stop:]
    return np.where(kept, new, 0.0), kept


def solve_masked(weights: Array, second: Array, mask: Array, *, dampening: float = DAMPENING) -> Array:
    """The weights at ``mask`` that are nearest to the dense outputs: each row's least squares over what it keeps.

    Unlike `sparsegpt`, the error of a weight is made up for on both sides of it, at the price of one solve a row.
    ``weights``, ``mask``: (outputs, inputs); ``second``: (inputs, inputs).
    """
    damped = _dampened(second, dampening)
    new = np.zeros(weights.shape)
    for row, stays in enumerate(mask):
        here = np.flatnonzero(stays)
        if len(here):
            new[row, here] = np.linalg.solve(damped[np.ix_(here, here)], damped[here] @ weights[row])
    return new


@dataclass(frozen=True, kw_only=True)
class SparseGPT(Normalized):
    """``score(u) = w_ij^2 / [H^-1]_jj``: the squared error that is left of a weight once all others of its row have
    made up for it.

    Frantar, Alistarh, 2023 (arXiv:2301.00774), equation 3; see `sparsegpt_scores`. A kernel or a tile
    has the sum of its weights' scores. The update that the score counts on is that of `prunelab.repair`, which solves
    all kept weights of a row at once (`solve_masked`; the paper's own, `sparsegpt`, passes errors on to the right
    only). A weight that no single operator reads goes by its square.
    """

    name = "sparsegpt"
    needs = ("input_squares", "input_moments")
    comparable = True

    def scores(self, material: Material) -> Array:
        if material.inputs is None:
            return np.square(material.weights).sum(axis=1)
        inputs = material.inputs
        assert inputs.moments.second is not None
        pairs = zip(inputs.weights, inputs.moments.second, strict=True)
        found = [sparsegpt_scores(weights.T, second).T for weights, second in pairs]
        return inputs.per_unit(np.stack(found), material.units)


def _chooser(sparsity: float | None, pattern: tuple[int, int] | None,
             mask: Array | None) -> Callable[[Array, int, int], Array]:
    if mask is not None:
        return lambda scores, start, stop: mask[:, start:stop]
    if pattern is not None:
        return lambda scores, start, stop: n_m_mask(scores, *pattern)
    return lambda scores, start, stop: element_mask(scores, 0.5 if sparsity is None else sparsity)


def _dampened(second: Array, dampening: float) -> Array:
    """The Hessian with a share of its mean diagonal added; inputs that never fire get one, so that it inverts."""
    out = second.astype(np.float64).copy()
    diagonal = np.diag(out).copy()
    dead = diagonal <= 0
    out[dead, dead] = 1.0
    out[np.diag_indices_from(out)] += dampening * max(float(diagonal.mean()), 1e-12)
    return out
