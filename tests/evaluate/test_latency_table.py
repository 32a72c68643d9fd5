"""A table of latencies says what the operators' times say, at the widths it was measured at and between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, Stopped
from prunelab.evaluate import NetworkLatency, OperatorTimes, latency_table
from prunelab.evaluate.timing import Timing


class Sizes(OperatorTimes):
    """Takes an operator's operands for its time, so that nothing depends on the machine."""

    def ms(self, shaped: Any, place: Any) -> float:
        shapes = [o for part in shaped.operands for o in (part if isinstance(part, list) else [part]) if o]
        return 1e-6 * math.prod(math.prod(shape) for shape, _ in shapes if shape)


class Chain(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(6, 9), nn.Linear(9, 17), nn.Linear(17, 3)

    def forward(self, x: Any) -> Any:
        return self.head(nn.functional.relu(self.b(nn.functional.relu(self.a(x)))))


@pytest.fixture(scope="module")
def graph() -> Any:
    paddle.seed(0)
    return pl.trace(Chain(), (1, 6))


@pytest.fixture
def same(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is timed: the factor is one, the overhead nothing, a smaller model takes three times what they say."""
    monkeypatch.setattr(NetworkLatency, "calibrate", lambda self, runs=20: self)
    monkeypatch.setattr(NetworkLatency, "measured", lambda self, plan, runs=20: Timing(3 * self.ms(plan), 0, 0, runs))


@pytest.mark.usefixtures("same")
def test_at_its_levels_it_says_what_the_operators_say_and_between_them_something_between(graph: Any) -> None:
    table, clock = latency_table(graph, times=Sizes()), NetworkLatency(graph, Sizes())
    assert set(table.levels) == {"a", "b"}
    for a in table.levels["a"]:
        for b in table.levels["b"]:
            removed = {"a": range(a), "b": range(b)}
            assert table.ms(removed) == pytest.approx(clock.ms(removed), rel=1e-9)
    times = [table.ms({"b": range(n)}) for n in range(17)]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 17
    plan = pl.propose(graph, ratios={"b": 0.25})
    assert table.ms(plan) == table.ms({"b": plan.removed("b")})
    assert table.ms() == table.ms(pl.Plan.empty(graph)) == table.ms({})


@pytest.mark.usefixtures("same")
def test_a_batch_is_a_whole_number(graph: Any) -> None:
    with pytest.raises(OptionError, match="batch is 0"):
        latency_table(graph, batch=0, times=Sizes())
    assert latency_table(graph, batch=4, times=Sizes()).ms() > latency_table(graph, times=Sizes()).ms()


@pytest.mark.usefixtures("same")
def test_it_says_how_far_it_was_off_for_a_smaller_model(graph: Any) -> None:
    table = latency_table(graph, times=Sizes())
    assert table.error is not None
    assert table.error.relative == pytest.approx(1 / 3 - 1, rel=0.1)  # straight lines between levels are a little off
    assert repr(table).endswith(f"; {table.trust}")
    assert table.trust.endswith("% off where it was compared with a smaller model")


def test_the_lab_measures_once_and_a_stop_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    x = np.ones((4, 6), np.float32)
    lab = pl.Lab(Chain(), val=(x, np.arange(4) % 3))
    lab.on_progress.append(lambda progress: lab.stop())
    assert lab.timed() is None
    with pytest.raises(Stopped):
        lab.latency()
    lab.on_progress.clear()
    assert lab.timed() is None
    table = lab.latency()
    assert lab.latency() is lab.timed() is table
    assert 0 < table.ms(lab.plan) < 1000
    assert repr(table).startswith("latency of Chain at batch 1: ")
    with pytest.raises(OptionError):
        lab.latency(0)
    assert lab.working == ""
    assert lab.state.id == "s0"
