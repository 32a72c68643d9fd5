"""The error that decides whether a file is kept."""

from __future__ import annotations

import numpy as np
import pytest

from prunelab.export.parity import relative_error

INF = float("inf")


@pytest.mark.parametrize(
    ("ours", "reference", "error"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], 0),
        ([[1.0, 2.2]], [[1.0, 2.0]], 0.1),
        ([[1.0], [3.0]], [[1.0], [2.0]], 0.5),
        ([[1.0]], [[1.0], [2.0]], INF),
        ([[1.0, 2.0]], [[1.0]], INF),
        ([[1.0]], [1.0], 0),
        ([[np.nan, 1.0]], [[np.nan, 1.0]], 0),
        ([[np.nan, 1.0]], [[0.0, 1.0]], INF),
        ([[0.0, 1.0]], [[np.nan, 1.0]], INF),
        ([[INF, 1.0]], [[INF, 1.0]], 0),
        ([[INF, 1.0]], [[-INF, 1.0]], INF),
        ([[0.25]], [[0.0]], 0.25),
        ([[]], [[]], 0),
        ([], [], 0),
        ([[True, False]], [[True, True]], 1),
        ([[1 + 2j]], [[1 + 1j]], 1 / abs(1 + 1j)),
    ],
)
def test_relative_error(ours: list[object], reference: list[object], error: float) -> None:
    assert relative_error([np.array(a) for a in ours], [np.array(b) for b in reference]) == pytest.approx(error)
