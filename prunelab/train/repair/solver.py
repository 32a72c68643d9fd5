"""One site solved: its rows summed along the walk, and what was found put into the smaller network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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

    def outputs(self, tensor: Any, positions: Sampling, use: int = 0) -> Any:
        """(groups, rows, outputs), float64, of a tensor shaped as the output of one of the operators that share it."""

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
    task = _Task(graph, kept, walk, site, rows, sampling)
    fit, held_out = task.sums()
    both = fit.plus(held_out)
    if float(both.rr.sum().item()) <= _EQUAL * float(both.squares.sum().item()):
        return None
    weight = None if task.factor is None else (task.factor * task.factor).reshape([fit.rr.shape[0], -1])
    solved = rows.solved(fit if fit.n_rows else held_out, held_out, weight)
    n_outputs = int(solved.change.shape[0] * solved.change.shape[2])
    found = RepairedLayer(site.layer, rows.kind, solved.before, solved.after, solved.ridge, solved.n_rows,
                          solved.n_columns, n_outputs, solved.n_undone)
    before = dict(walk.small.held)
    rows.settle(walk.small.held, solved.change)
    if site.feeds_itself:  # what one of its operators makes, a later one reads, so that its rows are others by now
        after = task.missed()
        if not after < found.before:
            walk.small.held.update(before)
            return replace(found, after=found.before, outputs_undone=n_outputs)
        found = replace(found, after=after)
    return found


class _Task:
    """The rows of a site, in sums; ``factor``: by what each channel of the first operator's output reaches its
    target."""

    def __init__(self, graph: Graph, kept: Kept, walk: Walk, site: Site, rows: Rows, sampling: Sampling) -> None:
        self.graph, self.kept, self.walk, self.site, self.rows, self.sampling = graph, kept, walk, site, rows, sampling
        factors = [use.factor(walk.small.held) for use in site.uses]
        self.factor = factors[0]
        self.over = [None if f is None else _safe_inverse(f).reshape([f.shape[0]]) for f in factors]

    def sums(self) -> tuple[Sums, Sums]:
        """Of the rows to fit, and of those held out."""
        fit, held_out = Sums(), Sums()
        targets = [use.target for use in self.site.uses]
        n = len(self.rows.reads)
        for part, dense, small in self.walk.visit(self.site.op.index, targets, [*self.rows.reads, *targets]):
            self.sampling.next_part()
            aims, missing = [], []
            for k, over in enumerate(self.over):
                aim = self.rows.outputs(kept_part(self.graph, self.kept, targets[k], dense[k]), self.sampling, k)
                lacks = aim - self.rows.outputs(small[n + k], self.sampling, k)
                scale = None if over is None else over.reshape([aim.shape[0], 1, -1])
                aims.append(aim if scale is None else aim * scale)
                missing.append(lacks if scale is None else lacks * scale)
            columns = self.rows.columns(small[:n], self.sampling)
            (held_out if part.held_out else fit).add(columns, _joined(missing), _joined(aims))
        return fit, held_out

    def missed(self) -> float:
        """The part of the targets' variance that is missed by now, on what is held out."""
        fit, held_out = self.sums()
        judge = held_out if held_out.n_rows else fit
        weight = 1.0 if self.factor is None else (self.factor * self.factor).reshape([judge.rr.shape[0], -1])
        return float((judge.rr * weight).sum().item()) / (float((judge.variance * weight).sum().item()) or 1.0)


def _joined(rows: Sequence[Any]) -> Any:
    return paddle.concat(list(rows), axis=1) if len(rows) > 1 else rows[0]


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
