"""How long callables take, measured side by side so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import check_positive, check_whole
from prunelab.graph.collection import without_collection


@dataclass(frozen=True)
class Timing:
    """Times of single calls in milliseconds: the median, the 10th and 90th percentiles, and of how many runs."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    runs: int

    def __str__(self) -> str:
        return f"{self.median_ms:.3g} ms ({self.p10_ms:.3g} to {self.p90_ms:.3g})"

    def to_json(self) -> dict[str, float | int]:
        return {"median_ms": self.median_ms, "p10_ms": self.p10_ms, "p90_ms": self.p90_ms, "runs": self.runs}


@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """How to time.

    ``runs`` single calls (at least 1) after ``warmup`` ones that are not counted; ``threads`` for the runtime, None for
    as many as Paddle has now. Each call takes ``batch`` samples, where the batch is free. ``budget_s`` ends the runs of
    one comparison early, but not before five of each.
    """

    # fifty, so that the 10th and 90th percentiles are more than the extremes; five fill caches and allocate buffers
    runs: int = 50
    warmup: int = 5
    threads: int | None = None
    batch: int = 1
    budget_s: float | None = 10.0

    def __post_init__(self) -> None:
        for name, value, least in (("runs", self.runs, 1), ("warmup", self.warmup, 0), ("batch", self.batch, 1),
                                   ("threads", self.threads, 1)):
            if name != "threads" or value is not None:
                object.__setattr__(self, name, check_whole(value, name, least))
        if self.budget_s is not None:
            check_positive(self.budget_s, "budget_s (in seconds, None for no limit)")


# With a budget, no fewer than this: a median of fewer says little.
LEAST_RUNS = 5


def time_callables(callables: Mapping[str, Callable[[], Any]], runs: int = 50, warmup: int = 5, *,
                   budget_s: float | None = None,
                   clock: Callable[[], int] = time.perf_counter_ns) -> dict[str, Timing]:
    """The times of each callable, by name.

    Each round calls every one of them once, and the next round starts with another, so drift of the clock rate and
    other processes' work fall on all. ``budget_s`` (of counted and uncounted calls together) stops after `LEAST_RUNS`
    rounds at the earliest. ``clock`` gives nanoseconds: the wall's, or `own_clock`.
    """
    names = list(callables)
    times: dict[str, list[int]] = {name: [] for name in names}
    start = time.perf_counter()

    def spent() -> bool:
        return budget_s is not None and time.perf_counter() - start > budget_s

    for done in range(warmup):
        if done and spent():
            break
        for name in names:
            callables[name]()
    with without_collection():  # its pauses belong to no callable
        for done in range(runs):
            if done >= LEAST_RUNS and spent():
                break
            for name in names[done % len(names):] + names[:done % len(names)]:
                before = clock()
                callables[name]()
                times[name].append(clock() - before)
    return {name: _timing(values) for name, values in times.items()}


def own_clock(on_cpu: bool, threads: int) -> Callable[[], int]:
    """The clock that other programs disturb least: on the CPU with one thread that thread's own time, which on a quiet
    machine is the wall's; else the wall's."""
    return time.thread_time_ns if on_cpu and threads == 1 else time.perf_counter_ns


def _timing(nanoseconds: list[int]) -> Timing:
    p10, median, p90 = (float(v) for v in np.percentile(np.asarray(nanoseconds, float) / 1e6, [10, 50, 90]))
    return Timing(median, p10, p90, len(nanoseconds))
