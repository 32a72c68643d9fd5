"""How long one operator takes at given shapes on this machine: measured once, and kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle
from paddle import _C_ops

from prunelab.evaluate.files import write_json
from prunelab.evaluate.latency import current_threads
from prunelab.evaluate.timing import own_clock
from prunelab.graph.calls import Call, Constant, data_type
from prunelab.graph.run import Executor

_FORMAT, _VERSION = "prunelab-operator-times", 1
# Calls of one shape that are timed, after so many that are not: the fastest of few is steadier than a mean of many
# where other programs run
_WARM_UP, _LEAST_RUNS, _MOST_RUNS = 2, 5, 30
# ... and no longer than this, for an operator that takes a while
_BUDGET_S = 0.03

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Shaped:
    """One operator at given shapes: ``operands`` are the shapes and dtypes of its tensors (lists of them for lists),
    None for what is a constant."""

    executor: Executor
    call: Call
    operands: tuple[Any, ...]
    batch: int

    @property
    def key(self) -> str:
        """Says all that its time depends on, but for the machine."""
        call = self.call
        fixed = [repr(a) for a in call.arguments]
        sizes = [(at, repr(size)) for at, size in call.sizes]
        made = [(at, c.shape) for at, c in call.made]
        told = f"{call.name} {self.operands} {fixed} {sizes} {made} {self.batch if sizes else ''}"
        return f"{call.name} {hashlib.blake2b(told.encode(), digest_size=12).hexdigest()}"

    def runner(self, place: Any) -> Any:
        """A function that runs it on tensors of its own."""
        values: dict[int, Any] = {}
        for (_, value, _), operand in zip(self.call.tensors, self.operands, strict=True):
            if operand is not None:
                values[value] = _tensors(operand, place)

        def run() -> None:
            self.executor._call(self.call, dict(values), False, place, self.batch, True)

        return run


def _tensors(operand: Any, place: Any) -> Any:
    if isinstance(operand, list):
        return [_tensors(part, place) for part in operand]
    shape, dtype = operand
    # one half: no denormal numbers, a variance that is one, a probability; zero is an index that is always there
    number = 0 if dtype.startswith(("int", "uint")) else False if dtype == "bool" else 0.5
    return Constant(number, shape, dtype).tensor(place) if shape else _C_ops.full([], number, data_type(dtype), place)


class OperatorTimes:
    """Times in ms by operator and shape.

    ``path``: a JSON file that keeps them; it counts only for the machine, the device, the threads and the version of
    Paddle that it was measured with. Without it, they last as long as the process. ``measured`` counts the shapes that
    were measured here, ``failed`` names operators that could not be run alone and count as nothing.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> None:
        self.machine = machine(device)
        self.path = None if path is None else Path(path)
        self.measured, self.failed = 0, dict[str, str]()
        self._ms: dict[str, float] = self._read()

    @classmethod
    def here(cls, device: str = "cpu") -> OperatorTimes:
        """Those of this machine, kept in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``)."""
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunelab"
        name = hashlib.blake2b(json.dumps(machine(device), sort_keys=True).encode(), digest_size=6).hexdigest()
        return cls(folder / f"operator-times-{name}.json", device=device)

    def __len__(self) -> int:
        return len(self._ms)

    def ms(self, shaped: Shaped, place: Any) -> float:
        """The time of one operator: known, or measured now."""
        key = shaped.key
        if key not in self._ms:
            try:
                self._ms[key] = _measure(shaped.runner(place), place)
            except Exception as error:  # an operator that needs real numbers, such as an index into another tensor
                self.failed[shaped.call.name] = f"{type(error).__name__}"
                self._ms[key] = 0.0
            self.measured += 1
        return self._ms[key]

    def _read(self) -> dict[str, float]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            data = json.loads(self.path.read_text(encoding="utf-8")) if self.path is not None else {}
            if (data.get("format"), data.get("version"), data.get("machine")) == (_FORMAT, _VERSION, self.machine):
                return {str(key): float(ms) for key, ms in data["ms"].items()}
        return {}

    def save(self) -> None:
        """Write them where they are kept. A place that cannot be written is passed over: they can be measured again."""
        if self.path is not None and self.measured:
            with contextlib.suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_json(self.path, {"format": _FORMAT, "version": _VERSION, "machine": self.machine,
                                       "ms": {**self._read(), **self._ms}})


def machine(device: str) -> Mapping[str, Any]:
    """What a time depends on beside the operator."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line for line in lines if line.startswith("model name")).partition(":")[2].strip()
    return {"processor": model, "device": device, "threads": current_threads(), "paddle": paddle.__version__}


def _measure(run: Any, place: Any) -> float:
    on_cpu = place is None or place.is_cpu_place()
    clock, times = own_clock(on_cpu, current_threads()), list[int]()
    start = time.perf_counter()
    for n in range(_WARM_UP + _MOST_RUNS):
        before = clock()
        run()
        if not on_cpu:
            paddle.device.synchronize()
        if n >= _WARM_UP:
            times.append(clock() - before)
        if len(times) >= _LEAST_RUNS and time.perf_counter() - start > _BUDGET_S:
            break
    # the faster half: other programs only ever add
    return statistics.median(sorted(times)[: -(-len(times) // 2)]) / 1e6
