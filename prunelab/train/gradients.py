"""Gradients between the backward and the optimizer's step: the mean over batches, and their common norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle


def divide(parameters: Sequence[Any], n: int) -> None:
    """Gradients that were added up over ``n`` batches as their mean, in place."""
    if n > 1:
        with paddle.no_grad():
            for p in parameters:
                if p.grad is not None:
                    paddle.assign(p.grad / n, output=p.grad)


def clip(parameters: Sequence[Any], norm: float | None) -> None:
    """Scale all gradients down so that their common norm is no more than ``norm``, in place: ``g min(1, norm/|g|)``.

    Pascanu, Mikolov, Bengio: On the Difficulty of Training Recurrent Neural Networks, 2013 (arXiv:1211.5063). The norm
    stays on the device.
    """
    found = [p.grad for p in parameters if p.grad is not None]
    if norm is None or not found:
        return
    with paddle.no_grad():
        total = paddle.add_n([g.astype("float32").square().sum() for g in found]).sqrt()
        factor = (norm / total.clip(min=1e-12)).clip(max=1.0)
        for g in found:
            paddle.assign(g * factor.astype(g.dtype), output=g)
