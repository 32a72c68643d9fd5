"""The widths that Paddle's own layers keep as attributes, beside the shapes of their weights: set anew after a cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paddle import nn

from prunelab.surgery.norms import remember_dense_width

# an operator's number -> (the layer that holds it, its attribute)
OWNERS: dict[str, tuple[tuple[type, str], ...]] = {
    "groups": ((nn.layer.conv._ConvNd, "_groups"), (nn.GroupNorm, "_num_groups")),
    "hidden_size": ((nn.layer.rnn.RNNBase, "hidden_size"),),
    "input_size": ((nn.layer.rnn.RNNBase, "input_size"),),
    "padding_idx": ((nn.Embedding, "_padding_idx"),),
}


def set_number(layer: Any, number: str, value: int) -> bool:
    """Set an operator's number on the layer of Paddle that holds it; False if this layer does not."""
    if number == "dense":
        return remember_dense_width(layer, value)
    for base, attribute in OWNERS.get(number, ()):
        if isinstance(layer, base):
            # the operator's -1 is the layer's None
            setattr(layer, attribute, None if (number, value) == ("padding_idx", -1) else value)
            return True
    return False


def _convolution(layer: Any) -> None:
    made, read = layer.weight.shape[:2]
    if "Transpose" in type(layer).__name__:
        layer._in_channels, layer._out_channels = made, read * layer._groups
    else:
        layer._in_channels, layer._out_channels = read * layer._groups, made


def _linear(layer: Any) -> None:
    for name, axis in (("in_features", 0), ("out_features", 1), ("_in_features", 0), ("_out_features", 1)):
        if name in vars(layer):
            setattr(layer, name, layer.weight.shape[axis])


def _batch_norm(layer: Any) -> None:
    layer._num_features = layer._mean.shape[0]


def _instance_norm(layer: Any) -> None:
    if layer.scale is not None:
        layer._num_features = layer.scale.shape[0]


def _group_norm(layer: Any) -> None:
    if layer.weight is not None:
        layer._num_channels = layer.weight.shape[0]


def _embedding(layer: Any) -> None:
    layer._num_embeddings, layer._embedding_dim = layer.weight.shape


def _cell(layer: Any) -> None:
    layer.hidden_size, layer.input_size = layer.weight_hh.shape[1], layer.weight_ih.shape[1]


# base class -> what sets its widths from the shapes of its weights
SETTERS: Mapping[type, Callable[[Any], None]] = {
    nn.layer.conv._ConvNd: _convolution,
    nn.Linear: _linear,
    nn.layer.norm._BatchNormBase: _batch_norm,
    nn.layer.norm._InstanceNormBase: _instance_norm,
    nn.GroupNorm: _group_norm,
    nn.Embedding: _embedding,
    nn.layer.rnn.RNNCellBase: _cell,
}


def follow_shapes(layer: Any) -> None:
    """Set the attributes of one of Paddle's own layers to its weights' shapes; other layers are left."""
    for base, set_widths in SETTERS.items():
        if isinstance(layer, base) and type(layer).__module__.startswith("paddle."):
            set_widths(layer)
            return
