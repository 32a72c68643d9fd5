"""Random networks from every family of operators, drawn by hypothesis: a network is a list of blocks."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from hypothesis import strategies as st
from paddle import nn
from paddle.static import InputSpec

ACTIVATIONS = {
    "relu": F.relu, "gelu": F.gelu, "sigmoid": F.sigmoid, "tanh": F.tanh, "silu": F.silu, "hardswish": F.hardswish,
    "softplus": F.softplus, "leaky_relu": F.leaky_relu, "square": paddle.square, "exp": lambda x: paddle.exp(-x * x),
}


class Maps(nn.Layer):
    """Blocks on feature maps (N, C, 8, 8), then classes."""

    def __init__(self, blocks: list[tuple[str, int, int]], flat: bool) -> None:
        super().__init__()
        self.blocks, self.flat, self.layers = blocks, flat, nn.LayerList()
        width = 6
        self.stem = nn.Conv2D(3, width, 3, padding=1)
        for kind, a, b in blocks:
            layer, width = getattr(self, f"make_{kind}")(width, a, b)
            self.layers.append(layer)
        self.head = nn.Linear(width * (64 if flat else 1), 3)

    def make_conv(self, c, a, b):
        return nn.Conv2D(c, 2 * a, 3, padding=1), 2 * a

    def make_grouped(self, c, a, b):
        groups = next(g for g in (3, 2, 1) if c % g == 0)
        return nn.Conv2D(c, groups * a, 3, padding=1, groups=groups), groups * a

    def make_depthwise(self, c, a, b):
        return nn.Conv2D(c, c * (1 + b % 2), 3, padding=1, groups=c), c * (1 + b % 2)

    def make_transposed(self, c, a, b):
        return nn.Conv2DTranspose(c, 2 * a, 3, padding=1), 2 * a

    def make_norm(self, c, a, b):
        groups = next(g for g in (4, 3, 2, 1) if c % g == 0)
        return [nn.BatchNorm2D(c), nn.InstanceNorm2D(c), nn.GroupNorm(groups, c), nn.PReLU(c)][b % 4], c

    def make_act(self, c, a, b):
        return nn.Identity(), c

    def make_residual(self, c, a, b):
        return nn.Sequential(nn.Conv2D(c, 2 * a, 1), nn.BatchNorm2D(2 * a), nn.ReLU(),
                             nn.Conv2D(2 * a, c, 3, padding=1)), c

    def make_gate(self, c, a, b):
        return nn.Sequential(nn.AdaptiveAvgPool2D(1), nn.Conv2D(c, a, 1), nn.ReLU(),
                             nn.Conv2D(a, c, 1), nn.Sigmoid()), c

    def make_dense(self, c, a, b):
        return nn.Conv2D(c, a, 1), c + a

    def make_split(self, c, a, b):
        return (nn.Conv2D(c - c // 3, c // 3, 1), 2 * (c // 3)) if c >= 3 else (nn.Identity(), c)

    def make_shuffle(self, c, a, b):
        return nn.ChannelShuffle(next(g for g in (3, 2, 1) if c % g == 0)), c

    def make_pool(self, c, a, b):
        return [nn.MaxPool2D(3, 1, 1), nn.AvgPool2D(3, 1, 1)][b % 2], c

    def make_strided(self, c, a, b):
        return nn.Identity(), -(-c // 2)

    def make_pixels(self, c, a, b):
        return nn.Sequential(nn.Conv2D(c, 4 * a, 1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)), 4 * a

    def forward(self, x):
        x = self.stem(x)
        # to_static's zip takes no strict
        for (kind, _, b), layer in zip(self.blocks, self.layers):  # noqa: B905
            if kind == "act":
                x = list(ACTIVATIONS.values())[b % len(ACTIVATIONS)](x)
            elif kind == "residual":
                x = x + layer(x)
            elif kind == "gate":
                x = x * layer(x)
            elif kind == "dense":
                x = paddle.concat([x, layer(x)], 1)
            elif kind == "split" and x.shape[1] >= 3:
                n = x.shape[1] // 3
                left, right = paddle.split(x, [n, x.shape[1] - n], axis=1)
                x = paddle.concat([layer(right), left], 1)
            elif kind == "strided":
                x = x[:, ::2] if x.shape[1] % 2 == 0 else x[:, : x.shape[1] // 2 + 1]
            else:
                x = layer(x)
        return self.head(x.flatten(1) if self.flat else x.mean([2, 3]))


class Tokens(nn.Layer):
    """Blocks on sequences (N, T, C) of embedded words, then classes."""

    def __init__(self, blocks: list[tuple[str, int, int]], dim: int) -> None:
        super().__init__()
        self.blocks, self.layers, self.dim = blocks, nn.LayerList(), dim
        self.embed, self.head = nn.Embedding(7, dim), nn.Linear(dim, 3)
        for kind, a, b in blocks:
            self.layers.append(getattr(self, f"make_{kind}")(dim, a, b))

    def make_attention(self, c, a, b):
        return nn.LayerDict({"qkv": nn.Linear(c, 3 * 2 * 2 * a), "o": nn.Linear(2 * 2 * a, c)})

    def make_encoder(self, c, a, b):
        return nn.TransformerEncoderLayer(c, 2, 2 * a, dropout=0.1, normalize_before=bool(b % 2))

    def make_feed(self, c, a, b):
        return nn.Sequential(nn.Linear(c, 2 * a), [nn.GELU(), nn.ReLU(), nn.Sigmoid()][b % 3], nn.Linear(2 * a, c))

    def make_gated(self, c, a, b):
        return nn.LayerDict({"up": nn.Linear(c, 4 * a), "down": nn.Linear(2 * a, c)})

    def make_norm(self, c, a, b):
        return nn.LayerNorm(c)

    def make_rnn(self, c, a, b):
        kind = (nn.LSTM, nn.GRU, nn.SimpleRNN)[b % 3]
        both = b % 2
        return nn.LayerDict({"rnn": kind(c, 2 * a, num_layers=1 + b % 2, direction="bidirect" if both else "forward"),
                             "back": nn.Linear(2 * a * (1 + both), c)})

    def make_conv(self, c, a, b):
        return nn.Sequential(nn.Conv1D(c, 2 * a, 3, padding=1), nn.ReLU(), nn.Conv1D(2 * a, c, 1))

    def attend(self, layer, x, heads):
        b, n, _ = x.shape
        qkv = layer["qkv"](x)
        q, k, v = qkv.reshape([b, n, 3, heads, qkv.shape[-1] // 3 // heads]).transpose([2, 0, 3, 1, 4]).unbind(0)
        weights = F.softmax(paddle.matmul(q, k, transpose_y=True) / 2, -1)
        return layer["o"](paddle.matmul(weights, v).transpose([0, 2, 1, 3]).flatten(2))

    def forward(self, ids):
        x = self.embed(ids)
        for (kind, _, _), layer in zip(self.blocks, self.layers):  # noqa: B905
            if kind == "attention":
                x = x + self.attend(layer, x, 2)
            elif kind == "feed":
                x = x + layer(x)
            elif kind == "gated":
                up, gate = layer["up"](x).chunk(2, -1)
                x = x + layer["down"](up * F.silu(gate))
            elif kind == "rnn":
                x = layer["back"](layer["rnn"](x)[0])
            elif kind == "conv":
                x = x + layer(x.transpose([0, 2, 1])).transpose([0, 2, 1])
            else:
                x = layer(x)
        return self.head(x[:, 0])


def kinds_of(cls: type) -> list[str]:
    return sorted(name.removeprefix("make_") for name in vars(cls) if name.startswith("make_"))


def blocks(cls: type, most: int) -> st.SearchStrategy[list[tuple[str, int, int]]]:
    block = st.tuples(st.sampled_from(kinds_of(cls)), st.integers(1, 4), st.integers(0, 9))
    return st.lists(block, min_size=1, max_size=most)


@st.composite
def networks(draw: Any) -> tuple[nn.Layer, Any]:
    """A network and its inputs."""
    if draw(st.booleans()):
        return Maps(draw(blocks(Maps, 6)), draw(st.booleans())), (1, 3, 8, 8)
    return Tokens(draw(blocks(Tokens, 4)), draw(st.sampled_from([4, 6, 8]))), [InputSpec([1, 5], "int64")]
