"""Positions that are taken of a tensor."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from prunelab.graph import arrays
from prunelab.graph.arrays import taken

SHAPE = (6, 5, 3, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axes", [(0,), (1,), (3,), (0, 1), (1, 2), (0, 1, 2, 3)])
def test_what_is_taken_has_the_same_bits(axes, dtype):
    tensor = paddle.randn(SHAPE).astype(dtype)
    before = tensor.numpy().copy()
    positions = {axis: np.array([0, SHAPE[axis] - 1]) for axis in axes}
    found = taken(tensor, positions, tensor.place)
    expected = before
    for axis, of in positions.items():
        expected = np.take(expected, of, axis)
    assert found.dtype == tensor.dtype
    assert found.place._equals(tensor.place)
    np.testing.assert_array_equal(found.numpy(), expected)
    found.zero_()
    np.testing.assert_array_equal(tensor.numpy(), before)


def test_what_is_taken_of_nothing_is_nothing():
    assert taken(paddle.zeros([4, 0]), {0: np.array([1, 2])}, paddle.CPUPlace()).shape == [2, 0]


def test_numpy_that_only_looks_at_anothers_memory_makes_an_array_of_its_own(monkeypatch):
    tensor = paddle.randn(SHAPE)

    def only_looking(other):
        view = looking(other)
        view.flags.writeable = False
        return view

    looking = np.from_dlpack
    monkeypatch.setattr(arrays.np, "from_dlpack", only_looking)
    found = taken(tensor, {0: np.array([1, 4]), 1: np.array([3])}, tensor.place)
    np.testing.assert_array_equal(found.numpy(), tensor.numpy()[[1, 4]][:, [3]])
