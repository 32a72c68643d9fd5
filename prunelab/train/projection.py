"""Keeping a masked full-size model masked while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError, shown, unknown_name
from prunelab.plan import Plan
from prunelab.surgery import cut_masks


class Projection:
    """Sets what a plan cuts to zero: in the gradients, so that no optimizer accumulates there, and in the tensors."""

    def __init__(self, layer: Any, masks: Mapping[str, np.ndarray[Any, Any]]) -> None:
        named = {**dict(layer.named_buffers()), **dict(layer.named_parameters())}
        for name, mask in masks.items():
            if name not in named:
                raise unknown_name("parameter", name, named, place=f"the masks for {type(layer).__name__}")
            if np.shape(mask) != tuple(named[name].shape):
                raise OptionError(f"the mask of '{name}' has the shape {np.shape(mask)}, and the parameter "
                                  f"{tuple(named[name].shape)}; give one of that shape, True where a number stays")
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
        OptionError: masks of names or shapes that the layer does not have.
    """
    if plan is None:
        return Projection(layer, {})
    if not isinstance(plan, (Plan, Mapping)):
        raise OptionError(f"plan is {shown(plan)}; give a Plan, or a dict from parameters' names to masks")
    return Projection(layer, cut_masks(layer, plan) if isinstance(plan, Plan) else plan)


def _where(stays: Any, tensor: Any) -> Any:
    # not a product: zero times a negative number is -0.0, other bits than those of a weight that was cut
    return paddle.where(stays, tensor, paddle.zeros_like(tensor))
