"""A forward that writes over its own values is read as eager mode runs it, or refused with its line."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import TraceError
from prunelab.testing import laws


class Writes(nn.Layer):
    """A layer, what a test writes over its result, and whoever reads that afterwards."""

    def __init__(self, then):
        super().__init__()
        self.a, self.b, self.out, self.then = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3), then

    def forward(self, x):
        h = self.a(x)
        return self.out(self.then(self, h))


def _alone(write):
    """What is written is read by the name of what it was written over; the function's result is not looked at."""
    def then(self, h):
        write(h)
        return self.b(h)
    return then


def _accumulates(self, h):
    total = paddle.zeros_like(h)
    for k in range(3):
        total.add_(F.relu(self.b(h)) * k)
    return total


def _rescues_a_shortcut(self, h):
    F.relu_(h)
    y = self.b(h)
    y.add_(h)
    y.scale_(0.5)
    return y.clip_(0.0, 3.0)


def _writes_a_reshape(self, h):
    heads = h.reshape([-1, 2, 4])
    F.relu_(heads)
    return heads.flatten(1)


def _writes_one_part(self, h):
    """Halves of one memory: what is written over one is nothing to the other."""
    left, right = h[:, :4], h[:, 4:]
    left[:, 1:3] = 0.0
    return paddle.concat([left, right * h[:, 4:] * h[:, 3:].flatten(1)[:, 1:]], 1)


def _reshapes_in_place(self, h):
    h.reshape_([-1, 2, 4])
    h.flatten_(1)
    return self.b(h)


WRITES = {
    "relu_": _alone(F.relu_), "leaky_relu_": _alone(F.leaky_relu_), "tanh_": _alone(F.tanh_),
    "exp_": _alone(lambda h: h.exp_()), "add_": _alone(lambda h: h.add_(paddle.ones([8]))),
    "lerp_": _alone(lambda h: h.lerp_(h * 2, 0.5)), "where_": _alone(lambda h: paddle.where_(h > 0, h, h * 0.1)),
    "masked_fill_": _alone(lambda h: h.masked_fill_(h < 0, 0.0)), "fill_": _alone(lambda h: h.fill_(0.3)),
    "zero_": _alone(lambda h: h.zero_()),
    "a sum": _accumulates, "a shortcut": _rescues_a_shortcut, "a reshape": _writes_a_reshape,
    "another shape": _reshapes_in_place, "one part": _writes_one_part,
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_written_over_is_read_afterwards(name):
    assert laws.check_all(laws.stir(Writes(WRITES[name])), (1, 6))["groups"] > 0


def _writes_a_slice(self, h):
    F.relu_(h[:, :4])
    return h


def _keeps_a_slice(self, h):
    before = h[:, :4]
    h.add_(paddle.ones([8]))
    return paddle.concat([before, h[:, 4:]], 1)


def _keeps_a_reshape(self, h):
    before = h.reshape([-1, 2, 4])
    h[:, :2] = 0.0
    return before.flatten(1)


def _keeps_a_part_of_a_part(self, h):
    before = h[:, 2:].reshape([-1, 2, 3])
    h[:, 1:3] = 0.0
    return F.pad(before.flatten(1).unsqueeze(1), [2, 0], data_format="NCL").squeeze(1)


class GivesASlice(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.out(self.a(x))
        first = h[:, :1]
        h.add_(paddle.ones([3]))
        return h, first


def test_memory_that_is_given_is_read():
    with pytest.raises(TraceError, match="by another name"):
        pl.trace(GivesASlice(), (1, 6))


@pytest.mark.parametrize("then", [_writes_a_slice, _keeps_a_slice, _keeps_a_reshape, _keeps_a_part_of_a_part])
def test_memory_that_is_written_by_another_name_is_refused(then):
    with pytest.raises(TraceError, match=r"written over \(test_written_over\.py, line \d+\) by another name"):
        pl.trace(Writes(then), (1, 6))


def test_eager_mode_sees_what_was_written_by_another_name():
    """As long as it does, those forwards compute something else than their program says."""
    h = paddle.zeros([2, 8])
    seen = h[:, :4], h.reshape([-1, 2, 4]), h.transpose([1, 0]), h.unsqueeze(1)
    h.add_(paddle.ones([8]))
    assert all(bool((part == 1).all()) for part in seen)


def test_a_part_that_is_a_copy_may_be_written_over():
    model = Writes(lambda self, h: paddle.concat([F.relu_(h[:, :4].clone()), h[:, 4:]], 1))
    assert laws.check_all(laws.stir(model), (1, 6))["gone"] > 0.4


def test_another_shape_that_python_does_not_see_is_refused():
    unseen = _alone(lambda h: h.reshape_([-1, 2, 4]).flatten_(1))
    with pytest.raises(TraceError, match=r"reshape_ \(test_written_over\.py, line \d+\) gives a tensor another"):
        pl.trace(Writes(unseen), (1, 6))


def test_reading_leaves_paddles_own_functions_alone():
    x = paddle.to_tensor([-1.0, 1.0])
    pl.trace(Writes(WRITES["relu_"]), (1, 6))
    F.relu_(x)
    assert x.tolist() == [0.0, 1.0]
    assert not hasattr(paddle.pir.Value, "zero_")
