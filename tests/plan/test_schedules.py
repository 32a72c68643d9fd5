from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelab.errors import OptionError
from prunelab.plan.schedules import (
    SCHEDULES,
    by_cost,
    by_sensitivity,
    cosine,
    cubic,
    exponential,
    in_order,
    linear,
    one_shot,
    plot,
    plot_layers,
)


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


def test_exponential_and_cosine_worked_out_by_hand():
    assert exponential(1, 2, 0.75) == pytest.approx(0.5)  # half of what is left stays, twice
    assert exponential(1, 2, 0.96, 0.36) == pytest.approx(1 - (0.64 * 0.04) ** 0.5)
    assert cosine(1, 2, 0.8) == pytest.approx(0.4)
    assert cosine(1, 3, 0.8) == pytest.approx(0.2)  # 0.8 (1 - (1 + 1/2) / 2)


LAYERS = ("a", "b", "c")


@given(st.lists(st.floats(0, 0.99), min_size=3, max_size=3), st.integers(1, 5))
def test_each_layer_is_taken_once_a_round_and_ends_at_its_ratio(ratios, rounds):
    to = dict(zip(LAYERS, ratios, strict=True))
    steps = in_order(LAYERS, to, rounds)
    assert [s.layer for s in steps] == [n for n in LAYERS if to[n]] * rounds
    for layer in LAYERS:
        taken = [s.ratio for s in steps if s.layer == layer]
        assert taken == sorted(taken)
        assert taken[-1:] == [to[layer]] * bool(to[layer])


def test_what_loses_least_or_costs_most_comes_first():
    losses = {"a": {0.5: 0.3}, "b": {0.25: 0.1, 0.75: 0.5}, "c": {0.5: 0.0}}
    assert [s.layer for s in by_sensitivity(losses, 0.5)] == ["c", "a", "b"]  # b loses 0.3 as well, and comes later
    assert [s.layer for s in by_sensitivity(losses, {"a": 0.5, "b": 0.1, "c": 0.2})] == ["c", "b", "a"]
    assert [s.layer for s in by_cost({"a": 1, "b": 9, "c": 4}, 0.5, rounds=2)] == ["b", "c", "a"] * 2


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_has_a_picture(name):
    picture = plot(name, 4, 0.8)
    assert picture.amounts == (0.0, *(SCHEDULES[name](k, 4, 0.8, 0.0) for k in range(1, 5)))
    assert str(picture).startswith(f"{name} ")
    assert str(picture).endswith("80 %")
    assert picture._repr_html_().count("<circle") == 4


def test_a_layer_schedule_has_a_picture():
    picture = plot_layers(in_order(("stem", "head"), 0.5, rounds=2))
    assert str(picture) == "stem ▂▂▄▄ 50 %\nhead ·▂▂▄ 50 %"
    assert picture.to_svg().count("<rect") == 8
    assert "step 4: head 50 %" in picture._repr_html_()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: plot("cubicc"), "did you mean 'cubic'"),
    (lambda: plot("cubic", 0), "n_steps is 0"),
    (lambda: plot("cubic", to=1.0), r"to is 1\.0"),
    (lambda: plot(3), "schedule is 3; give one of one_shot"),
    (lambda: in_order([], 0.5), r"layers is \[\]"),
    (lambda: in_order("abc", 0.5), "layers is 'abc'"),
    (lambda: in_order(LAYERS, 1.2), r"the ratio of 'a' is 1\.2"),
    (lambda: in_order(LAYERS, 0.5, 0), "rounds is 0"),
    (lambda: by_sensitivity(LAYERS), "losses is"),
    (lambda: by_cost(LAYERS), "costs is"),
])
def test_mistakes_are_told(call, message):
    with pytest.raises(OptionError, match=message):
        call()
