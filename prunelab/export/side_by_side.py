"""`benchmark`: one model side by side in its runtimes, at several batches and threads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import paddle

from prunelab.errors import OptionError, check_whole, shown, unknown_name
from prunelab.evaluate.forward import in_mode
from prunelab.evaluate.latency import as_tensors, example_arrays, paddle_threads
from prunelab.evaluate.memory import peak_memory
from prunelab.evaluate.timing import Timing, time_callables
from prunelab.export.check import Written, write
from prunelab.export.subject import Subject, as_it_was, read_subject
from prunelab.graph.nests import call, inputs_of
from prunelab.graph.places import home_of
from prunelab.render.numbers import milliseconds, size
from prunelab.render.table import html_table, text_table

# Paddle's own forward in Python, beside the formats of `prunelab.export.FORMATS`
DYGRAPH = "dygraph"
_HEADERS = ("runtime", "batch", "threads", "median", "10 % to 90 %", "a sample", "on disk", "peak memory")


@dataclass(frozen=True)
class Measurement:
    """One runtime at one batch and number of threads. ``size_bytes`` is of its files, of parameters and buffers for
    "dygraph"; ``peak_bytes`` is known for "dygraph" only: weights and the most that a forward has beside them."""

    runtime: str
    batch: int
    threads: int
    timing: Timing
    size_bytes: int
    peak_bytes: int | None


@dataclass(frozen=True)
class Benchmark:
    """All measurements of one model."""

    model: str
    rows: tuple[Measurement, ...]

    @property
    def table(self) -> Any:
        """A pandas DataFrame, a row a measurement."""
        import pandas as pd

        return pd.DataFrame([{
            "runtime": m.runtime, "batch": m.batch, "threads": m.threads, "median_ms": m.timing.median_ms,
            "p10_ms": m.timing.p10_ms, "p90_ms": m.timing.p90_ms, "size_bytes": m.size_bytes,
            "peak_bytes": m.peak_bytes} for m in self.rows])

    def _rows(self) -> list[list[str]]:
        return [[m.runtime, str(m.batch), str(m.threads), milliseconds(m.timing.median_ms),
                 f"{m.timing.p10_ms:.3g} to {m.timing.p90_ms:.3g}", milliseconds(m.timing.median_ms / m.batch),
                 size(m.size_bytes), "–" if m.peak_bytes is None else size(m.peak_bytes)] for m in self.rows]

    def __str__(self) -> str:
        return text_table(_HEADERS, self._rows(), title=self.model)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self._rows(), caption=self.model)


def benchmark(model: Any, inputs: Any, *, runtimes: str | Iterable[str] = (DYGRAPH, "paddle"),
              batches: int | Iterable[int] = (1,), threads: int | Iterable[int] | None = None, runs: int = 50,
              warmup: int = 5, budget_s: float | None = 10.0) -> Benchmark:
    """Latency (median and spread), size on disk and peak memory of ``model``, which is left as it was.

    Files are written to a place that is removed, and compared with the model before they are timed. The runtimes take
    turns, so that a busy spell of the machine hits all alike.

    Args:
        inputs: as for `prunelab.trace`.
        runtimes: "dygraph" (Paddle in Python) and names of `prunelab.export.FORMATS`, such as "paddle" (Paddle
            Inference) and "onnx" (ONNX Runtime).
        batches: samples a call; other than the given one only where the batch is free.
        threads: numbers of threads on the CPU; as many as Paddle has now, if left out.
        runs, warmup, budget_s: counted and uncounted calls of each, and the seconds after which no more are begun.

    Raises:
        UnknownNameError: a runtime nobody knows.
        MissingExtraError, ExportError, ParityError: as `prunelab.export`.
    """
    names, sizes = _names(runtimes), _numbers(batches, "batches")
    runs, warmup = check_whole(runs, "runs", 1), check_whole(warmup, "warmup")
    with tempfile.TemporaryDirectory() as folder, paddle_threads(None) as now:
        subject = read_subject(model, inputs)
        written = _write(subject, names, Path(folder), now)
        if not all(w.subject.free for w in written.values()) or not subject.free:
            sizes = [subject.batch]
        rows: list[Measurement] = []
        for n in [now] if threads is None else _numbers(threads, "threads"):
            runners = {name: _runner(w, n) for name, w in written.items()}
            for batch in sizes:
                rows += _side_by_side(subject, names, runners, written, batch, n, (runs, warmup, budget_s))
    return Benchmark(subject.name, tuple(sorted(rows, key=lambda m: names.index(m.runtime))))


def _write(subject: Subject, names: Sequence[str], folder: Path, threads: int) -> dict[str, Written]:
    from prunelab.export import FORMATS  # the table stands where a reader looks for it, in the room's head

    formats = [FORMATS[name] for name in names if name != DYGRAPH]
    for fmt in formats:
        fmt.check_available()
    with as_it_was(subject.layer):
        return {fmt.name: write(fmt, subject, folder, verify=True, threads=threads) for fmt in formats}


def _runner(written: Written, threads: int) -> Callable[[Mapping[str, Any]], Any]:
    return written.format.load(written.files, written.setting or {}, threads)


def _side_by_side(subject: Subject, names: Sequence[str], runners: Mapping[str, Any], written: Mapping[str, Written],
                  batch: int, threads: int, how: tuple[int, int, float | None]) -> list[Measurement]:
    layer, (runs, warmup, budget_s) = subject.layer, how
    known = next(iter(subject.examples.values())).inputs
    arrays = dict(zip(known, example_arrays(subject.specs, batch=batch, given=list(known.values())), strict=True))
    tensors = as_tensors(subject.specs, list(arrays.values()), home_of(layer))
    calls = {name: partial(call, layer, subject.specs, tensors) if name == DYGRAPH else partial(runners[name], arrays)
             for name in names}
    with as_it_was(layer), in_mode(layer, training=False), paddle.no_grad(), paddle_threads(threads):
        timings = time_callables(calls, runs, warmup, budget_s=budget_s)
        memory = peak_memory(layer, inputs_of(subject.specs, tensors)) if DYGRAPH in names else None
    own = 0 if memory is None else memory.weights_bytes
    return [Measurement(name, batch, threads, timings[name],
                        own if name == DYGRAPH else written[name].size_bytes,
                        memory.total_bytes if memory is not None and name == DYGRAPH else None)
            for name in names]


def _names(runtimes: str | Iterable[str]) -> list[str]:
    from prunelab.export import FORMATS

    found = [runtimes] if isinstance(runtimes, str) else list(runtimes)
    for name in found:
        if name != DYGRAPH and name not in FORMATS:
            raise unknown_name("runtime", name, [DYGRAPH, *FORMATS])
    if not found:
        raise OptionError(f"runtimes is empty; give some of {', '.join([DYGRAPH, *FORMATS])}")
    return list(dict.fromkeys(found))


def _numbers(values: Any, place: str) -> list[int]:
    many = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    if not many:
        raise OptionError(f"{place} is {shown(values)}; give at least one whole number")
    return [check_whole(value, place, 1) for value in many]
