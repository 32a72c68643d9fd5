"""LSTM, GRU and SimpleRNN, as TensorFlow's functions, over any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Entry = Any


def _rnn(x: Any, pre_state: list[Any], weight_list: list[Any], sequence_length: Any, is_bidirec: bool, input_size: int,
         hidden_size: int, num_layers: int, mode: str) -> Any:
    """Step by step: no state of TensorFlow's is kept between calls, which a TFLite LSTM of a fixed batch would."""
    n, half = (2 if is_bidirec else 1), len(weight_list) // 2
    finals: list[list[Any]] = [[] for _ in pre_state]
    for layer in range(num_layers):
        outs = []
        for k in range(n):
            at = layer * n + k
            weights = (*weight_list[2 * at: 2 * at + 2], *weight_list[half + 2 * at: half + 2 * at + 2])
            out, last = _direction(x, [s[at] for s in pre_state], weights, sequence_length, mode, backwards=k == 1)
            outs.append(out)
            for kept, state in zip(finals, last, strict=True):
                kept.append(state)
        x = tf.concat(outs, -1)
    return x, None, [tf.stack(kept) for kept in finals], None


def _direction(x: Any, state: list[Any], weights: Any, lengths: Any, mode: str, backwards: bool) -> Any:
    w, r, b, d = weights

    def step(t: Any, state: list[Any]) -> tuple[Any, list[Any]]:
        new = _cell(tf.matmul(tf.gather(x, t), w, transpose_b=True) + b,
                    tf.matmul(state[0], r, transpose_b=True) + d, state, mode)
        if lengths is None:
            return new[0], new
        there = tf.expand_dims(t < tf.cast(lengths, tf.int32), -1)
        kept = [tf.where(there, a, s) for a, s in zip(new, state, strict=True)]
        return tf.where(there, new[0], tf.zeros_like(new[0])), kept

    if x.shape[0] is None:
        return _looped(step, tf.shape(x)[0], state, backwards)
    outs = []
    for t in range(x.shape[0])[::-1 if backwards else 1]:
        out, state = step(t, state)
        outs.append(out)
    return tf.stack(outs[::-1 if backwards else 1]), state


def _looped(step: Callable[[Any, list[Any]], tuple[Any, list[Any]]], n: Any, state: list[Any], backwards: bool) -> Any:
    """All steps of any number. Their outputs are laid one upon the other, on a first one that goes: TFLite has no list
    of tensors of a free batch, and does not grow a tensor from nothing."""

    def body(k: Any, outs: Any, *state: Any) -> tuple[Any, ...]:
        out, new = step(n - 1 - k if backwards else k, list(state))
        return k + 1, tf.concat([outs, tf.expand_dims(out, 0)], 0), *new

    start = (tf.constant(0), tf.expand_dims(tf.zeros_like(state[0]), 0), *state)
    grows = tuple(tf.TensorShape([*[None] * (v.shape.rank - 1), *v.shape[-1:]]) for v in start)
    _, outs, *last = tf.while_loop(lambda k, *_: k < n, body, start, shape_invariants=grows)
    return tf.reverse(outs[1:], [0]) if backwards else outs[1:], last


def _cell(given: Any, before: Any, state: list[Any], mode: str) -> list[Any]:
    if mode == "LSTM":
        i, f, c, o = tf.split(given + before, 4, -1)
        cell = tf.sigmoid(f) * state[1] + tf.sigmoid(i) * tf.tanh(c)
        return [tf.sigmoid(o) * tf.tanh(cell), cell]
    if mode == "GRU":
        (r, z, c), (r1, z1, c1) = tf.split(given, 3, -1), tf.split(before, 3, -1)
        update = tf.sigmoid(z + z1)
        candidate = tf.tanh(c + tf.sigmoid(r + r1) * c1)
        return [update * state[0] + (1 - update) * candidate]
    return [(tf.tanh if mode == "RNN_TANH" else tf.nn.relu)(given + before)]


TABLE: dict[str, Entry] = {"rnn": _rnn}
