"""What a history costs: recording, going back, disk, and ten thousand states. Goals in brackets.

    python benchmarks/history.py [states]

ResNet-50 (102 MB) at 64 x 64 pixels, its workspace in a temporary folder; medians, on the machine as it is.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle

import prunelab as pl
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import Snapshot
from prunelab.lab.store import Entry


def milliseconds(do: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - start)


def size_of(folder: Path) -> int:
    """The bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def large_model(folder: Path) -> None:
    """Recording, going back and disk, for fifty steps of one layer each."""
    model = paddle.vision.models.resnet50()
    one = sum(t.numpy().nbytes for t in (*model.parameters(), *model.buffers()))
    lab = pl.Lab(model, inputs=(1, 3, 64, 64), workspace=folder)
    dense = size_of(folder)
    recording: list[float] = []
    record = lab._bench.record

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        state = record(*args, **kwargs)
        recording.append(1000 * (time.perf_counter() - start))
        return state

    lab._bench.record = timed  # type: ignore[method-assign]
    groups = [group.name for group in lab.graph.prunable]
    for k in range(50):
        name = groups[k % len(groups)]
        lab.step(name, ratio=lab.plan.ratio(name) + 0.3)
    steps = size_of(folder)
    back = [milliseconds(lab.back) for _ in range(20)]
    lab.close()
    told("recording a step of one layer", recording, 50)
    told("going back one state", back, 100)
    print(f"50 states without training: {steps / one:.3f} of one model on disk, the first {dense / one:.3f} [1.2]")


def told(what: str, values: list[float], goal: float) -> None:
    """A line for a list of durations."""
    print(f"{what}: {statistics.median(values):.0f} ms, from {min(values):.0f} to {max(values):.0f} [{goal:.0f}]")


def many_states(folder: Path, n: int) -> None:
    """A history of ``n`` states: opening it, its table, its tree."""
    model = paddle.nn.Sequential(paddle.nn.Linear(8, 16), paddle.nn.ReLU(), paddle.nn.Linear(16, 4))
    data = (np.ones((4, 8), np.float32), np.zeros(4, np.int64))
    lab = pl.Lab(model, val=data, workspace=folder)
    store: Any = lab._bench.store
    store._db._db.execute("PRAGMA synchronous = OFF")  # what is measured is reading
    first = lab.state
    bits = store.snapshot(first.id)
    draw = np.random.default_rng(0)
    for number in range(1, n):
        # a branch every now and then
        parent = number - 1 if draw.random() < 0.9 else int(draw.integers(0, number))
        state = replace(first, id=f"s{number}", parent=f"s{parent}", label=f"0 {number % 100} %")
        plan = first.plan.with_removed(lab.graph, {"0": range(number % 15)})
        store.add(Entry(facts=state.to_json(), plan=plan.to_json(),
                        bits=Snapshot(bits.tensors, RandomState(number, {}, bits.random.check))))
    lab.close()
    opened: list[pl.Lab] = []
    with warnings.catch_warnings():  # the random states are made up
        warnings.simplefilter("ignore")
        opening = milliseconds(lambda: opened.append(pl.Lab(model, val=data, workspace=folder)))
    lab = opened[0]
    table, text = milliseconds(lambda: lab.history), milliseconds(lambda: str(lab.tree()))
    svg = milliseconds(lambda: lab.tree().to_svg())
    step = milliseconds(lambda: lab.step("0", ratio=0.95))
    print(f"{n:,} states, {size_of(folder) / 1e6:.1f} MB: opening {opening:.0f} ms, lab.history {table:.0f} ms [1000], "
          f"the tree as text {text:.0f} ms [1000], as SVG {svg:.0f} ms, one more step {step:.0f} ms")
    lab.close()


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "No ccache found")
    with tempfile.TemporaryDirectory() as where:
        large_model(Path(where) / "large")
    with tempfile.TemporaryDirectory() as where:
        many_states(Path(where) / "many", int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
