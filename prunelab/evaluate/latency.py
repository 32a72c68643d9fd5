"""The latency of a model as it is in the notebook (Paddle's dynamic graph), and Paddle's number of threads."""

from __future__ import annotations

import contextlib
import ctypes
import numbers
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.forward import in_mode, run_on
from prunelab.evaluate.timing import Timing, TimingOptions, own_clock, time_callables
from prunelab.graph import TensorSpec, as_array, as_layer
from prunelab.graph.inputs import read_inputs
from prunelab.graph.nests import call, flat, is_nested
from prunelab.graph.places import home_of
from prunelab.surgery.compare import as_tensors, example_arrays

__all__ = ["as_tensors", "current_threads", "example_arrays", "given_arrays", "latencies", "latency", "paddle_threads"]

Array = np.ndarray[Any, Any]


def latency(model: Any, inputs: Any, *, runs: int = 50, warmup: int = 5, threads: int | None = None,
            budget_s: float | None = None, own_time: bool = False) -> Timing:
    """The time of one forward in eval mode without gradients, in milliseconds, at the batch that ``inputs`` has.

    Args:
        inputs: as for `prunelab.trace`; a free batch counts as 1. Example tensors are used as they are, shapes get
            random numbers.
        threads: Paddle's threads on the CPU while timing; None leaves them as they are.
        budget_s: stop after this many seconds, though not before five runs.
        own_time: what other programs take meanwhile does not count, where that can be told: on the CPU with one thread.

    The model's mode, Paddle's threads and random state are afterwards as before.
    """
    options = TimingOptions(runs=runs, warmup=warmup, threads=threads, budget_s=budget_s)
    return latencies({"model": model}, inputs, options, own_time=own_time)["model"]


def latencies(models: Mapping[str, Any], inputs: Any, options: TimingOptions, *,
              own_time: bool = False) -> dict[str, Timing]:
    """The times of several models of the same inputs, by name, each as `latency` times one; they take turns, so that
    what else the machine does falls on all."""
    layers = {name: as_layer(model) for name, model in models.items()}
    first = next(iter(layers.values()))
    specs, place = read_inputs(first, inputs), home_of(first)
    tensors = as_tensors(specs, example_arrays(specs, given=given_arrays(inputs, specs)), place)
    random_state = paddle.get_rng_state()
    on_cpu = place is None or place.is_cpu_place()

    def run(layer: Any) -> None:
        call(layer, specs, tensors)
        if not on_cpu:
            paddle.device.synchronize()

    try:
        with contextlib.ExitStack() as modes, paddle.no_grad(), paddle_threads(options.threads) as n:
            for layer in layers.values():
                modes.enter_context(in_mode(layer, training=False))
                run_on(layer, specs, tensors)
            clock = own_clock(on_cpu and own_time, n)
            return time_callables({name: partial(run, layer) for name, layer in layers.items()}, options.runs,
                                  options.warmup, budget_s=options.budget_s, clock=clock)
    finally:
        paddle.set_rng_state(random_state)


def given_arrays(inputs: Any, specs: Sequence[TensorSpec]) -> list[Array | None]:
    """The numbers of the example tensors among ``inputs``, one entry for each of ``specs``; None for a mere shape."""
    if is_nested(specs):
        items = flat(specs, *([], inputs) if isinstance(inputs, Mapping) else [inputs])
    elif isinstance(inputs, Mapping):
        items = [inputs.get(spec.name) for spec in specs]
    elif isinstance(inputs, (list, tuple)) and not all(n is None or isinstance(n, numbers.Integral) for n in inputs):
        items = list(inputs)
    else:
        items = [inputs]
    return [_numbers(item) for item in items]


def _numbers(item: Any) -> Array | None:
    if isinstance(item, np.ndarray):
        return item
    return as_array(item) if isinstance(item, paddle.Tensor) else None


@contextlib.contextmanager
def paddle_threads(threads: int | None) -> Iterator[int]:
    """``threads`` for Paddle's CPU kernels inside; afterwards as many as before, whatever was set inside.

    A predictor of Paddle Inference sets the process's number to 1 after each run, and the bits of some convolutions
    depend on it.
    """
    before = current_threads()
    if threads is not None:
        paddle.base.core.set_num_threads(threads)
    try:
        yield threads or before
    finally:
        paddle.base.core.set_num_threads(before)


def current_threads() -> int:
    """How many threads Paddle's CPU kernels use now: MKL's own number, for Paddle has a setter and no getter."""
    library = Path(paddle.__file__).parent / "libs" / "libmklml_intel.so"
    try:
        return int(ctypes.CDLL(str(library)).MKL_Get_Max_Threads())
    except (OSError, AttributeError):
        # Builds on OpenBLAS: what Paddle itself sets to 1 on import, where a person did not set it.
        return int(os.environ.get("OMP_NUM_THREADS", "1").split(",")[0])
