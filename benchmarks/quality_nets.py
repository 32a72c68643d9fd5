"""The networks and the data of ``quality.py``, written once for Paddle and for torch.

A kit names what the two frameworks call differently: ``Base``, ``conv``, ``norm``, ``linear``, ``embedding``, ``lstm``,
``layer_norm``, ``relu``, ``gelu``, ``softmax``, ``permute``. Weights go from one to the other by their torch names.
"""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np

WORDS, LENGTH, TOPICS = 1500, 48, 12


def networks(kit: Any) -> dict[str, Any]:
    """Name -> a function that makes the network."""

    class Residual(kit.Base):
        def __init__(self, i: int, o: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = kit.conv(i, o, 3, stride, 1), kit.norm(o)
            self.conv2, self.bn2 = kit.conv(o, o, 3, 1, 1), kit.norm(o)
            self.wide = stride != 1 or i != o
            if self.wide:
                self.down, self.bn3 = kit.conv(i, o, 1, stride, 1), kit.norm(o)

        def forward(self, x):
            y = self.bn2(self.conv2(kit.relu(self.bn1(self.conv1(x)))))
            return kit.relu(y + (self.bn3(self.down(x)) if self.wide else x))

    class ResNet(kit.Base):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.bn, self.a = kit.conv(1, 20, 3, 1, 1), kit.norm(20), Residual(20, 20, 1)
            self.b, self.c, self.fc = Residual(20, 40, 2), Residual(40, 40, 1), kit.linear(40, 10)

        def forward(self, x):
            return self.fc(self.c(self.b(self.a(kit.relu(self.bn(self.stem(x)))))).mean([2, 3]))

    class Inverted(kit.Base):
        def __init__(self, i: int, o: int, stride: int) -> None:
            super().__init__()
            wide = 4 * i
            self.up, self.bn1 = kit.conv(i, wide, 1, 1, 1), kit.norm(wide)
            self.depth, self.bn2 = kit.conv(wide, wide, 3, stride, wide), kit.norm(wide)
            self.down, self.bn3 = kit.conv(wide, o, 1, 1, 1), kit.norm(o)
            self.residual = stride == 1 and i == o

        def forward(self, x):
            y = kit.relu(self.bn2(self.depth(kit.relu(self.bn1(self.up(x))))))
            y = self.bn3(self.down(y))
            return x + y if self.residual else y

    class MobileNet(kit.Base):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.bn = kit.conv(1, 16, 3, 1, 1), kit.norm(16)
            self.a, self.b, self.c = Inverted(16, 16, 1), Inverted(16, 24, 2), Inverted(24, 24, 1)
            self.last, self.bn_last, self.fc = kit.conv(24, 64, 1, 1, 1), kit.norm(64), kit.linear(64, 10)

        def forward(self, x):
            x = self.c(self.b(self.a(kit.relu(self.bn(self.stem(x))))))
            return self.fc(kit.relu(self.bn_last(self.last(x))).mean([2, 3]))

    class Recurrent(kit.Base):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lstm, self.fc = kit.embedding(WORDS, 48), kit.lstm(48, 64), kit.linear(64, TOPICS)

        def forward(self, ids):
            y, _ = self.lstm(self.embed(ids))
            return self.fc(y.mean(1))

    class Layer(kit.Base):
        def __init__(self, width: int, heads: int, hidden: int) -> None:
            super().__init__()
            self.heads = heads
            self.q, self.k, self.v, self.o = (kit.linear(width, width) for _ in range(4))
            self.norm1, self.norm2 = kit.layer_norm(width), kit.layer_norm(width)
            self.fc1, self.fc2 = kit.linear(width, hidden), kit.linear(hidden, width)

        def forward(self, x):
            h = self.norm1(x)
            n = h.shape[1]
            q = kit.permute(self.q(h).reshape([-1, n, self.heads, self.q.weight.shape[kit.made] // self.heads]),
                            [0, 2, 1, 3])
            k = kit.permute(self.k(h).reshape([-1, n, self.heads, self.k.weight.shape[kit.made] // self.heads]),
                            [0, 2, 3, 1])
            v = kit.permute(self.v(h).reshape([-1, n, self.heads, self.v.weight.shape[kit.made] // self.heads]),
                            [0, 2, 1, 3])
            a = kit.softmax(q @ k / 4.0)
            x = x + self.o(kit.permute(a @ v, [0, 2, 1, 3]).reshape([-1, n, self.v.weight.shape[kit.made]]))
            return x + self.fc2(kit.gelu(self.fc1(self.norm2(x))))

    class Transformer(kit.Base):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.a, self.b = kit.embedding(WORDS, 48), Layer(48, 4, 96), Layer(48, 4, 96)
            self.norm, self.fc = kit.layer_norm(48), kit.linear(48, TOPICS)

        def forward(self, ids):
            return self.fc(self.norm(self.b(self.a(self.embed(ids)))).mean(1))

    return {"resnet": ResNet, "mobilenet": MobileNet, "lstm": Recurrent, "transformer": Transformer}


def digits(seed: int) -> tuple[Any, ...]:
    """``x, y`` to train on and ``x, y`` to judge by: 1,200 and 597 images of (1, 8, 8)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    x, y = (found.images[order, None] / 16).astype("float32"), found.target[order].astype("int64")
    return x[:1200], y[:1200], x[1200:], y[1200:]


def paragraphs(seed: int) -> tuple[Any, ...]:
    """Which of the largest sections of Python's own docs a paragraph is from: ids (LENGTH,), padded by 0; a fifth to
    judge by."""
    from pydoc_data.topics import topics

    split = {name: [re.findall(r"[a-z_]+", p.lower()) for p in text.split("\n\n")] for name, text in topics.items()}
    split = {name: [p for p in found if len(p) >= 9] for name, found in split.items()}
    names = sorted(split, key=lambda name: (-len(split[name]), name))[:TOPICS]
    common = Counter(word for name in names for p in split[name] for word in p).most_common(WORDS - 2)
    number = {word: k + 2 for k, (word, _) in enumerate(common)}
    pairs = [([number.get(w, 1) for w in p[:LENGTH]], k) for k, name in enumerate(names) for p in split[name]]
    ids = np.array([p + [0] * (LENGTH - len(p)) for p, _ in pairs], "int64")
    y = np.array([k for _, k in pairs], "int64")
    order = np.random.default_rng(seed).permutation(len(y))
    ids, y, cut = ids[order], y[order], len(y) * 4 // 5
    return ids[:cut], y[:cut], ids[cut:], y[cut:]


TASKS = {"resnet": digits, "mobilenet": digits, "lstm": paragraphs, "transformer": paragraphs}


def paddle_kit() -> SimpleNamespace:
    """What Paddle calls it."""
    import paddle.nn.functional as F
    from paddle import nn

    return SimpleNamespace(
        Base=nn.Layer, norm=nn.BatchNorm2D, linear=nn.Linear, embedding=nn.Embedding, layer_norm=nn.LayerNorm, made=1,
        conv=lambda i, o, k, s, g: nn.Conv2D(i, o, k, s, padding=k // 2, groups=g, bias_attr=False), lstm=nn.LSTM,
        relu=F.relu, gelu=F.gelu, softmax=F.softmax, permute=lambda x, axes: x.transpose(axes))


def torch_kit() -> SimpleNamespace:
    """What torch calls it."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    return SimpleNamespace(
        Base=nn.Module, norm=nn.BatchNorm2d, linear=nn.Linear, embedding=nn.Embedding, layer_norm=nn.LayerNorm, made=0,
        conv=lambda i, o, k, s, g: nn.Conv2d(i, o, k, s, padding=k // 2, groups=g, bias=False),
        lstm=lambda i, o: nn.LSTM(i, o, batch_first=True), relu=torch.relu, gelu=F.gelu,
        softmax=lambda x: torch.softmax(x, -1), permute=lambda x, axes: x.permute(axes))


def as_torch(model: Any) -> dict[str, Any]:
    """A Paddle model's weights under their torch names and shapes."""
    from paddle import nn

    out = {}
    for path, layer in model.named_sublayers(include_self=True):
        own = {**layer._parameters, **layer._buffers}
        for name, tensor in own.items():
            # a recurrent layer holds its weights a second time in cells, and an empty state for dropout
            if tensor is None or not tensor._is_initialized() or "cell" in path.split("."):
                continue
            array = tensor.numpy()
            renamed = {"_mean": "running_mean", "_variance": "running_var"}.get(name, name)
            key = f"{path}.{renamed}" if path else renamed
            out[key] = array.T.copy() if isinstance(layer, nn.Linear) and name == "weight" else array
    return out
