"""How much memory a forward takes at its peak, as Paddle's allocator counts it."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import paddle

from prunelab.evaluate.forward import in_mode, run_on
from prunelab.evaluate.latency import as_tensors, example_arrays, given_arrays
from prunelab.graph import as_layer
from prunelab.graph.inputs import read_inputs
from prunelab.graph.places import home_of
from prunelab.render.numbers import size


@dataclass(frozen=True)
class Memory:
    """``weights_bytes``: parameters and buffers; ``peak_bytes``: the most that a forward had on top of them and of its
    inputs, outputs and workspaces included."""

    weights_bytes: int
    peak_bytes: int

    @property
    def total_bytes(self) -> int:
        """Both together."""
        return self.weights_bytes + self.peak_bytes

    def __str__(self) -> str:
        return f"{size(self.total_bytes)} ({size(self.weights_bytes)} of weights, {size(self.peak_bytes)} at the peak)"


def peak_memory(model: Any, inputs: Any, *, batch: int | None = None) -> Memory:
    """The memory of one forward in eval mode without gradients; the model is left as it was.

    Args:
        inputs: as for `prunelab.trace`; example tensors are used as they are, shapes get random numbers.
        batch: samples in the forward; those that ``inputs`` has, if left out.

    Raises:
        InputError: inputs that the model does not take.
    """
    layer = as_layer(model)
    specs = read_inputs(layer, inputs)
    place = home_of(layer)
    tensors = as_tensors(specs, example_arrays(specs, batch=batch, given=given_arrays(inputs, specs)), place)
    held = {id(t): t for t in (*layer.parameters(), *layer.buffers()) if t._is_initialized()}
    weights = sum(math.prod(t.shape) * int(t.element_size()) for t in held.values())
    random_state = paddle.get_rng_state()
    try:
        with in_mode(layer, training=False), paddle.no_grad():
            return Memory(weights, _peak(partial(run_on, layer, specs, tensors), place))
    finally:
        paddle.set_rng_state(random_state)


def _peak(run: Callable[[], object], place: Any) -> int:
    core = paddle.base.core
    on_cpu = place is None or place.is_cpu_place()
    kind, device = ("host", 0) if on_cpu else ("device", place.gpu_device_id())
    now, peak, reset = (getattr(core, f"{kind}_memory_stat_{what}")
                        for what in ("current_value", "peak_value", "reset_peak_value"))
    gc.collect()  # what is dead and not yet gone would be counted as there before, and might go meanwhile
    reset("Allocated", device)
    before = now("Allocated", device)
    run()
    if not on_cpu:
        paddle.device.synchronize()
    return int(peak("Allocated", device) - before)
