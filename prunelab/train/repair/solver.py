"""One site solved: its rows summed along the walk, and what was found put into the smaller network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import paddle

from prunelab.graph import Graph
from prunelab.graph.widths import Kept
from prunelab.train.repair.report import RepairedLayer
from prunelab.train.repair.sites import Site
from prunelab.train.repair.solve import Solved, Sums
from prunelab.train.repair.walk import Walk

# What float32 leaves of a squared relative error where two networks compute the same.
_EQUAL = 1e-11


class Rows(Protocol):
    """How one kind of operator is seen as rows: outputs change by ``columns @ change``."""

    kind: str
    reads: tuple[int, ...]

    def columns(self, tensors: Sequence[Any], positions: Sampling) -> Any:
        """(groups, rows, columns), float64, of the values that it ``reads`` in the smaller network."""

    def outputs(self, tensor: Any, positions: Sampling) -> Any:
        """(groups, rows, outputs), float64, of a tensor shaped as its output."""

    def solved(self, fit: Sums, held_out: Sums, factor: Any) -> Solved:
        """The change that helps most."""

    def settle(self, held: dict[int, Any], change: Any) -> None:
        """Put the changed tensors into ``held``."""


class Sampling:
    """Which positions of a sample are looked at: random ones where there are too many, others for each part."""

    def __init__(self, most: int, n_samples: int, rng: np.random.Generator) -> None:
        self.each, self.rng = max(1, most // max(n_samples, 1)), rng
        self._chosen: dict[int, np.ndarray[Any, Any] | None] = {}

    def next_part(self) -> None:
        """Draw anew."""
        self._chosen = {}

    def of(self, n: int) -> np.ndarray[Any, Any] | None:
        """Which of ``n`` positions; None for all."""
        if n not in self._chosen:
            few = n > self.each
            self._chosen[n] = np.sort(self.rng.choice(n, self.each, replace=False)) if few else None
        return self._chosen[n]


def solve_site(graph: Graph, kept: Kept, walk: Walk, site: Site, rows: Rows,
               sampling: Sampling) -> RepairedLayer | None:
    """Solve an operator, and put what was found into the walk's smaller network. None where there is nothing to do."""
    factor = site.factor(walk.small.held)
    over = None if factor is None else _safe_inverse(factor).reshape([factor.shape[0]])
    fit, held_out = Sums(), Sums()
    for part, (target,), values in walk.visit(site.op.index, [site.target], [*rows.reads, site.target]):
        sampling.next_part()
        aim = rows.outputs(kept_part(graph, kept, site.target, target), sampling)
        missing = aim - rows.outputs(values[-1], sampling)
        if over is not None:
            missing = missing * over.reshape([aim.shape[0], 1, -1])
            aim = aim * over.reshape([aim.shape[0], 1, -1])
        (held_out if part.held_out else fit).add(rows.columns(values[:-1], sampling), missing, aim)
    both = fit.plus(held_out)
    if float(both.rr.sum().item()) <= _EQUAL * float(both.squares.sum().item()):
        return None
    weight = None if factor is None else (factor * factor).reshape([fit.rr.shape[0], -1])
    solved = rows.solved(fit if fit.n_rows else held_out, held_out, weight)
    rows.settle(walk.small.held, solved.change)
    n_outputs = int(solved.change.shape[0] * solved.change.shape[2])
    return RepairedLayer(site.layer, rows.kind, solved.before, solved.after, solved.ridge, solved.n_rows,
                         solved.n_columns, n_outputs, solved.n_undone)


def settle_statistics(graph: Graph, kept: Kept, walk: Walk, site: Site, rows: Rows, sampling: Sampling) -> None:
    """Give a batch norm the statistics of the smaller network as it is by now; it computes the same."""
    for _, _, values in walk.visit(site.op.index, [], [*rows.reads]):
        sampling.next_part()
        columns = rows.columns(values, sampling)
    rows.settle(walk.small.held, paddle.zeros_like(columns[:, :1]).transpose([0, 2, 1]))


def _safe_inverse(factor: Any) -> Any:
    """A channel that hardly reaches the target can do nothing about it: zero."""
    reaches = factor.abs() > 1e-3 * factor.abs().max()
    return paddle.where(reaches, 1 / paddle.where(reaches, factor, paddle.ones_like(factor)), paddle.zeros_like(factor))


def kept_part(graph: Graph, kept: Kept, value: int, tensor: Any) -> Any:
    """What is kept of a value of the dense network."""
    for axis, d in enumerate(graph.structure.solution.dims[value]):
        if kept.changes(d):
            where = paddle.to_tensor(kept.positions(d).astype(np.int64), place=tensor.place)
            tensor = paddle.index_select(tensor, where, axis=axis)
    return tensor
