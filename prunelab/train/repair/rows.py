"""Weighted operators and norms as rows: what they read, what they give, and how a change is put into their tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import paddle

from prunelab.evaluate.weighted import Weighted
from prunelab.graph.program import Op
from prunelab.train.repair.sites import operand
from prunelab.train.repair.solve import Solved, Sums, solve
from prunelab.train.repair.solver import Sampling


def with_ones(x: Any) -> Any:
    """One more column, of ones: (groups, rows, columns + 1)."""
    return paddle.concat([x, paddle.ones_like(x[:, :, :1])], axis=2)


class WeightedRows:
    """A convolution or a matrix product: its columns are its inputs, its change is that of its weight and bias.

    Args:
        uses: the operator of the smaller network, or all that share the weight, whose rows are taken together;
            ``weight`` and ``bias`` are their value ids.
        absorbs: the batch norm whose mean stands in for a bias.
        stays: the weight's shape, 1 where a weight is not masked; None where none is.
    """

    kind = "weights"

    def __init__(self, uses: Sequence[Weighted], weight: int, bias: int | None, absorbs: Op | None,
                 stays: Any) -> None:
        self.uses, self.weighted, self.weight, self.bias, self.absorbs = uses, uses[0], weight, bias, absorbs
        self.stays = stays
        self.intercept = bias is not None or absorbs is not None
        self.reads: tuple[int, ...] = tuple(w.x for w in uses)
        if bias is not None:
            self.kind = "weights, bias"

    def columns(self, tensors: Sequence[Any], positions: Sampling) -> Any:
        parts = [w.columns(x.astype("float64"), positions.of(_n_positions(w, x)), live=True)
                 for w, x in zip(self.uses, tensors, strict=True)]
        out = paddle.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        return with_ones(out) if self.intercept else out

    def outputs(self, tensor: Any, positions: Sampling, use: int = 0) -> Any:
        w = self.uses[use]
        return w.rows(tensor.astype("float64"), positions.of(_n_positions(w, tensor)))

    def _live(self, like: Any) -> Any:
        return paddle.to_tensor(np.flatnonzero(self.weighted.live), place=like.place)

    def solved(self, fit: Sums, held_out: Sums, weight: Any) -> Solved:
        mask = None
        if self.stays is not None:
            whole = self.weighted.matrix(self.stays.astype("float64"))
            mask = paddle.index_select(whole, self._live(whole), axis=1)
            mask = paddle.concat([mask, paddle.ones_like(mask[:, :1])], axis=1) if self.intercept else mask
        return solve(fit, held_out, intercept=self.intercept, weight=weight, mask=mask)

    def settle(self, held: dict[int, Any], change: Any) -> None:
        before = held[self.weight]
        matrix = self.weighted.matrix(before.astype("float64"))
        live = self._live(before)
        n = live.shape[0]
        groups, _, outputs = matrix.shape
        # what meets padding only can be anything; it stays
        moved = paddle.scatter_nd(live.unsqueeze(1), change[:, :n].transpose([1, 0, 2]),
                                  [matrix.shape[1], groups, outputs]).transpose([1, 0, 2])
        new = self.weighted.unmatrix(matrix + moved)
        held[self.weight] = new.reshape(before.shape).astype(before.dtype)
        if self.intercept:
            shift = change[:, n].reshape([-1])
            # a batch norm takes its mean away, so less of it is more of a bias
            value, sign = (self.bias, 1.0) if self.absorbs is None else (operand(self.absorbs, "mean"), -1.0)
            assert value is not None
            old = held[value]
            held[value] = (old.astype("float64") + sign * shift).astype(old.dtype)


def _n_positions(w: Weighted, tensor: Any) -> int:
    # a matrix product's other axes may be cut, a convolution's space is not
    return int(np.prod(tensor.shape[1:-1])) if w.kind == "linear" else w.positions


class NormRows:
    """A norm with a gain and a bias a channel: each channel's output has one column, itself.

    A batch norm's statistics become those of the smaller network, and its gain and bias follow, so that it computes the
    same while it evaluates, and about the same while it trains. Norms that share them are taken together.
    """

    kind = "gain, bias"

    def __init__(self, uses: Sequence[Op], axis: int) -> None:
        self.op, self.axis, op = uses[0], axis, uses[0]
        self.gain, self.shift = operand(op, "scale"), operand(op, "bias")
        self.has_statistics = op.operand("mean") is not None
        self.n_uses, outs = len(uses), [one.outputs[0] for one in uses]
        self.reads: tuple[int, ...] = (*[operand(one, "x") for one in uses if self.has_statistics], *outs)
        self.n, self.total, self.squares = 0, cast(Any, 0.0), cast(Any, 0.0)
        if self.has_statistics:
            self.kind = "gain, bias, statistics"

    def columns(self, tensors: Sequence[Any], positions: Sampling) -> Any:
        for x in (self.outputs(t, positions) for t in (tensors[: self.n_uses] if self.has_statistics else ())):
            self.n += x.shape[1]
            self.total = self.total + x.sum([1, 2])
            self.squares = self.squares + (x * x).sum([1, 2])
        return with_ones(paddle.concat([self.outputs(t, positions) for t in tensors[-self.n_uses:]], axis=1))

    def outputs(self, tensor: Any, positions: Sampling, use: int = 0) -> Any:
        rest = [k for k in range(1, tensor.ndim) if k != self.axis]
        first = tensor.transpose([self.axis, 0, *rest]) if tensor.ndim > 1 else tensor
        flat = first.reshape([first.shape[0], first.shape[1], -1])
        chosen = positions.of(flat.shape[2])
        if chosen is not None:
            flat = paddle.index_select(flat, paddle.to_tensor(chosen, place=flat.place), axis=2)
        return flat.reshape([flat.shape[0], -1, 1]).astype("float64")

    def solved(self, fit: Sums, held_out: Sums, weight: Any) -> Solved:
        return solve(fit, held_out, intercept=True, weight=weight)

    def settle(self, held: dict[int, Any], change: Any) -> None:
        slope, shift = change[:, 0, 0] + 1, change[:, 1, 0]
        gain, bias = (held[v].astype("float64") for v in (self.gain, self.shift))
        gain, bias = gain * slope, bias * slope + shift
        if self.has_statistics:
            mean, variance = (operand(self.op, name) for name in ("mean", "variance"))
            epsilon = float(self.op.attributes["epsilon"])
            old_mean, old_spread = held[mean].astype("float64"), (held[variance].astype("float64") + epsilon).sqrt()
            new_mean = self.total / self.n
            new_variance = (self.squares / self.n - new_mean * new_mean).clip(min=0.0)
            per_unit = gain / old_spread
            bias = bias + per_unit * (new_mean - old_mean)
            gain = per_unit * (new_variance + epsilon).sqrt()
            for value, new in ((mean, new_mean), (variance, new_variance)):
                held[value] = new.astype(held[value].dtype)
        for value, new in ((self.gain, gain), (self.shift, bias)):
            held[value] = new.reshape(held[value].shape).astype(held[value].dtype)
