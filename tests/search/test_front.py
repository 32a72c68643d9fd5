"""Fronts, volumes and knees against what is plain to see, and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelab.search.front import front_of, hypervolume, knee_of

points_of = st.integers(1, 3).flatmap(lambda d: st.lists(st.tuples(*[st.integers(0, 6)] * d), min_size=1, max_size=12))


def test_a_front_by_hand() -> None:
    points = np.array([[1, 5], [2, 3], [3, 3], [5, 1], [2, 3], [6, 6]])
    assert front_of(points).tolist() == [True, True, False, True, False, False]


@given(points_of)
def test_nobody_on_the_front_is_beaten_and_everybody_else_is(points: list[tuple[int, ...]]) -> None:
    array = np.array(points, float)
    on = front_of(array)
    for k, point in enumerate(array):
        beaten = any((q <= point).all() and (q < point).any() for q in array[on])
        same_before = any((q == point).all() for q in array[:k])
        assert on[k] == (not beaten and not same_before)


@given(points_of)
def test_a_hypervolume_is_the_number_of_cells_that_are_covered(points: list[tuple[int, ...]]) -> None:
    array = np.array(points)
    n = array.shape[1]
    cells = np.stack(np.meshgrid(*[np.arange(7)] * n, indexing="ij"), -1).reshape(-1, n)
    covered = sum(any((cell >= p).all() for p in array) for cell in cells)
    assert hypervolume(array, np.full(n, 7.0)) == pytest.approx(covered)


def test_the_knee_is_where_the_front_bends() -> None:
    assert knee_of(np.array([[0, 10], [1, 2], [5, 1], [10, 0]])) == 1
    assert knee_of(np.array([[3.0, 4.0]])) == 0
