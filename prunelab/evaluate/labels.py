"""A batch's labels: a tensor, or for a loss of several outputs a dict, list or tuple of them, in the form it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import paddle


def is_several(value: Any, n: int) -> bool:
    """Whether it holds labels of several kinds, each for ``n`` samples: a list of one array a sample is one tensor."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, (list, tuple)) and bool(value) and all(
        is_several(v, n) if isinstance(v, (list, tuple, Mapping)) else _is_array(v) and v.shape[0] == n for v in value)


def over(function: Callable[..., Any], labels: Any, *more: Any) -> Any:
    """What a function makes of each tensor (of those in the same place in ``more``), in the labels' own form; None of
    None."""
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        return {name: over(function, value, *(m[name] for m in more)) for name, value in labels.items()}
    if isinstance(labels, (list, tuple)):
        return type(labels)([over(function, *parts) for parts in zip(labels, *more, strict=True)])
    return function(labels, *more)


def first(labels: Any, n: int) -> Any:
    """Those of the first ``n`` samples."""
    return over(lambda y: y[:n], labels)


def leaves(labels: Any) -> list[Any]:
    """All tensors, in order."""
    if labels is None:
        return []
    parts: Sequence[Any] = list(labels.values()) if isinstance(labels, Mapping) else labels
    return [leaf for part in parts for leaf in leaves(part)] if isinstance(labels, (Mapping, list, tuple)) else [labels]


def _is_array(value: Any) -> bool:
    return isinstance(value, (paddle.Tensor, np.ndarray)) and value.ndim > 0
