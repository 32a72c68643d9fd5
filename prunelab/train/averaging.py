"""The mean of the weights over a training, in which later steps count for more.

At a learning rate that stays, weights wander around the place that they have come to, the further the larger it is;
their mean is nearer to it. Adam's steps are as large where little is to be learnt, as after a repair, as where much is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import paddle

# The mean of the paper below, with weights that grow as the square of the step: of a few steps the first hardly count,
# and of many the last third has most of the weight.
_POWER = 2


class Average:
    """Polynomial-decay averaging of a layer's floating-point parameters and buffers.

    ``m_k = m_(k-1) + (p + 1) / (k + p) (w_k - m_(k-1))``, p = 2: Shamir, Zhang: Stochastic gradient descent for
    non-smooth optimization, 2013 (arXiv:1212.1824), after Polyak, Juditsky, 1992. The statistics of batch norms are
    averaged with the weights that they are of.
    """

    def __init__(self, layer: Any) -> None:
        self._tensors = [t for t in (*layer.parameters(), *layer.buffers())
                         if t._is_initialized() and t.is_floating_point()]
        self._means: list[Any] = []
        self.steps = 0

    def add(self) -> None:
        """Count the weights as they are now."""
        self.steps += 1
        part = (_POWER + 1) / (self.steps + _POWER)
        now = [t.detach() for t in self._tensors]
        with paddle.no_grad():
            self._means = [m + part * (t - m) for m, t in zip(self._means, now, strict=True)] if self._means else [
                t.clone() for t in now]

    def put(self) -> None:
        """Make the weights their mean."""
        if self.steps:
            self._assign(self._means)

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """Inside, the weights are their mean; afterwards they are what they were, bit for bit."""
        before = [t.detach().clone() for t in self._tensors]
        try:
            self.put()
            yield
        finally:
            self._assign(before)

    def _assign(self, values: list[Any]) -> None:
        with paddle.no_grad():
            for tensor, value in zip(self._tensors, values, strict=True):
                paddle.assign(value, output=tensor)
