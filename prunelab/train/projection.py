"""Keeping a masked full-size model masked while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError
from prunelab.plan import Plan
from prunelab.surgery import cut_masks


class Projection:
    """Sets what a plan cuts to zero: in the gradients, so that no optimizer accumulates there, and in the tensors."""

    def __init__(self, layer: Any, masks: Mapping[str, np.ndarray[Any, Any]]) -> None:
        named = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
        unknown = [name for name in masks if name not in named]
        if unknown:
            raise OptionError(f"the masks name '{unknown[0]}', which {type(layer).__name__} does not have")
        self._cut = [(named[name], paddle.to_tensor(np.asarray(mask, bool), place=named[name].place))
                     for name, mask in masks.items()]

    def gradients(self) -> None:
        """Zero the gradients at cut positions."""
        with paddle.no_grad():
            for tensor, stays in self._cut:
                if tensor.grad is not None:
                    paddle.assign(_where(stays, tensor.grad), output=tensor.grad)

    def tensors(self) -> None:
        """Zero the parameters and buffers at cut positions."""
        with paddle.no_grad():
            for tensor, stays in self._cut:
                paddle.assign(_where(stays, tensor), output=tensor)


def project(layer: Any, plan: Plan | Mapping[str, np.ndarray[Any, Any]] | None) -> Projection:
    """The projection of a plan, or of masks by parameter name (bool, True where it stays); of None, one that does
    nothing.

    Raises:
        PlanError: a plan for another structure.
    """
    if plan is None:
        return Projection(layer, {})
    return Projection(layer, cut_masks(layer, plan) if isinstance(plan, Plan) else plan)


def _where(stays: Any, tensor: Any) -> Any:
    # not a product: zero times a negative number is -0.0, other bits than those of a weight that was cut
    return paddle.where(stays, tensor, paddle.zeros_like(tensor))
