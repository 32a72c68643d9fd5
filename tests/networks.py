"""Small networks that each hold one thing that pruners get wrong.

Each entry of NETWORKS gives a model and its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import nn
from paddle.static import InputSpec


def conv_bn(i: int, o: int, k: int = 3, **options: Any) -> nn.Layer:
    return nn.Sequential(nn.Conv2D(i, o, k, padding=k // 2, bias_attr=False, **options), nn.BatchNorm2D(o), nn.ReLU())


class Head(nn.Layer):
    """Mean over space, then a linear layer."""

    def __init__(self, channels: int, classes: int = 5) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(x.mean([2, 3]))


class Residual(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a = conv_bn(3, 12), conv_bn(12, 12)
        self.b, self.head = nn.Conv2D(12, 12, 3, padding=1), Head(12)

    def forward(self, x):
        x = self.stem(x)
        return self.head(F.relu(x + self.b(self.a(x))))


class DenseConcat(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 6), conv_bn(6, 8), conv_bn(14, 10), Head(24)

    def forward(self, x):
        a = self.a(x)
        b = self.b(a)
        ab = paddle.concat([a, b], 1)
        return self.head(paddle.concat([ab, self.c(ab)], axis=1))


class UnequalSplit(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 14), conv_bn(4, 8), conv_bn(10, 8), Head(8)

    def forward(self, x):
        small, large = paddle.split(self.a(x), [4, -1], axis=1)
        return self.head(self.b(small) + self.c(large))


class Chunks(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(6, 6), Head(12)

    def forward(self, x):
        left, right = self.a(x).chunk(2, axis=1)
        return self.head(paddle.concat([left, self.b(right)], 1))


class Shuffle(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.shuffle = conv_bn(3, 12), conv_bn(12, 24, groups=3), nn.ChannelShuffle(4)
        self.c, self.head = conv_bn(24, 24, groups=4), Head(24)

    def forward(self, x):
        return self.head(self.c(self.shuffle(self.b(self.a(x)))))


class Depthwise(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.dw = conv_bn(3, 8), conv_bn(8, 8, groups=8)
        self.multi, self.head = nn.Conv2D(8, 16, 3, groups=8), Head(16)

    def forward(self, x):
        return self.head(self.multi(self.dw(self.a(x))))


class Transposed(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.up = conv_bn(3, 8), nn.Conv2DTranspose(8, 12, 2, stride=2)
        self.grouped, self.head = nn.Conv2DTranspose(12, 8, 2, stride=2, groups=2), Head(8)

    def forward(self, x):
        return self.head(F.relu(self.grouped(F.relu(self.up(self.a(x))))))


class OneAndThreeD(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv1D(4, 8, 3), nn.BatchNorm1D(8), nn.ReLU(), nn.Conv1D(8, 6, 3, groups=2))
        self.three = nn.Sequential(nn.Conv3D(2, 6, 3, padding=1), nn.BatchNorm3D(6), nn.ReLU(), nn.Conv3D(6, 6, 1))
        self.fc = nn.Linear(12, 3)

    def forward(self, x, y):
        return self.fc(paddle.concat([self.one(x).mean(-1), self.three(y).mean([2, 3, 4])], 1))


class SqueezeExcite(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.down, self.up, self.head = conv_bn(3, 12), nn.Conv2D(12, 4, 1), nn.Conv2D(4, 12, 1), Head(12)

    def forward(self, x):
        x = self.a(x)
        return self.head(x * F.sigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1))))))


class SigmoidThenConv(nn.Layer):
    """f(0) != 0: only zeroing the readers too keeps it exact."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv2D(3, 8, 3), nn.Conv2D(8, 8, 3), Head(8)

    def forward(self, x):
        return self.head(F.softplus(self.b(F.sigmoid(self.a(x)))))


class FlattenLinear(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.fc1, self.fc2 = conv_bn(1, 6), nn.Linear(6 * 16, 20), nn.Linear(20, 4)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(F.max_pool2d(self.a(x), 2).flatten(1))))


