"""The norms of a smaller model that see all of a width: they go on counting the positions that were cut."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import nn

from prunelab.graph import composites

paddle.jit.ignore_module([composites])


class WidthLayerNorm(nn.LayerNorm):
    """An ``nn.LayerNorm`` whose statistics are those of ``dense_width`` positions, the cut ones zero.

    The input is (..., kept positions), the weights are those of an ``nn.LayerNorm`` over the kept positions. A model
    becomes one by `remember_dense_width`, and further cuts leave ``dense_width`` as it is.
    """

    dense_width: int

    def forward(self, x: Any) -> Any:
        begin = len(x.shape) - len(self._normalized_shape)
        return composites.layer_norm_of_dense(x, self.weight, self.bias, self._epsilon, begin, self.dense_width)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dense_width={self.dense_width}"


class WidthGroupNorm(nn.GroupNorm):
    """An ``nn.GroupNorm`` of one group whose statistics are those of ``dense_width`` channels, the cut ones zero."""

    dense_width: int

    def forward(self, x: Any) -> Any:
        return composites.group_norm_of_dense(x, self.weight, self.bias, self._epsilon, self._data_format,
                                              self.dense_width)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dense_width={self.dense_width}"


_COUNTING = {nn.LayerNorm: WidthLayerNorm, nn.GroupNorm: WidthGroupNorm}


def remember_dense_width(layer: Any, dense_width: int) -> bool:
    """Make a norm of a smaller model count ``dense_width`` positions; False if it is none of Paddle's plain ones.

    The object stays, so that every list and every attribute that holds it follows.
    """
    if type(layer) in _COUNTING:
        layer.__class__ = _COUNTING[type(layer)]
        layer.dense_width = dense_width
    if isinstance(layer, WidthGroupNorm) and layer.weight is not None:
        layer._num_channels = layer.weight.shape[0]
    if isinstance(layer, WidthLayerNorm) and len(layer._normalized_shape) == 1 and layer.weight is not None:
        layer._normalized_shape = list(layer.weight.shape)
    return isinstance(layer, (WidthLayerNorm, WidthGroupNorm))
