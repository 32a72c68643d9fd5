"""LSTM, GRU and the simple recurrent net, as ONNX nodes: a layer each, with lengths and states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.translate import CannotSay

# ONNX's order of gates, by numbers in Paddle's: input, forget, cell, output; reset, update, candidate
_GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN_TANH": [0], "RNN_RELU": [0]}


def _rnn(g: Builder, x: Value, pre_state: list[Value], weight_list: list[Value], sequence_length: Value | None,
         is_bidirec: bool, input_size: int, hidden_size: int, num_layers: int, mode: str) -> tuple[Any, ...]:
    """X is (time, batch, features), a state (layers x directions, batch, hidden)."""
    arrays = [g.known(w) for w in weight_list]
    if any(a is None for a in arrays):
        raise CannotSay("a recurrent net whose weights are computed from the input")
    n = 2 if is_bidirec else 1
    lengths = None if sequence_length is None else g.cast(sequence_length, "int32")
    states: list[list[Value]] = [[] for _ in pre_state]
    # all weights come first, an input's and a state's each, then all biases
    half = len(arrays) // 2
    for k in range(num_layers):
        own = slice(2 * n * k, 2 * n * (k + 1))
        first = [g.slice(s, 0, n * k, n * (k + 1)) for s in pre_state]
        x, last = _layer(g, x, mode, hidden_size, arrays[:half][own], arrays[half:][own], lengths, first)
        for kept, state in zip(states, last, strict=True):
            kept.append(state)
    final = [g.Concat(*kept, axis=0) if num_layers > 1 else kept[0] for kept in states]
    return x, None, final, None


def _layer(g: Builder, x: Value, mode: str, hidden: int, weights: Sequence[Any], biases: Sequence[Any],
           lengths: Value | None, first: list[Value]) -> tuple[Value, tuple[Value, ...]]:
    gates = _GATES[mode]

    def in_order(matrix: Any) -> Any:
        return np.concatenate([matrix[hidden * k: hidden * (k + 1)] for k in gates])

    n = len(weights) // 2
    w, r = (np.stack([in_order(m) for m in weights[k::2]]) for k in (0, 1))
    b = np.stack([np.concatenate([in_order(biases[2 * k]), in_order(biases[2 * k + 1])]) for k in range(n)])
    kind = mode.partition("_")[0]
    more: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if n == 2 else "forward"}
    if kind == "GRU":
        more["linear_before_reset"] = 1
    if kind == "RNN":
        more["activations"] = [mode.partition("_")[2].capitalize()] * n
    out, *last = getattr(g, kind)(x, w, r, b, lengths, *first, n_outputs=1 + len(first), **more)
    # (time, directions, batch, hidden) -> (time, batch, directions x hidden)
    merged = g.Reshape(g.Transpose(out, perm=[0, 2, 1, 3]), [0, 0, n * hidden])
    return merged, tuple(last)


TABLE: dict[str, Entry] = {"rnn": _rnn}