class SpelledWidth(nn.Layer):
    """A forward that spells its widths: its own class cannot carry a cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.fc = conv_bn(1, 6), nn.Linear(6 * 16, 4)

    def forward(self, x):
        return self.fc(F.max_pool2d(self.a(x), 2).reshape([x.shape[0], 6 * 16]))


class Normalised(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.gn, self.b, self.inorm, self.head = (
            nn.Conv2D(3, 12, 3), nn.GroupNorm(4, 12), nn.Conv2D(12, 8, 3), nn.InstanceNorm2D(8), Head(8))

    def forward(self, x):
        return self.head(F.relu(self.inorm(self.b(F.relu(self.gn(self.a(x)))))))


class PReLUMaxout(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.act, self.b, self.head = nn.Conv2D(3, 8, 3), nn.PReLU(8), nn.Conv2D(8, 12, 3), Head(6)

    def forward(self, x):
        return self.head(F.maxout(self.b(self.act(self.a(x))), 2, axis=1))


class PixelShuffled(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.up, self.b, self.head = conv_bn(3, 16), nn.PixelShuffle(2), nn.Conv2D(4, 6, 3), Head(24)
        self.down = nn.PixelUnshuffle(2)

    def forward(self, x):
        return self.head(self.down(F.pad(self.b(self.up(self.a(x))), [0, 0, 0, 0])))


class UNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.up, self.out = conv_bn(1, 8), conv_bn(8, 12), conv_bn(20, 8), nn.Conv2D(8, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = F.interpolate(self.down2(F.max_pool2d(a, 2)), scale_factor=2, mode="nearest")
        return self.out(self.up(paddle.concat([a, b], 1)))


class SharedModule(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.shared, self.head = conv_bn(3, 8), conv_bn(8, 8), Head(8)

    def forward(self, x):
        return self.head(self.shared(self.shared(self.a(x))))


class DirectParameters(nn.Layer):
    """Position embedding, layer scale, a mixing matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.fc1, self.fc2 = nn.Linear(6, 12), nn.Linear(12, 16), nn.Linear(16, 12)
        self.out = nn.Linear(12, 3)
        self.position = self.create_parameter([1, 7, 12], default_initializer=nn.initializer.Normal())
        self.scale = self.create_parameter([12], default_initializer=nn.initializer.Normal())
        self.mix = self.create_parameter([7, 7], default_initializer=nn.initializer.Normal())

    def forward(self, x):
        x = self.embed(x) + self.position
        x = x + self.scale * self.fc2(F.gelu(self.fc1(x)))
        return self.out(paddle.matmul(self.mix, x).mean(1))


