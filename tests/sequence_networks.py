"""Small networks of the sequence families: transformers of many writings, recurrent ones.

Each entry of SEQUENCE gives a model, its inputs, and the least of its parameters that half of every group takes away.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn
from paddle.static import InputSpec


class WindowAttention(nn.Layer):
    """Windows of a map, shifted, with a relative position bias read from a table (Swin)."""

    def __init__(self, dim: int = 12, heads: int = 3, window: int = 2) -> None:
        super().__init__()
        self.dim, self.heads, self.window = dim, heads, window
        self.patch, self.norm = nn.Conv2D(3, dim, 4, stride=4), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2, self.out = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim), nn.Linear(dim, 3)
        self.table = self.create_parameter([(2 * window - 1) ** 2, heads], default_initializer=nn.initializer.Normal())
        at = paddle.stack(paddle.meshgrid(paddle.arange(window), paddle.arange(window))).flatten(1)
        apart = (at.unsqueeze(2) - at.unsqueeze(1)).transpose([1, 2, 0]) + window - 1
        self.register_buffer("places", apart[:, :, 0] * (2 * window - 1) + apart[:, :, 1])

    def attend(self, x):
        b, n, c = x.shape
        qkv = self.qkv(x).reshape([b, n, 3, self.heads, c // self.heads]).transpose([2, 0, 3, 1, 4])
        q, k, v = qkv[0], qkv[1], qkv[2]
        a = paddle.matmul(q * (c // self.heads) ** -0.5, k, transpose_y=True)
        bias = self.table[self.places.flatten()].reshape([n, n, -1]).transpose([2, 0, 1])
        a = F.softmax(a + bias.unsqueeze(0), -1)
        return self.proj(paddle.matmul(a, v).transpose([0, 2, 1, 3]).reshape([b, n, c]))

    def forward(self, x):
        x = self.patch(x).transpose([0, 2, 3, 1])
        b, h, w, c = x.shape
        n = self.window
        y = paddle.roll(self.norm(x), [-1, -1], [1, 2])
        y = y.reshape([b, h // n, n, w // n, n, c]).transpose([0, 1, 3, 2, 4, 5]).reshape([-1, n * n, c])
        y = self.attend(y).reshape([b, h // n, w // n, n, n, c]).transpose([0, 1, 3, 2, 4, 5]).reshape([b, h, w, c])
        x = x + paddle.roll(y, [1, 1], [1, 2])
        return self.out((x + self.fc2(F.gelu(self.fc1(x)))).mean([1, 2]))


class CrossAttention(nn.Layer):
    """Paddle's own attention layer between two inputs of other widths, with a mask and returned weights."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiHeadAttention(12, 3, kdim=8, vdim=6, need_weights=True)
        self.q, self.k, self.v, self.out = nn.Linear(5, 12), nn.Linear(5, 8), nn.Linear(5, 6), nn.Linear(12, 3)

    def forward(self, x, y):
        mask = paddle.triu(paddle.full([x.shape[1], y.shape[1]], float("-inf")), 1)
        h, _ = self.attention(self.q(x), self.k(y), self.v(y), mask)
        return self.out(h)


class Decoder(nn.Layer):
    """A causal decoder with learnt positions, norms first, and the embedding as output."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(16, 2, 24, dropout=0.0, normalize_before=True, activation="gelu")
        self.embed, self.places = nn.Embedding(13, 16, padding_idx=0), nn.Embedding(9, 16)
        self.decoder, self.memory, self.norm = nn.TransformerDecoder(layer, 2), nn.Linear(6, 16), nn.LayerNorm(16)

    def forward(self, ids, memory):
        n = ids.shape[1]
        h = self.embed(ids) + self.places(paddle.arange(n))
        mask = paddle.tensor.triu(paddle.full([n, n], -1e9), 1)
        h = self.norm(self.decoder(h, self.memory(memory), mask))
        return paddle.matmul(h, self.embed.weight, transpose_y=True)


class RotaryPairs(nn.Layer):
    """Rotary positions on neighbouring pairs, values narrower than keys, one head for all keys (multi-query)."""

    def __init__(self, dim: int = 16, heads: int = 2, width: int = 6) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.q, self.kv = nn.Linear(dim, heads * width), nn.Linear(dim, 2 * width)
        self.o, self.out = nn.Linear(heads * width, dim), nn.Linear(dim, 3)
        self.embed, self.up, self.down = nn.Embedding(11, dim), nn.Linear(dim, 48), nn.Linear(24, dim)

    def rotate(self, x):
        n, half = x.shape[1], self.width // 2
        speed = 1 / 100 ** (paddle.arange(half, dtype="float32") / half)
        angle = paddle.outer(paddle.arange(n, dtype="float32"), speed)
        cos, sin = angle.cos()[None, :, None, :], angle.sin()[None, :, None, :]
        pairs = x.reshape([x.shape[0], n, x.shape[2], half, 2])
        a, b = pairs[..., 0], pairs[..., 1]
        return paddle.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(3)

    def forward(self, ids):
        x = self.embed(ids)
        b, n, _ = x.shape
        q = self.rotate(self.q(x).reshape([b, n, self.heads, self.width]))
        k, v = self.kv(x).chunk(2, -1)
        k = self.rotate(k.unsqueeze(2))
        scores = paddle.einsum("bqhd,bkgd->bhqk", q, k) / 4.0
        a = F.softmax(scores.masked_fill(paddle.triu(paddle.ones([n, n]), 1).astype("bool"), -1e9), -1)
        x = x + self.o(paddle.einsum("bhqk,bkd->bqhd", a, v).flatten(2))
        x = x + self.down(F.swiglu(self.up(x)))
        return self.out(x[:, -1])


class LinearAttention(nn.Layer):
    """Keys and values are contracted first; positive features."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = (f(x).reshape([b, n, 2, c // 2]).transpose([0, 2, 1, 3]) for f in (self.q, self.k, self.v))
        q, k = F.relu(q), F.relu(k)
        y = paddle.matmul(q, paddle.matmul(k, v, transpose_x=True))
        y = y / (paddle.matmul(q, k.sum(2).unsqueeze(-1)) + 1.0)
        return self.o(y.transpose([0, 2, 1, 3]).reshape([b, n, c]))


