"""Automatic mixed precision where the device has it, and a word where it has not."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import paddle


class Precision:
    """How a step computes: in the model's own type, or (``amp`` on a GPU) its products in half precision.

    Where the GPU has bfloat16 that is taken, whose range needs no scaling of the loss; else float16 with Paddle's
    `GradScaler` (Micikevicius et al.: Mixed Precision Training, 2018, arXiv:1710.03740).
    """

    def __init__(self, amp: bool, parameter: Any) -> None:
        place, own = parameter.place, str(parameter.dtype).rpartition(".")[2]
        on_gpu = place.is_gpu_place()
        if amp and not on_gpu:
            warnings.warn("amp=True does nothing on the CPU, where Paddle trains in float32; leave it out, or train on "
                          "a GPU", stacklevel=4)
        self._half = None
        if amp and on_gpu:
            self._half = "bfloat16" if paddle.amp.is_bfloat16_supported(place) else "float16"
        self._scaler = paddle.amp.GradScaler() if self._half == "float16" else None
        self.name = own if self._half is None else f"{own} and {self._half} (amp)"

    def context(self) -> Any:
        """In which the forward and the loss are computed."""
        return contextlib.nullcontext() if self._half is None else paddle.amp.auto_cast(dtype=self._half)

    def backward(self, loss: Any) -> None:
        """The gradients of a loss, on top of those that are there."""
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()

    def unscale(self, optimizer: Any) -> None:
        """The gradients as they are, before they are looked at."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def step(self, optimizer: Any) -> None:
        """A step of the optimizer; float16 passes over one whose gradients overflowed."""
        if self._scaler is None:
            optimizer.step()
        else:
            self._scaler.step(optimizer)
            self._scaler.update()