class NamedOutputs(nn.Layer):
    """Two inputs, a nest of outputs with a constant in it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = nn.Linear(5, 8), nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 2)

    def forward(self, left, right):
        h = F.relu(self.a(left) + self.b(right))
        return {"classes": self.c(h), "rest": (self.d(h), None, 2)}


class ChannelsLast(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Conv2D(3, 8, 3, data_format="NHWC"), nn.BatchNorm2D(8, data_format="NHWC")
        self.b, self.fc = nn.Conv2D(8, 8, 3, groups=2, data_format="NHWC"), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(self.b(F.relu(self.norm(self.a(x)))).mean([1, 2]))


class FusedQKV(nn.Layer):
    """Vision transformers' way: one qkv, width spelled as C // heads."""

    def __init__(self, dim: int = 24, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.patch = nn.Conv2D(3, dim, 4, stride=4)
        self.token = self.create_parameter([1, 1, dim], default_initializer=nn.initializer.Normal())
        self.norm1, self.qkv, self.proj = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(dim), nn.Linear(dim, 32), nn.Linear(32, dim)
        self.out = nn.Linear(dim, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose([0, 2, 1])
        x = paddle.concat([self.token.expand([x.shape[0], -1, -1]), x], axis=1)
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape([b, n, 3, self.heads, c // self.heads]).transpose([2, 0, 3, 1, 4])
        a = F.softmax(paddle.matmul(q * self.scale, k, transpose_y=True), axis=-1)
        x = x + self.proj(paddle.matmul(a, v).transpose([0, 2, 1, 3]).reshape([b, n, c]))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return self.out(x[:, 0])


class GroupedQueries(nn.Layer):
    """Rotary positions, grouped queries, a gated feed-forward, RMS norms by hand, tied output."""

    def __init__(self, vocabulary: int = 11, dim: int = 24, heads: int = 4, groups: int = 2) -> None:
        super().__init__()
        self.heads, self.groups, self.width = heads, groups, dim // heads
        self.embed = nn.Embedding(vocabulary, dim)
        self.q, self.k = nn.Linear(dim, dim, bias_attr=False), nn.Linear(dim, groups * self.width, bias_attr=False)
        self.v, self.o = nn.Linear(dim, groups * self.width, bias_attr=False), nn.Linear(dim, dim, bias_attr=False)
        self.gate, self.up, self.down = nn.Linear(dim, 40), nn.Linear(dim, 40), nn.Linear(40, dim)
        self.gain = self.create_parameter([dim], default_initializer=nn.initializer.Constant(1.0))

    def rms(self, x):
        return x * paddle.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * self.gain

    def rotate(self, x):
        n, half = x.shape[1], self.width // 2
        speed = 1 / 100 ** (paddle.arange(half, dtype="float32") / half)
        angle = paddle.outer(paddle.arange(n, dtype="float32"), speed)
        cos, sin = angle.cos()[None, :, None, :], angle.sin()[None, :, None, :]
        a, b = x[..., :half], x[..., half:]
        return paddle.concat([a * cos - b * sin, a * sin + b * cos], axis=-1)

    def forward(self, ids):
        x = self.embed(ids)
        b, n, c = x.shape
        h = self.rms(x)
        q = self.rotate(self.q(h).reshape([b, n, self.heads, self.width]))
        k = self.rotate(self.k(h).reshape([b, n, self.groups, self.width]))
        v = self.v(h).reshape([b, n, self.groups, self.width])
        k, v = (t.repeat_interleave(self.heads // self.groups, axis=2) for t in (k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(out.reshape([b, n, c]))
        h = self.rms(x)
        x = x + self.down(F.silu(self.gate(h)) * self.up(h))
        return paddle.matmul(x, self.embed.weight, transpose_y=True)


class Encoder(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 24, dropout=0.1)
        self.embed, self.encoder, self.out = nn.Embedding(13, 16), nn.TransformerEncoder(layer, 2), nn.Linear(16, 3)

    def forward(self, ids):
        return self.out(self.encoder(self.embed(ids)).mean(1))


class EncoderDecoder(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(13, 16), nn.Linear(16, 13)
        self.net = nn.Transformer(16, 2, 1, 1, 20, dropout=0.0)

    def forward(self, source, target):
        return self.out(self.net(self.embed(source), self.embed(target)))


class EinsumAttention(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(12, 12) for _ in range(4))
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (f(x).reshape([b, n, 3, 4]) for f in (self.q, self.k, self.v))
        a = F.softmax(paddle.einsum("bqhd,bkhd->bhqk", q, k) / 2.0, -1)
        return self.out(self.o(paddle.einsum("bhqk,bkhd->bqhd", a, v).flatten(2)).mean(1))


class GatedUnit(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 16), nn.Linear(8, 10), nn.Linear(10, 3)

    def forward(self, x):
        return self.c(F.tanh(self.b(F.glu(self.a(x)))))


class Recurrent(nn.Layer):
    def __init__(self, kind: Any, last: str = "mean", **options: Any) -> None:
        super().__init__()
        self.embed, self.rnn, self.last = nn.Embedding(11, 8), kind(8, 10, **options), last
        self.out = nn.Linear(10 * (2 if options.get("direction") == "bidirect" else 1), 3)

    def forward(self, ids):
        y, state = self.rnn(self.embed(ids))
        if self.last == "mean":
            return self.out(y.mean(1))
        return self.out(y[:, -1] if self.last == "step" else state[0][-1])


class CellByHand(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = paddle.zeros([x.shape[0], 8])
        for t in range(x.shape[1]):
            _, h = self.cell(x[:, t], h)
        return self.out(h)


class ChannelSoftmax(nn.Layer):
    """A softmax over channels sees them all: frozen, and said so."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv2D(3, 8, 3), nn.Conv2D(8, 8, 3), Head(8)

    def forward(self, x):
        return self.head(self.b(F.softmax(self.a(x), axis=1)))


class Strided(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(6, 8), Head(8)

    def forward(self, x):
        return self.head(self.b(self.a(x)[:, ::2]))


class Tied(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 10), nn.Linear(10, 10), nn.Linear(10, 3)
        self.c = nn.Linear(10, 10)
        self.c.weight = self.b.weight

    def forward(self, x):
        return self.out(F.relu(self.c(F.relu(self.b(F.relu(self.a(x)))))))


class Stacked(nn.Layer):
    """Selective kernels: branches stacked, weighed by a softmax over the branches, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.squeeze = conv_bn(3, 8), conv_bn(3, 8, 5), nn.Linear(8, 6)
        self.pick, self.head = nn.Linear(6, 16), Head(8)

    def forward(self, x):
        branches = paddle.stack([self.a(x), self.b(x)], axis=1)
        z = F.relu(self.squeeze(branches.sum(1).mean([2, 3])))
        weights = F.softmax(self.pick(z).reshape([-1, 2, 8]), axis=1)
        return self.head((branches * weights.unsqueeze([3, 4])).sum(1))


IDS, IDS2 = [InputSpec([1, 7], "int64")], [InputSpec([1, 6], "int64"), InputSpec([1, 5], "int64")]
IMAGE = (1, 3, 16, 16)
NETWORKS: dict[str, tuple[Callable[[], nn.Layer], Any]] = {
    "lenet": (paddle.vision.models.LeNet, (1, 1, 28, 28)),
    "residual": (Residual, IMAGE),
    "dense_concat": (DenseConcat, IMAGE),
    "unequal_split": (UnequalSplit, IMAGE),
    "chunks": (Chunks, IMAGE),
    "shuffle": (Shuffle, IMAGE),
    "depthwise": (Depthwise, IMAGE),
    "transposed": (Transposed, IMAGE),
    "one_and_three_d": (OneAndThreeD, [(1, 4, 12), (1, 2, 5, 5, 5)]),
    "squeeze_excite": (SqueezeExcite, IMAGE),
    "sigmoid_then_conv": (SigmoidThenConv, IMAGE),
    "flatten_linear": (FlattenLinear, (1, 1, 8, 8)),
    "spelled_width": (SpelledWidth, (1, 1, 8, 8)),
    "normalised": (Normalised, IMAGE),
    "prelu_maxout": (PReLUMaxout, IMAGE),
    "pixel_shuffled": (PixelShuffled, IMAGE),
    "u_net": (UNet, (1, 1, 8, 8)),
    "shared_module": (SharedModule, IMAGE),
    "direct_parameters": (DirectParameters, (1, 7, 6)),
    "named_outputs": (NamedOutputs, [(1, 5), (1, 4)]),
    "channels_last": (ChannelsLast, (1, 12, 12, 3)),
    "fused_qkv": (FusedQKV, IMAGE),
    "grouped_queries": (GroupedQueries, IDS),
    "encoder": (Encoder, IDS),
    "encoder_decoder": (EncoderDecoder, IDS2),
    "einsum_attention": (EinsumAttention, (1, 5, 12)),
    "gated_unit": (GatedUnit, (1, 6)),
    "lstm": (lambda: Recurrent(nn.LSTM), IDS),
    "lstm_two_layers": (lambda: Recurrent(nn.LSTM, "step", num_layers=2, dropout=0.2), IDS),
    "lstm_both_ways": (lambda: Recurrent(nn.LSTM, num_layers=2, direction="bidirect"), IDS),
    "lstm_state": (lambda: Recurrent(nn.LSTM, "state"), IDS),
    "gru": (lambda: Recurrent(nn.GRU, "step"), IDS),
    "gru_both_ways": (lambda: Recurrent(nn.GRU, direction="bidirect"), IDS),
    "simple_rnn": (lambda: Recurrent(nn.SimpleRNN), IDS),
    "cell_by_hand": (CellByHand, (1, 5, 6)),
    "channel_softmax": (ChannelSoftmax, IMAGE),
    "strided": (Strided, IMAGE),
    "tied": (Tied, (1, 6)),
    "stacked": (Stacked, IMAGE),
}
