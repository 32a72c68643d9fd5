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
    "clip": lambda x: paddle.clip(x, -0.5, 2.0), "cos": paddle.cos, "threshold": lambda x: F.thresholded_relu(x, 0.1),
    "maximum": lambda x: paddle.maximum(x, F.tanh(x)), "where": lambda x: paddle.where(x > 0.2, x, F.sigmoid(x)),
    "times": lambda x: x * F.sigmoid(x + 1), "over": lambda x: x / (1 + x.abs()),
    "power": lambda x: (x * x + 1) ** -0.5,
    "lerp": lambda x: paddle.lerp(x, F.relu(x), 0.3), "larger": lambda x: x * (x > 0).astype("float32"),
}
# what happens on feature maps between two layers, without weights: (N, C, 8, 8) -> the same shape
IN_SPACE = {
    "flip": lambda x: paddle.flip(x, [3]), "roll": lambda x: paddle.roll(x, [1, 2], [2, 3]),
    "reflect": lambda x: F.avg_pool2d(F.pad(x, [1, 1, 1, 1], "reflect"), 3, 1),
    "padded": lambda x: F.max_pool2d(F.pad(x, [1, 1, 1, 1], value=0.5), 3, 1),
    "up": lambda x: F.interpolate(F.max_pool2d(x, 2), scale_factor=2, mode="nearest"),
    "bilinear": lambda x: F.interpolate(F.avg_pool2d(x, 2), size=[8, 8], mode="bilinear"),
    "unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, 2, return_mask=True), 2, 2),
    "columns": lambda x: F.fold(F.unfold(x, 2, 2), [8, 8], 2, 2), "cumsum": lambda x: paddle.cumsum(x, 2),
    "transposed": lambda x: x.transpose([0, 1, 3, 2]), "triangle": paddle.tril, "sort": lambda x: paddle.sort(x, 3),
    "fourier": lambda x: paddle.fft.irfft2(paddle.fft.rfft2(x) * 0.5), "softmax": lambda x: F.softmax(x, 3),
    "centred": lambda x: x - x.mean([2, 3], keepdim=True),
    "normal": lambda x: F.normalize(x.flatten(2), axis=2).reshape(x.shape),
    "deviation": lambda x: x / (x.std([2, 3], keepdim=True) + 1), "written": lambda x: written(x),
}
# what moves channels, by numbers that the forward spells
MOVES = {
    "permuted": lambda x: x[:, [*range(1, x.shape[1], 2), *range(0, x.shape[1], 2)]],
    "backwards": lambda x: paddle.flip(x, [1]), "rolled": lambda x: paddle.roll(x, 2, 1),
    "selected": lambda x: paddle.index_select(x, paddle.to_tensor(list(range(x.shape[1] - 1, 0, -1))), 1),
    "third": lambda x: x[:, 1::3], "from the end": lambda x: x[:, -2::-1],
    "pairs": lambda x: paddle.stack(x.chunk(2, 1), 2).flatten(1, 2) if x.shape[1] % 2 == 0 else x,
    "repeated": lambda x: x.repeat_interleave(2, 1), "tiled": lambda x: paddle.tile(x, [1, 2, 1, 1]),
    "zeros": lambda x: paddle.concat([x, paddle.zeros_like(x[:, :1])], 1),
    "halves": lambda x: F.glu(x, 1) if x.shape[1] % 2 == 0 else x,
    "largest": lambda x: F.maxout(x, 2) if x.shape[1] % 2 == 0 else x,
    "cyclic": lambda x: x + paddle.roll(x, 1, 1),
}


# what happens to tokens without weights: (N, 5, C) -> the same shape
ON_TOKENS = {
    "cumsum": lambda x: paddle.cumsum(x, 1) / 5, "flip": lambda x: paddle.flip(x, [1]),
    "roll": lambda x: paddle.roll(x, 1, 1), "sort": lambda x: paddle.sort(x, 1),
    "order": lambda x: x[:, [1, 0, 4, 2, 3]],
    "gather": lambda x: paddle.gather(x, paddle.to_tensor([4, 0, 1, 1, 2]), 1),
    "normal": lambda x: F.normalize(x, axis=1),
    "largest": lambda x: x + x.max(1, keepdim=True),
    "distance": lambda x: paddle.cdist(x, x).matmul(x),
    "rms": lambda x: x * paddle.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6), "similar": lambda x: paddle.bmm(
        F.softmax(paddle.bmm(x, x.transpose([0, 2, 1])), -1), x),
    "shifted": lambda x: F.pad(x[:, :-1], [1, 0], data_format="NLC"),
}


def written(x):
    """One row of space overwritten."""
    x = x + 0
    x[:, :, 1] = 0.0
    return x


