"""Timing: what is measured, in which order, and what is left as it was."""

from __future__ import annotations

import gc
import os
import time

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.evaluate.latency import current_threads, example_arrays, given_arrays, paddle_threads
from prunelab.evaluate.timing import LEAST_RUNS, time_callables
from prunelab.graph import TensorSpec


def test_callables_are_timed_in_turn_and_the_slow_one_is_slower() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(0.004)

    times = time_callables({"fast": lambda: calls.append("fast"), "slow": slow}, runs=6, warmup=1)
    assert calls == ["fast", "slow"] + ["fast", "slow", "slow", "fast"] * 3
    assert {t.runs for t in times.values()} == {6}
    assert times["slow"].median_ms >= 4 > times["fast"].median_ms
    for t in times.values():
        assert 0 < t.p10_ms <= t.median_ms <= t.p90_ms
    assert gc.isenabled()


def test_a_budget_ends_the_runs_but_not_before_a_few() -> None:
    times = time_callables({"a": lambda: time.sleep(0.002)}, runs=10_000, warmup=10_000, budget_s=0.01)
    assert LEAST_RUNS <= times["a"].runs < 100


def test_the_latency_of_a_model_is_that_of_its_eval_mode() -> None:
    seen: list[tuple[bool, tuple[int, ...], bool]] = []

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: paddle.Tensor) -> paddle.Tensor:
            out = nn.functional.dropout(self.linear(x), training=True)
            seen.append((self.training, tuple(x.shape), out.stop_gradient))
            return out

    model, threads = Net(), current_threads()
    paddle.seed(5)
    expected = paddle.rand([2]).numpy()
    paddle.seed(5)
    timing = pl.latency(model, (3, 4), runs=4, warmup=1, threads=2)
    assert timing.runs == 4
    assert timing.median_ms > 0
    assert set(seen) == {(False, (3, 4), True)}
    assert model.training
    assert current_threads() == threads
    np.testing.assert_array_equal(paddle.rand([2]).numpy(), expected)


@pytest.mark.parametrize(
    ("inputs", "options", "error"),
    [
        ((3, 5), {}, errors.InputError),
        ((3, 4), {"runs": 0}, errors.OptionError),
        ((3, 4), {"threads": -1}, errors.OptionError),
    ],
)
def test_a_mistake_is_told(inputs: object, options: dict[str, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        pl.latency(nn.Linear(4, 4), inputs, **options)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="with one core, two threads are no faster")
def test_the_threads_are_set_and_set_back() -> None:
    before = current_threads()
    with paddle_threads(before + 1) as n:
        assert n == current_threads() == before + 1
        paddle.base.core.set_num_threads(before + 2)
    assert current_threads() == before
    with paddle_threads(None) as n:
        assert n == before


SPECS = (
    TensorSpec("x", (2, 3), "float32"),
    TensorSpec("ids", (2, 4), "int64"),
    TensorSpec("mask", (1, 4), "bool", None),
)


def test_example_arrays_have_the_shapes_and_types_and_are_the_same_again() -> None:
    for batch, rows in ((None, 2), (5, 5)):
        arrays = example_arrays(SPECS, batch=batch)
        assert [a.shape for a in arrays] == [(rows, 3), (rows, 4), (1, 4)]
        assert [str(a.dtype) for a in arrays] == ["float32", "int64", "bool"]
        assert set(np.unique(arrays[1])) <= {0, 1}
        for a, b in zip(arrays, example_arrays(SPECS, batch=batch), strict=True):
            np.testing.assert_array_equal(a, b)


def test_given_numbers_are_used_and_repeated_to_the_batch() -> None:
    ids = np.array([[7, 7, 7, 7], [8, 8, 8, 8]])
    given = given_arrays([(2, 3), paddle.to_tensor(ids), np.ones((1, 4), bool)], SPECS)
    assert given[0] is None
    assert example_arrays(SPECS, batch=3, given=given)[1][:, 0].tolist() == [7, 8, 7]
    assert example_arrays(SPECS, batch=1, given=given)[1].tolist() == [[7, 7, 7, 7]]
    assert given_arrays({"ids": ids}, SPECS)[1] is ids
    assert given_arrays((2, 3), SPECS[:1]) == [None]
