"""Data-parallel training: each process learns from its share of every batch, and all take the same steps.

In a program that ``python -m paddle.distributed.launch`` starts several times, after
``paddle.distributed.init_parallel_env()``. Losses are weighted by the samples they are of, and gradients added up
(Goyal et al.: Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677): n processes take the steps that one takes on
whole batches, to rounding; but a batch norm sees the share alone, where it is no ``SyncBatchNorm``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
import paddle.distributed as dist

from prunelab.evaluate.labels import over
from prunelab.graph.nests import Inputs, each


class Alone:
    """The only process: everything is its share."""

    def begin(self, layer: Any) -> None:
        """All start from the same weights, and draw the same order of samples."""

    def of(self, inputs: Inputs, labels: Any) -> tuple[Inputs, Any]:
        """This process's share of a batch."""
        return inputs, labels

    def weigh(self, loss: Any) -> Any:
        """The share's mean as its part of the batch's."""
        return loss

    def sum(self, value: float) -> float:
        """Of all processes."""
        return value

    def gradients(self, parameters: Sequence[Any]) -> None:
        """Those of whole batches, in place."""

    def statistics(self, layer: Any) -> None:
        """What each has gathered without gradients, as its mean."""


class Sharing(Alone):
    """One of several processes, whose model lives at ``place``.

    ``shared``: the data gives each its own batches, by a ``DistributedBatchSampler``.
    """

    def __init__(self, place: Any, shared: bool) -> None:
        self.rank, self.n, self.place, self._shared = dist.get_rank(), dist.get_world_size(), place, shared
        self._weight = 1.0

    def begin(self, layer: Any) -> None:
        with paddle.no_grad():
            for t in (*layer.parameters(), *layer.buffers()):
                dist.broadcast(t, 0)
        told = paddle.to_tensor([np.random.randint(2**31)], "int64", place=self.place)
        dist.broadcast(told, 0)
        seed = int(told.item())
        random.seed(seed)
        np.random.seed(seed)
        paddle.seed(seed + self.rank)  # each its own dropout

    def of(self, inputs: Inputs, labels: Any) -> tuple[Inputs, Any]:
        size = inputs[0].shape[0]
        if self._shared:
            self._weight = size / self.sum(size)
            return inputs, labels
        first, last = size * self.rank // self.n, size * (self.rank + 1) // self.n
        self._weight = (last - first) / size
        # all have to answer: without samples of its own, by one that counts for nothing
        mine = slice(first, last) if last > first else slice(0, 1)
        return each(lambda t: t[mine], inputs), over(lambda y: y[mine], labels)

    def weigh(self, loss: Any) -> Any:
        return loss * self._weight

    def sum(self, value: float) -> float:
        told = paddle.to_tensor([value], "float64", place=self.place)
        dist.all_reduce(told)
        return float(told.item())

    def gradients(self, parameters: Sequence[Any]) -> None:
        with paddle.no_grad():
            reached = paddle.to_tensor([float(p.grad is not None) for p in parameters], place=self.place)
            dist.all_reduce(reached)
            some = [p for p, n in zip(parameters, reached.tolist(), strict=True) if n]
            for dtype in dict.fromkeys(p.dtype for p in some):
                self._added([p for p in some if p.dtype == dtype])

    def _added(self, parameters: Sequence[Any]) -> None:
        """In one message, since each takes its time on the way."""
        together = paddle.concat([(paddle.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        dist.all_reduce(together)
        parts = paddle.split(together, [math.prod(p.shape) for p in parameters])
        for p, part in zip(parameters, parts, strict=True):
            if p.grad is None:
                p.grad = part.reshape(p.shape)
            else:
                paddle.assign(part.reshape(p.shape), output=p.grad)

    def statistics(self, layer: Any) -> None:
        with paddle.no_grad():  # Paddle's batch norms hold them as parameters that do not train
            for t in (*layer.buffers(), *(p for p in layer.parameters() if p.stop_gradient)):
                if t.is_floating_point() and self._differs(t):
                    dist.all_reduce(t)
                    paddle.assign(t / self.n, output=t)

    def _differs(self, t: Any) -> bool:
        """A mean of what is the same everywhere could be rounded."""
        most, least = t.clone(), t.clone()
        dist.all_reduce(most, dist.ReduceOp.MAX)
        dist.all_reduce(least, dist.ReduceOp.MIN)
        return bool((most != least).any())


def sharing(data: Any, place: Any) -> Alone:
    """This process's part in a training on ``data`` at ``place``: all of it, where no others were joined."""
    if not dist.is_initialized() or dist.get_world_size() < 2:
        return Alone()
    return Sharing(place, isinstance(getattr(data, "batch_sampler", None), paddle.io.DistributedBatchSampler))