class Scaled(nn.Layer):
    """A parameter of its own for every channel."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.gain = self.create_parameter(shape, default_initializer=nn.initializer.Normal())

    def forward(self, x):
        return x * self.gain


class Mixed(nn.Layer):
    """Channels mixed by an einsum."""

    def __init__(self, c: int, n: int) -> None:
        super().__init__()
        self.matrix = self.create_parameter([c, n], default_initializer=nn.initializer.Normal())

    def forward(self, x):
        return paddle.einsum("bchw,cd->bdhw", x, self.matrix)


class Standardised(nn.Layer):
    """A convolution whose weight is scaled over its inputs."""

    def __init__(self, c: int, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2D(c, n, 3, padding=1)

    def forward(self, x):
        w = self.conv.weight
        return F.conv2d(x, w / ((w * w).sum([1, 2, 3], keepdim=True) + 1e-5).sqrt(), self.conv.bias, padding=1)


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

    def make_space(self, c, a, b):
        return nn.Identity(), c

    def make_move(self, c, a, b):
        move = list(MOVES.values())[(3 * a + b) % len(MOVES)]
        return nn.Identity(), move(paddle.zeros([1, c, 8, 8])).shape[1] if c > 2 else c

    def make_scale(self, c, a, b):
        return Scaled([1, c, 1, 1]), c

    def make_mix(self, c, a, b):
        return Mixed(c, 2 * a), 2 * a

    def make_standard(self, c, a, b):
        return Standardised(c, 2 * a), 2 * a

    def make_rows(self, c, a, b):
        return nn.Sequential(nn.Flatten(2), nn.Conv1D(c, 2 * a, 3, padding=1), nn.Unflatten(2, [8, 8])), 2 * a

    def make_pixels(self, c, a, b):
        return nn.Sequential(nn.Conv2D(c, 4 * a, 1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)), 4 * a

    def forward(self, x):
        x = self.stem(x)
        # to_static's zip takes no strict
        for (kind, a, b), layer in zip(self.blocks, self.layers):  # noqa: B905
            if kind == "act":
                x = list(ACTIVATIONS.values())[(3 * a + b) % len(ACTIVATIONS)](x)
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
            elif kind == "space":
                x = list(IN_SPACE.values())[(3 * a + b) % len(IN_SPACE)](x)
            elif kind == "move":
                x = list(MOVES.values())[(3 * a + b) % len(MOVES)](x) if x.shape[1] > 2 else x
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

    def make_shared(self, c, a, b):
        return nn.LayerDict({"q": nn.Linear(c, 4 * a), "kv": nn.Linear(c, 4 * a), "o": nn.Linear(4 * a, c)})

    def make_scale(self, c, a, b):
        return Scaled([c] if b % 2 else [5, c])

    def make_selected(self, c, a, b):
        return nn.LayerDict({"up": nn.Linear(c, 6), "down": nn.Linear(4, c)})

    def make_started(self, c, a, b):
        return nn.LayerDict({"state": nn.Linear(c, 4 * a), "back": nn.Linear(4 * a, c),
                             "rnn": nn.GRU(c, 2 * a, direction="bidirect")})

    def make_cell(self, c, a, b):
        return nn.LayerDict({"cell": (nn.LSTMCell, nn.GRUCell, nn.SimpleRNNCell)[b % 3](c, 2 * a),
                             "back": nn.Linear(2 * a, c)})

    def make_bilinear(self, c, a, b):
        return nn.LayerDict({"pair": nn.Bilinear(c, c, 2 * a), "back": nn.Linear(2 * a, c)})

    def make_swiglu(self, c, a, b):
        return nn.LayerDict({"up": nn.Linear(c, 4 * a), "down": nn.Linear(2 * a, c)})

    def make_tokens(self, c, a, b):
        return nn.Identity()

    def share(self, layer, x):
        """Two heads of queries on one head of keys and values."""
        b, n, _ = x.shape
        q = layer["q"](x)
        q = q.reshape([b, n, 2, q.shape[-1] // 2])
        k, v = layer["kv"](x).chunk(2, -1)
        a = F.softmax(paddle.einsum("bqhd,bkd->bhqk", q, k) / 2, -1)
        return layer["o"](paddle.einsum("bhqk,bkd->bqhd", a, v).flatten(2))

    def step(self, layer, x):
        """A cell by hand over all steps."""
        state, out = None, []
        for t in range(x.shape[1]):
            y, state = layer["cell"](x[:, t], state)
            out.append(layer["back"](y))
        return paddle.stack(out, 1)

    def attend(self, layer, x, heads):
        b, n, _ = x.shape
        qkv = layer["qkv"](x)
        q, k, v = qkv.reshape([b, n, 3, heads, qkv.shape[-1] // 3 // heads]).transpose([2, 0, 3, 1, 4]).unbind(0)
        weights = F.softmax(paddle.matmul(q, k, transpose_y=True) / 2, -1)
        return layer["o"](paddle.matmul(weights, v).transpose([0, 2, 1, 3]).flatten(2))

    def forward(self, ids):
        x = self.embed(ids)
        for (kind, a, b), layer in zip(self.blocks, self.layers):  # noqa: B905
            if kind == "shared":
                x = x + self.share(layer, x)
            elif kind == "selected":
                x = x + layer["down"](F.relu(layer["up"](x))[:, :, [4, 0, 5, 2]])
            elif kind == "started":
                first = layer["state"](x[:, 0])
                first = first.reshape([-1, 2, first.shape[-1] // 2]).transpose([1, 0, 2])
                x = layer["back"](layer["rnn"](x, first)[0])
            elif kind == "cell":
                x = self.step(layer, x)
            elif kind == "bilinear":
                y = layer["pair"](x.flatten(0, 1), F.sigmoid(x).flatten(0, 1))
                x = x + layer["back"](F.relu(y)).reshape(x.shape)
            elif kind == "swiglu":
                x = x + layer["down"](F.swiglu(layer["up"](x)))
            elif kind == "tokens":
                x = list(ON_TOKENS.values())[(3 * a + b) % len(ON_TOKENS)](x)
            elif kind == "attention":
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
