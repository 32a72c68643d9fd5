"""Sums over rows that are larger than a cache are those of the rows as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from prunelab.criteria.rows import _IN_CACHE, row_sums


@pytest.mark.parametrize("of", [np.abs, np.square])
@pytest.mark.parametrize("shape", [(3, 5), (0, 7), (1000, 331), (3, _IN_CACHE + 1), (7, 0)])
def test_a_few_rows_at_a_time_give_the_same_bits(of, shape):
    rows = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for kind in (rows, np.asfortranarray(rows), rows.astype(np.float64)):
        found = row_sums(of, kind)
        assert found.dtype == kind.dtype
        np.testing.assert_array_equal(found, of(kind).sum(axis=1))


@pytest.mark.parametrize("length", [9, 147, 333, 4608])
def test_equal_rows_have_equal_sums_wherever_they_stand(length):
    row = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    rows = np.tile(row, (_IN_CACHE // length + 71, 1))  # more than are looked at together
    assert len(np.unique(row_sums(np.abs, rows))) == 1


def test_nothing_as_large_as_the_weights_is_made(monkeypatch):
    rows = np.ones((1000, 331), np.float32)
    made = []
    row_sums(lambda part, out: made.append(out.size) or np.abs(part, out=out), rows)
    assert max(made) <= _IN_CACHE
