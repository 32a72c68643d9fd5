from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelab.plan.schedules import SCHEDULES, cubic, linear, one_shot


@pytest.mark.parametrize("name", SCHEDULES)
@given(st.integers(1, 50), st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_schedule_never_goes_back_and_ends_where_it_should(name, n, a, b):
    start, to = sorted((a, b))
    values = [SCHEDULES[name](k, n, to, start) for k in range(1, n + 1)]
    assert values[-1] == to
    assert all(x <= y + 1e-12 for x, y in pairwise(values))
    assert all(start - 1e-12 <= v <= to + 1e-12 for v in values)


def test_values_worked_out_by_hand():
    assert linear(1, 4, 0.8) == pytest.approx(0.2)
    assert cubic(1, 2, 0.8) == pytest.approx(0.7)  # 0.8 (1 - 1/8)
    assert one_shot(1, 5, 0.8) == 0.8
