"""Recurrent nodes as Paddle's own recurrent layers, whose gates stand in another order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle
from paddle import nn

from prunelab.data.saved.onnx.node import Node, Unsupported, known, tensor

Array = np.ndarray[Any, Any]

# for each of Paddle's gates the place of the same among ONNX's: Paddle's LSTM has i, f, c, o and ONNX's i, o, f, c;
# Paddle's GRU has r, z, c and ONNX's z, r, h
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
RECURRENT = tuple(_GATES)


def recurrent_layer(node: Node, arrays: Mapping[str, Array]) -> Any:
    """The layer of a node, filled from the file's weights.

    Raises:
        Unsupported: a form that Paddle's layers do not have.
    """
    _check(node, arrays)
    w, r = (arrays[name] for name in node.inputs[1:3])
    no_bias = np.zeros((len(w), 2 * w.shape[1]), w.dtype)
    b = arrays[node.inputs[3]] if len(node.inputs) > 3 and node.inputs[3] else no_bias
    hidden, order = r.shape[2], _GATES[node.op]
    kind = nn.LSTM if node.op == "LSTM" else nn.GRU
    layer = kind(w.shape[2], hidden, direction="bidirect" if len(w) == 2 else "forward", time_major=True)
    for direction, suffix in enumerate(("", "_reverse")[: len(w)]):
        half = b.shape[1] // 2
        parts = {"weight_ih": w[direction], "weight_hh": r[direction], "bias_ih": b[direction, :half],
                 "bias_hh": b[direction, half:]}
        for name, array in parts.items():
            gates = array.reshape(len(order), hidden, *array.shape[1:])[list(order)]
            getattr(layer, f"{name}_l0{suffix}").set_value(np.ascontiguousarray(gates.reshape(array.shape)))
    return layer


def _check(node: Node, arrays: Mapping[str, Array]) -> None:
    if any(name not in arrays for name in node.inputs[1:3]):
        raise Unsupported("its weights are computed")
    if len(node.inputs) > 4 and node.inputs[4]:
        raise Unsupported("it has lengths of sequences")
    if len(node.inputs) > 7 and node.inputs[7]:
        raise Unsupported("it has peepholes")
    if node.get("direction", "forward") == "reverse" or node.get("layout", 0) or node.get("clip"):
        raise Unsupported("it runs backwards only, has its batch first, or clips")
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}[node.op]
    given = [a.decode() if isinstance(a, bytes) else a for a in node.get("activations", usual)]
    if given not in (usual, usual * 2):
        raise Unsupported(f"its activations are {', '.join(given)}")
    if node.op == "GRU" and not node.get("linear_before_reset", 0):
        raise Unsupported("its reset gate comes before the product")


def run_recurrent(layer: Any, node: Node, x: Any, *more: Any) -> list[Any]:
    """Y (places, directions, samples, hidden), and the last states."""
    states = [s for s in more[4:6] if s is not None]
    given = [tensor(s, x) for s in states]
    if all(known(s) and not s.any() for s in states):
        given = []
    out, last = layer(x, tuple(given) if len(given) > 1 else given[0] if given else None)
    directions = 2 if layer.num_directions == 2 else 1
    y = paddle.transpose(out.reshape([out.shape[0], out.shape[1], directions, -1]), [0, 2, 1, 3])
    return [y, *(last if isinstance(last, (tuple, list)) else [last])]