class InitialState(nn.Layer):
    """Both directions' first states come from one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.out = nn.Linear(6, 16), nn.Linear(16, 3)
        self.rnn = nn.LSTM(6, 8, direction="bidirect")

    def forward(self, x):
        h = F.tanh(self.state(x[:, 0])).reshape([-1, 2, 8]).transpose([1, 0, 2])
        y, _ = self.rnn(x, (h, paddle.zeros_like(h)))
        return self.out(y[:, -1])


class Lengths(nn.Layer):
    """Sequences of several lengths; the last state is read."""

    def __init__(self, kind: type[nn.Layer] = nn.LSTM) -> None:
        super().__init__()
        self.rnn, self.out = kind(6, 8, num_layers=2), nn.Linear(8, 3)

    def forward(self, x, lengths):
        _, state = self.rnn(x, sequence_length=lengths)
        return self.out((state[0] if isinstance(state, (tuple, list)) else state)[-1])


class SequenceToSequence(nn.Layer):
    """An encoder's last states start the decoder, whose steps look back at the encoder's."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.encoder, self.decoder = nn.Embedding(11, 6), nn.GRU(6, 8), nn.GRU(6, 8)
        self.query, self.out = nn.Linear(8, 8), nn.Linear(16, 11)

    def forward(self, source, target):
        memory, state = self.encoder(self.embed(source))
        y, _ = self.decoder(self.embed(target), state)
        a = F.softmax(paddle.bmm(self.query(y), memory.transpose([0, 2, 1])), -1)
        return self.out(paddle.concat([y, paddle.bmm(a, memory)], -1))


class Cells(nn.Layer):
    """LSTM cells by hand, stacked, the states passed on."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.LSTMCell(6, 8), nn.LSTMCell(8, 10), nn.Linear(10, 3)

    def forward(self, x):
        a = b = None
        for t in range(x.shape[1]):
            h, a = self.first(x[:, t], a)
            y, b = self.second(h, b)
        return self.out(y)


class OverCells(nn.Layer):
    """Paddle's loop over cells, in one direction or in both; an LSTM with projected states is such a loop."""

    def __init__(self, rnn: nn.Layer, width: int) -> None:
        super().__init__()
        self.rnn, self.out = rnn, nn.Linear(width, 3)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))


class TextConvolutions(nn.Layer):
    """Convolutions of several widths over words, the largest over time."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.convs = nn.Embedding(11, 8), nn.LayerList([nn.Conv1D(8, 6, k) for k in (2, 3, 4)])
        self.out = nn.Linear(18, 3)

    def forward(self, ids):
        x = self.embed(ids).transpose([0, 2, 1])
        return self.out(paddle.concat([F.relu(conv(x)).max(-1) for conv in self.convs], 1))


class Experts(nn.Layer):
    """A mixture: every expert computes, a softmax of the router weighs them."""

    def __init__(self, n: int = 4) -> None:
        super().__init__()
        normal = nn.initializer.Normal()
        self.router = nn.Linear(8, n)
        self.up = self.create_parameter([n, 8, 12], default_initializer=normal)
        self.down = self.create_parameter([n, 12, 8], default_initializer=normal)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        weights = F.softmax(self.router(x), -1)
        h = F.gelu(paddle.einsum("bd,edh->beh", x, self.up))
        return self.out(x + paddle.einsum("beh,ehd,be->bd", h, self.down, weights))


IDS, IDS2 = [InputSpec([1, 7], "int64")], [InputSpec([1, 6], "int64"), InputSpec([1, 5], "int64")]
LENGTHS = [InputSpec([2, 5, 6]), InputSpec([2], "int64")]
SEQUENCE = {
    "window_attention": (WindowAttention, (1, 3, 16, 16), 0.35),
    "cross_attention": (CrossAttention, [(1, 4, 5), (1, 6, 5)], 0.7),
    "decoder": (Decoder, [InputSpec([1, 5], "int64"), InputSpec([1, 4, 6])], 0.6),
    "rotary_pairs": (RotaryPairs, IDS, 0.7),
    "linear_attention": (LinearAttention, (1, 5, 8), 0.7), "initial_state": (InitialState, (1, 5, 6), 0.58),
    "lengths_lstm": (Lengths, LENGTHS, 0.65), "lengths_gru": (lambda: Lengths(nn.GRU), LENGTHS, 0.65),
    "sequence_to_sequence": (SequenceToSequence, IDS2, 0.63), "cells": (Cells, (1, 4, 6), 0.65),
    "over_cells": (lambda: OverCells(nn.RNN(nn.LSTMCell(6, 8)), 8), (1, 5, 6), 0.6),
    "over_cells_both_ways": (
        lambda: OverCells(nn.BiRNN(nn.GRUCell(6, 8), nn.GRUCell(6, 8)), 16), (1, 5, 6), 0.6),
    "projected_states": (lambda: OverCells(nn.LSTM(6, 8, proj_size=4), 4), (1, 5, 6), 0.55),
    "text_convolutions": (TextConvolutions, IDS, 0.65), "experts": (Experts, (1, 8), 0.44),
}
