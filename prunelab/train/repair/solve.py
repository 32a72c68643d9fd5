"""Ridge least squares from sums: by how much each weight changes so that an output comes nearest to its target.

``min_D sum_rows |r - x D|^2 + ridge |D|^2``, r what the output lacks, so the ridge leans towards the weights as they
are. Everything needed is in sums over rows, in float64: ``X'X``, ``X'r``, ``r'r``; those of the samples held out give
the error of any D there, which chooses the ridge of each output, and says whether D is any good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import paddle

# Shares of the mean diagonal of X'X, of which the samples held out choose one for each output.
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
# Beyond so many columns one ridge does for all outputs, the one that most of them chose: a solve takes a second.
MANY_COLUMNS = 1500
# Conjugate gradients stop at a millionth of the error at the start, which is more than the data know.
MOST_STEPS, TOLERANCE = 100, 1e-12


class Sums:
    """The sums of one operator's rows: ``x`` (groups, rows, columns), ``r`` and ``target`` (groups, rows, outputs)."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.xx: Any = None
        self.xr: Any = None
        self.rr: Any = None
        self.target: Any = None
        self.squares: Any = None

    def add(self, x: Any, r: Any, target: Any) -> None:
        """Take some rows; all in float64."""
        one = (paddle.matmul(x, x, transpose_x=True), paddle.matmul(x, r, transpose_x=True), (r * r).sum(1),
               target.sum(1), (target * target).sum(1))
        self.n_rows += x.shape[1]
        self._take(one)

    def _take(self, one: tuple[Any, ...]) -> None:
        before = (self.xx, self.xr, self.rr, self.target, self.squares)
        self.xx, self.xr, self.rr, self.target, self.squares = (
            b if a is None else a + b for a, b in zip(before, one, strict=True))

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        both = Sums()
        for sums in (self, other):
            if sums.n_rows:
                both.n_rows += sums.n_rows
                both._take((sums.xx, sums.xr, sums.rr, sums.target, sums.squares))
        return both

    def error(self, change: Any) -> Any:
        """The squared error once the weights have changed by (groups, columns, outputs): (groups, outputs)."""
        return self.rr + (change * (paddle.matmul(self.xx, change) - 2 * self.xr)).sum(1)

    @property
    def variance(self) -> Any:
        """The target's squared distance from its mean: (groups, outputs)."""
        return self.squares - self.target * self.target / max(self.n_rows, 1)


@dataclass(frozen=True)
class Solved:
    """``change``: (groups, columns, outputs), zero for outputs that nothing helps. ``before`` and ``after``: the part
    of the targets' variance that is missed, on what was held out (on the same rows where nothing was)."""

    change: Any
    before: float
    after: float
    ridge: float
    n_rows: int
    n_columns: int
    n_undone: int


def solve(fit: Sums, held_out: Sums, *, intercept: bool, weight: Any = None, mask: Any = None) -> Solved:
    """The change of the weights that helps most.

    Args:
        intercept: the last column is all ones, and no ridge leans on it.
        weight: (groups, outputs), what an output's error counts; without it, alike.
        mask: (groups, columns, outputs), 1 where a weight may change.
    """
    judge = held_out if held_out.n_rows else fit
    weight = paddle.ones_like(judge.rr) if weight is None else weight
    best, ridges = judge.rr, paddle.zeros_like(judge.rr)
    for ridge in RIDGES:
        error = judge.error(_change(fit, ridge, intercept, mask))
        better = error < best
        best, ridges = paddle.where(better, error, best), paddle.where(better, paddle.full_like(ridges, ridge), ridges)
    if ridges.size and fit.xx.shape[-1] > MANY_COLUMNS:
        most = max(RIDGES, key=lambda ridge: int((ridges == ridge).astype("int64").sum().item()))
        ridges = paddle.where(ridges > 0, paddle.full_like(ridges, most), ridges)
    # with the ridge chosen, the samples held out are data as any other
    everything = fit.plus(held_out)
    change = paddle.zeros_like(everything.xr)
    for ridge in RIDGES:
        chosen = ridges == ridge
        if bool(chosen.any().item()):
            change = paddle.where(chosen.unsqueeze(1), _change(everything, ridge, intercept, mask), change)
    change = paddle.where((judge.error(change) < judge.rr).unsqueeze(1), change, paddle.zeros_like(change))
    scale = float((judge.variance * weight).sum().item()) or 1.0
    helped = int((ridges > 0).astype("int64").sum().item())
    return Solved(change, float((judge.rr * weight).sum().item()) / scale,
                  max(float((best * weight).sum().item()) / scale, 0.0),
                  float(ridges.sum().item()) / max(helped, 1), everything.n_rows,
                  int(everything.xr.shape[1]) - intercept, int(ridges.size) - helped)


def _change(sums: Sums, ridge: float, intercept: bool, mask: Any) -> Any:
    """(groups, columns, outputs): the solution of ``(X'X + ridge) D = X'r``."""
    diagonal = paddle.diagonal(sums.xx, axis1=-2, axis2=-1)
    lean = ridge * diagonal.mean(-1, keepdim=True) * paddle.ones_like(diagonal)
    if intercept:  # no ridge leans on a bias
        lean[:, -1] = 1e-12 * diagonal[:, -1]
    # inputs that never fire would not invert; nothing pulls at them either
    lean = lean + (diagonal <= 0).astype("float64")
    whole = sums.xx + paddle.diag_embed(lean)
    return paddle.linalg.solve(whole, sums.xr) if mask is None else _solve_masked(whole, sums.xr, mask)


def _solve_masked(a: Any, b: Any, mask: Any) -> Any:
    """Each output over the weights that it keeps: conjugate gradients on all outputs at once, since every one has a
    matrix of its own, and their rows and columns are those of one."""
    scale = paddle.diagonal(a, axis1=-2, axis2=-1).unsqueeze(-1)
    x, r = paddle.zeros_like(b), b * mask
    p = r / scale
    size = first = (r * p).sum(1, keepdim=True)
    for _ in range(MOST_STEPS):
        if float((size - TOLERANCE * first).max().item()) <= 0:
            break
        ap = paddle.matmul(a, p) * mask
        step = size / (p * ap).sum(1, keepdim=True).clip(min=1e-300)
        x, r = x + step * p, r - step * ap
        before, size = size, (r * r / scale).sum(1, keepdim=True)
        p = r / scale + size / before.clip(min=1e-300) * p
    return x
