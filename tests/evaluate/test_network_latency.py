"""Under a plan the table is asked for the very shapes that the smaller model has, measures each once, and keeps it."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError
from prunelab.evaluate import NetworkLatency, OperatorTimes
from prunelab.evaluate.operator_times import machine


class Sizes(OperatorTimes):
    """Takes an operator's operands for its time, so that nothing depends on the machine; notes what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def ms(self, shaped: Any, place: Any) -> float:
        self.asked.append(shaped.key)
        shapes = [o for part in shaped.operands for o in (part if isinstance(part, list) else [part]) if o]
        return 1e-6 * math.prod(math.prod(shape) for shape, _ in shapes if shape)


class Branches(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(3, 4, 1)
        self.norm, self.head = nn.BatchNorm2D(12), nn.Linear(12 * 16, 5)

    def forward(self, x: Any) -> Any:
        h = nn.functional.relu(self.norm(paddle.concat([self.a(x), self.b(x)], axis=1)))
        return self.head(h.flatten(1))


class Recurrent(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(6, 8), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0][:, -1])


def chain() -> nn.Layer:
    paddle.seed(0)
    return nn.Sequential(nn.Conv2D(3, 40, 3), nn.ReLU(), nn.Conv2D(40, 60, 3), nn.ReLU(), nn.Conv2D(60, 50, 3),
                         nn.Flatten(), nn.Linear(50 * 4, 4))


NETS = {
    "convolutions": (lambda: nn.Sequential(nn.Conv2D(3, 8, 3), nn.BatchNorm2D(8), nn.ReLU(), nn.Conv2D(8, 6, 3),
                                           nn.Flatten(), nn.Linear(6 * 16, 4)), (1, 3, 8, 8)),
    "branches": (Branches, (1, 3, 4, 4)),
    "recurrent": (Recurrent, (1, 5, 6)),
    "transformer": (lambda: nn.TransformerEncoderLayer(16, 4, 32), (1, 5, 16)),
}


@pytest.mark.parametrize("name", NETS)
def test_a_plans_latency_is_that_of_the_smaller_model(name: str) -> None:
    make, shape = NETS[name]
    model = make()
    model.eval()
    graph = pl.trace(model, shape)
    plan = pl.propose(graph, sparsity=0.5)
    small = pl.trace(pl.compact(model, plan, form="graph"), shape)
    ours, theirs = (NetworkLatency(g, Sizes(), batch=3) for g in (graph, small))
    assert ours.ms(plan) == pytest.approx(theirs.ms())
    assert ours.ms(plan) < ours.ms()


def test_each_shape_is_measured_once_and_kept_for_this_machine(tmp_path: Path) -> None:
    model = NETS["convolutions"][0]()
    graph = pl.trace(model, (1, 3, 8, 8))
    times = OperatorTimes(tmp_path / "deep" / "times.json")
    network = NetworkLatency(graph, times, batch=2)
    dense = network.ms()
    n = times.measured
    assert dense > 0
    assert n == len(times) <= len(graph.program.ops)
    assert not times.failed
    network.save()
    again = OperatorTimes(times.path)
    assert NetworkLatency(graph, again, batch=2).ms() == pytest.approx(dense)
    assert again.measured == 0
    NetworkLatency(graph, again, batch=4).ms()
    assert again.measured > 0
    data = json.loads(times.path.read_text())
    times.path.write_text(json.dumps({**data, "machine": {**data["machine"], "processor": "another"}}))
    assert len(OperatorTimes(times.path)) == 0
    times.path.write_text("broken")
    assert len(OperatorTimes(times.path)) == 0


def test_it_is_calibrated_on_two_models_and_tells_its_error() -> None:
    model = NETS["convolutions"][0]()
    graph = pl.trace(model, (1, 3, 8, 8))
    network = NetworkLatency(graph, OperatorTimes(), batch=2).calibrate(runs=5)
    assert network.factor > 0
    assert network.overhead_ms >= 0
    error = network.error(pl.propose(graph, sparsity=0.3), runs=5)
    assert error.estimated_ms > network.overhead_ms
    assert error.relative == pytest.approx(error.estimated_ms / error.measured.median_ms - 1)
    assert "measured" in str(error)


@pytest.mark.parametrize("scope", ["local", "global"])
def test_a_latency_is_a_target(scope: str) -> None:
    graph = pl.trace(chain(), (1, 3, 8, 8))
    clock = NetworkLatency(graph, Sizes())
    plan = pl.propose(graph, latency=0.4, scope=scope, clock=clock)
    assert clock.ms(plan) <= 0.6 * clock.ms()
    assert clock.ms(pl.propose(graph, latency=0.3, scope=scope, clock=clock)) > clock.ms(plan)
    with pytest.raises(OptionError, match=r"latency=0\.99999 cannot be met: at most [01]\.\d+ of the latency go"):
        pl.propose(graph, latency=0.99999, clock=clock)


def test_a_latency_is_a_budget_met_within_a_hundredth() -> None:
    graph = pl.trace(chain(), (1, 3, 8, 8))
    clock = NetworkLatency(graph, Sizes())
    losses = {g.name: {r / 10: (r / 10) ** 2 * weight for r in range(1, 10)}
              for g, weight in zip(graph.prunable, (1.0, 4.0, 2.0), strict=True)}
    plan = pl.propose(graph, latency=0.5, scope="budget", losses=losses, clock=clock)
    assert 0.49 * clock.ms() < clock.ms(plan) <= 0.5 * clock.ms()
    with pytest.raises(OptionError, match=r"latency=0\.99999 cannot be met"):
        pl.propose(graph, latency=0.99999, scope="budget", losses=losses, clock=clock)


def test_without_a_clock_one_is_made_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    graph = pl.trace(NETS["convolutions"][0](), (1, 3, 8, 8))
    with contextlib.suppress(OptionError):  # what a busy machine measures may not fall so far
        pl.propose(graph, latency=0.05)
    (file,) = (tmp_path / "prunelab").iterdir()
    assert json.loads(file.read_text())["machine"] == machine("cpu")


def test_weights_in_their_place_have_no_latency() -> None:
    graph = pl.trace(NETS["convolutions"][0](), (1, 3, 8, 8))
    with pytest.raises(OptionError, match="leaves the time of dense operators where they are"):
        pl.propose(graph, latency=0.5, granularity="element")
