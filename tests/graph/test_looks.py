"""The batch in something else than widths: noticed, at the price of a second reading only where Python saw it."""

from __future__ import annotations

import copy
import math
import operator

import numpy as np
import paddle
import pytest
from networks import Encoder, Residual
from paddle import nn
from paddle.vision import models

import prunelab as pl
from prunelab.graph import tracing
from prunelab.graph.looks import _Sizes

WAYS = {
    "an index": (lambda s: s[1], {1}),
    "an index from the end": (lambda s: s[-1], {2}),
    "a slice": (lambda s: s[1:], {1, 2}),
    "its length": (len, set()),
    "a slice of nothing": (lambda s: s[3:], set()),
    "all": (list, {0, 1, 2}),
    "unpacked": (lambda s: (lambda a, b, c: a)(*s), {0, 1, 2}),
    "compared": (lambda s: s == [2, 3, 4], {0, 1, 2}),
    "compared with a list": (lambda s: operator.eq([2, 3, 4], s), {0, 1, 2}),
    "added": (lambda s: operator.add(s, [1]), {0, 1, 2}),
    "added to a list": (lambda s: operator.add([1], s), {0, 1, 2}),
    "added in place to a list": (lambda s: [1].extend(s), {0, 1, 2}),
    "multiplied": (math.prod, {0, 1, 2}),
    "an array": (np.asarray, {0, 1, 2}),
    "a copy": (copy.copy, {0, 1, 2}),
    "a deep copy": (copy.deepcopy, {0, 1, 2}),
    "text": (str, {0, 1, 2}),
    "contains": (lambda s: 3 in s, {0, 1, 2}),
    "sorted": (sorted, {0, 1, 2}),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_look_at_a_shape_is_noted(way):
    look, axes = WAYS[way]
    noted = []
    look(_Sizes([2, 3, 4], noted.append))
    assert set(noted) == axes


class Uses(nn.Layer):
    """A forward that makes a number of its input, by ``use``."""

    def __init__(self, use):
        super().__init__()
        self.conv, self.out, self.use = nn.Conv1D(3, 4, 2, bias_attr=False), nn.Linear(4, 2), use

    def forward(self, x):
        h = self.conv(x)
        return self.out(self.use(h).mean(axis=2))


def _folded(h):
    """The batch as an axis of space, whose size the convolution's height then has."""
    row = h.transpose([1, 0, 2]).flatten(1).unsqueeze(0)
    return h * paddle.nn.functional.max_pool1d(row, 2, 1).shape[2]


def _by_length(h):
    return h / len(h)


OTHER_THAN_WIDTHS = {
    "divided by it": lambda h: h / h.shape[0],
    "unpacked": lambda h: h * max(*h.shape),
    "its length": _by_length,
    "multiplied": lambda h: h / math.prod(h.shape),
    "its size": lambda h: h * h.size,
    "a mean by hand": lambda h: h + paddle.zeros(h.shape).sum() + paddle.ones([h.shape[0]]).sum(),
    "a branch on it": lambda h: h * 2 if h.shape[0] > 2 else h,
    "compared": lambda h: h * 2 if h.shape == [2, 4, 7] else h,
    "an eye": lambda h: paddle.einsum("ab,bct->act", paddle.eye(h.shape[0]) * h.shape[0], h),
    "of ones like it": lambda h: h + paddle.ones(h.shape).sum(),
    "folded into space": _folded,
}


@pytest.mark.parametrize("use", OTHER_THAN_WIDTHS)
def test_a_batch_that_is_more_than_a_width_is_noticed(use):
    model = Uses(OTHER_THAN_WIDTHS[use])
    graph = pl.trace(model, (1, 3, 8))
    if graph.input_specs[0].batch_axis is None:
        x = paddle.randn(graph.input_specs[0].shape)
        assert paddle.equal_all(graph.run(x), model(x))
        return
    for batch in (1, 2, 3, 5):  # or it was understood: then it holds at any batch
        x = paddle.randn([batch, 3, 8])
        assert paddle.equal_all(graph.run(x), model(x))


ONLY_CHANNELS = {
    "resnet": (models.resnet18, (1, 3, 32, 32), 1),
    "a residual network": (Residual, (1, 3, 8, 8), 1),
    "mobilenet": (models.mobilenet_v3_small, (1, 3, 32, 32), 1),
    "channels": (lambda: Uses(lambda h: h / h.shape[1]), (1, 3, 8), 1),
    "positions in space": (lambda: Uses(lambda h: h / h.shape[2]), (1, 3, 8), 1),
    "the batch as a width": (lambda: Uses(lambda h: h.reshape([h.shape[0], 2, 2, -1]).flatten(1, 2)), (1, 3, 8), 2),
    "an encoder": (Encoder, paddle.static.InputSpec([1, 6], "int64"), 2),
}


@pytest.mark.parametrize("name", ONLY_CHANNELS)
def test_a_forward_that_does_not_look_at_the_batch_is_read_once(name, monkeypatch):
    make, shape, readings = ONLY_CHANNELS[name]
    again = []
    read = tracing.read_with_another_batch
    monkeypatch.setattr(tracing, "read_with_another_batch", lambda *args: again.append(1) or read(*args))
    graph = pl.trace(make(), shape)
    assert 1 + len(again) == readings
    assert graph.input_specs[0].batch_axis == 0


def test_a_shape_is_paddles_own_again():
    before = paddle.pir.Value.shape
    pl.trace(Residual(), (1, 3, 8, 8))
    assert paddle.pir.Value.shape is before
