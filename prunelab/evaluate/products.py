"""Convolutions as matrix products of a whole batch: how networks run where they are only measured.

Paddle's convolution on the CPU is a product for every sample, padding among it; where maps are small each is so narrow
that most of the time is reading weights. Here all samples' windows make one product, of those taps alone that meet the
map: at 1 x 1 one of nine. Same numbers within rounding; nothing of it has a gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paddle
from numpy.lib.stride_tricks import as_strided

from prunelab.graph.calls import Call
from prunelab.graph.modes import Training
from prunelab.graph.run import Executor

Array = np.ndarray[Any, Any]

# Numbers of a matrix of windows, so that it stays near the processor
_WINDOWS = 2**21


class ProductExecutor(Executor):
    """An `Executor` for networks that are measured on the CPU, where `Convolution` takes the place of Paddle's."""

    def __init__(self, *made: Any, **options: Any) -> None:
        super().__init__(*made, **options)
        # by operator: the weight tensor it was made of, and the convolution
        self._made: dict[int, tuple[Any, Convolution]] = {}

    def _call(self, call: Call, env: dict[int, Any], training: Training, place: Any, batch: Any, dynamic: bool) -> None:
        convolution = self._convolution(call, env) if call.name == "conv2d" and not training else None
        if convolution is None:
            super()._call(call, env, training, place, batch, dynamic)
        else:
            out = convolution(env[call.tensors[0][1]].numpy())
            env[call.outputs[0]] = paddle.to_tensor(out, place=place)

    def _convolution(self, call: Call, env: dict[int, Any]) -> Convolution | None:
        """The operator as products; None where Paddle's own is taken."""
        _, _, strides, paddings, algorithm, dilations, groups, layout = call.arguments
        read = [env.get(value) for _, value, _ in call.tensors]
        plain = algorithm == "EXPLICIT" and layout == "NCHW" and groups == 1 and list(dilations) == [1, 1]
        if not plain or any(t is None or t.dtype != paddle.float32 or not t.place.is_cpu_place() for t in read):
            return None
        weight: Any = read[1]
        known, made = self._made.get(call.index, (None, None))
        if known is not weight or made is None:
            edges = paddings if len(paddings) == 4 else [p for p in paddings for _ in range(2)]
            made = Convolution(weight.numpy(), tuple(strides), tuple(edges))
            self._made[call.index] = (weight, made)
        return made


@dataclass(frozen=True)
class Span:
    """Positions ``first`` to ``last`` of an output's axis, which read the taps ``low`` to ``high`` of the kernel."""

    first: int
    last: int
    low: int
    high: int


@dataclass
class Convolution:
    """A convolution of float32 maps.

    Args:
        weight: (outputs, inputs, rows, columns). ``strides``: of rows and columns. ``paddings``: above, below, left,
            right.
    """

    weight: Array
    strides: tuple[int, ...]
    paddings: tuple[int, ...]
    _taps: dict[tuple[int, ...], Array] = field(default_factory=dict, repr=False)

    def __call__(self, x: Array) -> Array:
        """(samples, outputs, rows, columns), of maps ``x`` (samples, inputs, rows, columns)."""
        n, _, height, width = x.shape
        outputs, _, kernel_rows, kernel_columns = self.weight.shape
        above, below, left, right = self.paddings
        rows = list(spans(height, kernel_rows, self.strides[0], above, below))
        columns = list(spans(width, kernel_columns, self.strides[1], left, right))
        last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        out = np.empty((n, rows[-1].last, columns[-1].last, outputs), np.float32)
        for down, across in itertools.product(rows, columns):
            self._fill(out, last, down, across)
        return np.ascontiguousarray(out.transpose(0, 3, 1, 2))

    def _fill(self, out: Array, x: Array, down: Span, across: Span) -> None:
        """The outputs of two spans; channels are last in both arrays."""
        taps = self._of(down, across)
        top = down.first * self.strides[0] - self.paddings[0] + down.low
        left = across.first * self.strides[1] - self.paddings[2] + across.low
        sample, row, column, channel = x.strides
        shape = (down.last - down.first, across.last - across.first, down.high - down.low, across.high - across.low)
        strides = (sample, row * self.strides[0], column * self.strides[1], row, column, channel)
        step = max(1, _WINDOWS // max(1, shape[0] * shape[1] * len(taps)))
        for first in range(0, len(x), step):
            part = x[first: first + step]
            windows = as_strided(part[:, top:, left:], (len(part), *shape, x.shape[-1]), strides)
            product = windows.reshape(len(part) * shape[0] * shape[1], len(taps)) @ taps
            out[first: first + step, down.first: down.last, across.first: across.last] = product.reshape(
                len(part), *shape[:2], taps.shape[1])

    def _of(self, down: Span, across: Span) -> Array:
        """(taps x inputs, outputs): the weights that two spans read."""
        key = (down.low, down.high, across.low, across.high)
        if key not in self._taps:
            read = self.weight[:, :, down.low: down.high, across.low: across.high].transpose(2, 3, 1, 0)
            self._taps[key] = np.ascontiguousarray(read).reshape(-1, len(self.weight))
        return self._taps[key]


def spans(size: int, kernel: int, stride: int, before: int, after: int) -> Iterator[Span]:
    """An axis of so many positions with so much padding, cut where other taps of the kernel meet the map."""
    n = (size + before + after - kernel) // stride + 1
    starts = [before - k * stride for k in range(n)]
    met = [(min(max(0, s), kernel), max(min(kernel, size + s), 0)) for s in starts]
    first = 0
    for (low, high), alike in itertools.groupby(met):
        last = first + len(list(alike))
        yield Span(first, last, low, max(low, high))
        first = last
