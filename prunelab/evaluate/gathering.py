"""Streaming sums on the device, batch by batch; what leaves it at the end are arrays of a size that no data changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import paddle

from prunelab.criteria import Activations, InputMoments, Moments
from prunelab.evaluate.sites import Reader, Site
from prunelab.evaluate.weighted import Weighted
from prunelab.graph import Graph, as_array

Array = np.ndarray[Any, Any]

# Up to so many columns a convolution's patches are summed as they are; beyond, its kernel positions are taken as alike
# and uncorrelated, so that the moment is one of channels: inverting 4,608 columns would take a quarter of a minute.
MOST_COLUMNS = 1200
# Rows that a batch gives to second moments, at most; they are spread evenly over the output's positions.
MOST_ROWS = 8192
# Feature maps of a batch whose rank is taken, at most: a singular value decomposition each.
MOST_MAPS = 16


class GradientSums:
    """The gradient of each parameter, and its square, summed over batches."""

    def __init__(self) -> None:
        self.sums: dict[str, tuple[Any, Any]] = {}
        self.n_batches = 0

    def add(self, gradients: Mapping[str, Any]) -> None:
        """Take one batch's."""
        self.n_batches += 1
        for name, gradient in gradients.items():
            if gradient is not None:
                g = gradient.detach().astype("float32")
                before = self.sums.get(name)
                self.sums[name] = (g, g * g) if before is None else (before[0] + g, before[1] + g * g)

    def result(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """The means over batches."""
        n = max(self.n_batches, 1)
        return ({name: as_array(s[0]) / n for name, s in self.sums.items()},
                {name: as_array(s[1]) / n for name, s in self.sums.items()})


class ActivationSums:
    """The statistics of a group's units at one site."""

    def __init__(self, site: Site, needs: Collection[str]) -> None:
        self.site = site
        self.ranked = "feature_maps" in needs
        self.sums: dict[str, Any] = {}
        self.n_rows = self.n_samples = self.n_maps = 0

    def add(self, tensor: Any, slope: Any = None) -> None:
        """Take a value's tensor, and the loss's gradient by it."""
        a = self.site.view(tensor).astype("float64")  # (batch, units, each, *rest)
        batch, units = a.shape[:2]
        rows = a.reshape([batch, units, -1])
        self.n_rows += batch * rows.shape[2]
        self.n_samples += batch
        self._sum("mean", rows.sum([0, 2]))
        self._sum("magnitude", rows.abs().sum([0, 2]))
        self._sum("zeros", (rows == 0).astype("float64").sum([0, 2]))
        flat = rows.transpose([1, 0, 2]).reshape([units, -1])
        self._sum("gram", paddle.matmul(flat, flat, transpose_y=True))
        if slope is not None:
            # the loss is a batch's mean: times the batch, a row is its sample's own gradient
            gate = (rows * self.site.view(slope.detach()).astype("float64").reshape(rows.shape)).sum(2) * batch
            self._sum("taylor", gate.abs().sum(0))
            self._sum("fisher", (gate * gate).sum(0))
        if self.ranked:
            maps = a[:MOST_MAPS].reshape([-1, *a.shape[-2:]]) if a.ndim > 4 else rows[:MOST_MAPS].reshape(
                [-1, 1, rows.shape[2]])
            self._sum("rank", paddle.linalg.matrix_rank(maps).astype("float64").reshape(
                [min(batch, MOST_MAPS), units, -1]).mean(2).sum(0))
            self.n_maps += min(batch, MOST_MAPS)

    def _sum(self, name: str, value: Any) -> None:
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    def result(self) -> dict[str, Array]:
        """The means."""
        per = {"taylor": self.n_samples, "fisher": self.n_samples, "rank": self.n_maps}
        return {name: as_array(s) / max(per.get(name, self.n_rows), 1) for name, s in self.sums.items()}

    @staticmethod
    def mean_of(sums: Sequence[ActivationSums]) -> Activations:
        """One group's statistics: the mean over its sites."""
        found = [s.result() for s in sums]
        # a first state, which is no result of anything, has no gradient
        names = dict.fromkeys(name for f in found for name in f)
        mean = {name: np.mean([f[name] for f in found if name in f], axis=0) for name in names}
        return Activations(mean["mean"], mean["magnitude"], mean["zeros"], mean["gram"], mean.get("taylor"),
                           mean.get("fisher"), mean.get("rank"))


class MomentSums:
    """The second moment of what one reader of a group sees."""

    def __init__(self, graph: Graph, reader: Reader) -> None:
        self.graph, self.reader = graph, reader
        w = reader.weighted
        self.by_patch = w is not None and w.shape[1] * int(np.prod(w.kernel)) <= MOST_COLUMNS
        self.second: Any = None
        self.total: Any = None
        self.n_rows = 0

    def add(self, values: Mapping[int, Any]) -> None:
        """Take what the reader reads of these values: of a shared weight, what all its operators read."""
        for value, weighted in self.reader.inputs.items():
            columns = self._columns(values[value].detach(), weighted).astype("float64")
            second = paddle.matmul(columns, columns, transpose_x=True)
            self.second = second if self.second is None else self.second + second
            self.total = columns.sum(1) if self.total is None else self.total + columns.sum(1)
            self.n_rows += columns.shape[1]

    def _columns(self, x: Any, w: Weighted | None) -> Any:
        """(groups, rows, columns)."""
        if w is None:
            return x.reshape([1, -1, x.shape[-1]])
        if self.by_patch:
            each = max(1, MOST_ROWS // max(1, x.shape[0]))
            places = np.unique(np.linspace(0, w.positions - 1, min(each, w.positions)).astype(np.int64))
            return w.columns(x, None if len(places) == w.positions else places)
        if w.channels_last:
            x = x.transpose([0, x.ndim - 1, *range(1, x.ndim - 1)])
        n, channels = x.shape[:2]
        return x.reshape([n, w.groups, channels // w.groups, -1]).transpose([1, 0, 3, 2]).reshape(
            [w.groups, -1, channels // w.groups])

    def result(self) -> list[Moments]:
        """One for each group of channels."""
        mean = as_array(self.total) / max(self.n_rows, 1)
        second = as_array(self.second) / max(self.n_rows, 1) - mean[:, :, None] * mean[:, None, :]
        w, unit = self.reader.weighted, self.reader.unit
        if w is None:
            weights = as_array(self.graph.tensor(self.reader.recurrent)).astype(np.float64).T
            return [Moments(second[0], weights, unit)]
        matrix = w.matrix(as_array(self.graph.tensor(w.weight)).astype(np.float64))
        taps = int(np.prod(w.kernel))
        if w.kind != "linear" and not self.by_patch:
            g, columns, outputs = matrix.shape
            matrix = matrix.reshape(g, columns // taps, taps * outputs)
        each = np.repeat(unit, taps) if w.kind != "linear" and self.by_patch else unit
        # a transposed convolution has the input channels of all groups on one axis
        parts = np.split(each, w.groups) if w.kind == "transposed" else [each] * w.groups
        return [Moments(s, m, u) for s, m, u in zip(second, matrix, parts, strict=True)
                if (u >= 0).any() and _even(u)]


class InputSums:
    """The second moment of what one weight reads; only its diagonal where no more is asked for."""

    def __init__(self, weighted: Weighted, *, whole: bool) -> None:
        self.weighted, self.x, self.whole = weighted, weighted.x, whole
        self.squares: Any = None
        self.second: Any = None
        self.n_rows = 0

    def add(self, x: Any) -> None:
        """Take the operator's input."""
        w = self.weighted
        n = int(np.prod(x.shape[1:-1])) if w.kind == "linear" else w.positions
        each = min(n, max(1, MOST_ROWS // max(1, x.shape[0])))
        places = None if n == each else np.unique(np.linspace(0, n - 1, each).astype(np.int64))
        columns = w.columns(x, places).astype("float64")
        self.n_rows += columns.shape[1]
        squares = (columns * columns).sum(1)
        self.squares = squares if self.squares is None else self.squares + squares
        if self.whole:
            second = paddle.matmul(columns, columns, transpose_x=True)
            self.second = second if self.second is None else self.second + second

    def result(self, size: int) -> InputMoments:
        """The means; ``size`` is how many numbers the weight has."""
        n, place = max(self.n_rows, 1), self.weighted.matrix(np.arange(size))
        second = None if self.second is None else as_array(self.second) / n
        return InputMoments(place, as_array(self.squares) / n, second)


def _even(unit: Array) -> bool:
    """Whether each unit has as many columns as any other (a group of channels may hold some units only)."""
    counts = np.bincount(unit[unit >= 0])
    return len(set(counts.tolist())) == 1
