"""Where a model lives, and how what is made while it runs is made there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import paddle


def place_of(tensors: Iterable[Any]) -> Any:
    """The place of the first of ``tensors`` that holds something; None where none does."""
    return next((t.place for t in tensors if hasattr(t, "place") and t._is_initialized()), None)


def home_of(layer: Any) -> Any:
    """Where the layer's parameters live (its buffers, if it has none); None for a layer without tensors."""
    # to the first only: at_home asks for it at each call
    return place_of(t for tensors in (layer.named_parameters, layer.named_buffers) for _, t in tensors())


@contextlib.contextmanager
def at_home(layer: Any) -> Iterator[None]:
    """Inside, Paddle makes tensors where the layer's parameters live; afterwards on its default device, as before.

    A forward makes masks and first states, an optimizer its moments, and both ask for no place: on a machine with an
    accelerator they, and then the weights, would move to it from a model on the CPU, and the other way round.
    """
    place = home_of(layer)
    before = paddle.device.get_device()
    home = before if place is None else device_name(place)
    if home == before:
        yield
        return
    paddle.device.set_device(home)
    try:
        yield
    finally:
        paddle.device.set_device(before)


def device_name(place: Any) -> str:
    """A place as `paddle.set_device` calls it: "cpu", "gpu:0", "npu:1"."""
    if place.is_gpu_place():
        return f"gpu:{place.gpu_device_id()}"
    if place.is_xpu_place():
        return f"xpu:{place.xpu_device_id()}"
    if place.is_custom_place():
        return f"{place.custom_device_type()}:{place.custom_device_id()}"
    return "cpu"
