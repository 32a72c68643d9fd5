"""Small networks of the vision families: pyramids, heads, masks, mixers.

Each entry of VISION gives a model, its inputs, and the least of its parameters that half of every group takes away.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from networks import Head, conv_bn
from paddle import nn


class CascadedConcat(nn.Layer):
    """Every block reads all before it, split and joined again (as CSP and VoVNet do)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = conv_bn(3, 12), Head(10)
        self.blocks = nn.LayerList([conv_bn(6, 6), conv_bn(6, 6), conv_bn(6, 6)])
        self.join = nn.Conv2D(12 + 18, 10, 1)

    def forward(self, x):
        parts = list(self.stem(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        return self.head(self.join(paddle.concat(parts, 1)))


class ShuffleByHand(nn.Layer):
    """ShuffleNet's unit: half passes, half is convolved, channels shuffled in three writings."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.right, self.grouped = conv_bn(3, 16), conv_bn(8, 8), conv_bn(16, 16, groups=4)
        self.order = [k % 4 * 4 + k // 4 for k in range(16)]
        self.head = Head(16)

    def forward(self, x):
        left, right = paddle.split(self.stem(x), 2, axis=1)
        x = paddle.concat([left, self.right(right)], 1)
        b, c, h, w = x.shape
        x = x.reshape([b, 2, c // 2, h, w]).transpose([0, 2, 1, 3, 4]).reshape([b, c, h, w])
        x = self.grouped(x)
        x = paddle.stack(x.chunk(2, 1), 2).flatten(1, 2)
        return self.head(x[:, self.order])


class SelectedChannels(nn.Layer):
    """Channels read by index, backwards, rolled, every third."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b, self.c = conv_bn(3, 12), conv_bn(5, 6), conv_bn(12, 6), conv_bn(4, 6)
        self.head = Head(6)

    def forward(self, x):
        x = self.stem(x)
        some = paddle.index_select(x, paddle.to_tensor([7, 2, 11, 0, 5]), axis=1)
        turned = paddle.roll(paddle.flip(x, [1]), 2, 1)
        return self.head(self.a(some) + self.b(turned) + self.c(x[:, 1::3]))


class FeaturePyramid(nn.Layer):
    """A top-down pathway with lateral convolutions and one head for all levels; a list of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2, self.c3 = conv_bn(3, 8), conv_bn(8, 12), conv_bn(12, 16)
        self.lateral = nn.LayerList([nn.Conv2D(n, 10, 1) for n in (8, 12, 16)])
        self.smooth = nn.LayerList([nn.Conv2D(10, 10, 3, padding=1) for _ in range(3)])
        self.tower, self.classes, self.boxes = conv_bn(10, 10), nn.Conv2D(10, 6, 1), nn.Conv2D(10, 8, 1)

    def forward(self, x):
        c1 = self.c1(x)
        c2 = self.c2(F.max_pool2d(c1, 2))
        c3 = self.c3(F.max_pool2d(c2, 2))
        levels = [self.lateral[k](c) for k, c in enumerate((c1, c2, c3))]
        for k in (1, 0):
            levels[k] = levels[k] + F.interpolate(levels[k + 1], size=levels[k].shape[2:], mode="nearest")
        out = []
        for k in range(3):
            h = self.tower(self.smooth[k](levels[k]))
            out.append({"classes": self.classes(h), "boxes": self.boxes(h)})
        return out


class AnchorHead(nn.Layer):
    """A detector's output: anchors x (box, class) reshaped and permuted, levels joined, sizes exponentiated."""

    def __init__(self, classes: int = 3, anchors: int = 2) -> None:
        super().__init__()
        self.n, self.anchors = 5 + classes, anchors
        self.stem, self.down = conv_bn(3, 8), conv_bn(8, 12)
        self.small, self.large = nn.Conv2D(8, anchors * self.n, 1), nn.Conv2D(12, anchors * self.n, 1)
        self.register_buffer("sizes", paddle.to_tensor([[10.0, 13.0], [16.0, 30.0]]))

    def decode(self, h):
        b, _, y, x = h.shape
        h = h.reshape([b, self.anchors, self.n, y, x]).transpose([0, 1, 3, 4, 2])
        centre, size, rest = paddle.split(h, [2, 2, self.n - 4], axis=-1)
        size = paddle.exp(size) * self.sizes.reshape([1, self.anchors, 1, 1, 2])
        return paddle.concat([F.sigmoid(centre), size, F.sigmoid(rest)], -1).reshape([b, -1, self.n])

    def forward(self, x):
        a = self.stem(x)
        b = self.down(F.max_pool2d(a, 2))
        return paddle.concat([self.decode(self.small(a)), self.decode(self.large(b))], 1)


class PyramidPooling(nn.Layer):
    """A segmenter: atrous branches, a pooled one, upsampled, joined with an early map (DeepLab v3+)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = conv_bn(3, 8), conv_bn(8, 12)
        self.branches = nn.LayerList([nn.Conv2D(12, 6, 1), nn.Conv2D(12, 6, 3, padding=2, dilation=2),
                                      nn.Conv2D(12, 6, 3, padding=3, dilation=3)])
        self.pooled, self.project = nn.Conv2D(12, 6, 1), conv_bn(24, 10, 1)
        self.early, self.out = nn.Conv2D(8, 4, 1), nn.Conv2D(14, 3, 3, padding=1)

    def forward(self, x):
        early = self.stem(x)
        deep = self.deep(F.avg_pool2d(early, 2))
        parts = [F.relu(branch(deep)) for branch in self.branches]
        pooled = F.relu(self.pooled(F.adaptive_avg_pool2d(deep, 1)))
        parts.append(F.interpolate(pooled, size=deep.shape[2:], mode="bilinear"))
        h = F.interpolate(self.project(paddle.concat(parts, 1)), size=early.shape[2:], mode="bilinear")
        return F.interpolate(self.out(paddle.concat([h, self.early(early)], 1)), scale_factor=2, mode="bilinear")


class MapsAndPrototypes(nn.Layer):
    """Masks as sums of prototypes, by einsum (YOLACT, SOLO)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.protos, self.weights = conv_bn(3, 10), conv_bn(10, 6, 1), nn.Linear(10, 4 * 6)

    def forward(self, x):
        h = self.stem(x)
        weights = self.weights(h.mean([2, 3])).reshape([-1, 4, 6])
        return F.sigmoid(paddle.einsum("bnk,bkhw->bnhw", weights, self.protos(h)))


class ParameterLists(nn.Layer):
    """Layer scales in a list, a gate in a dict, a bare parameter for each block."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.blocks = nn.Linear(6, 12), nn.LayerList([nn.Linear(12, 12) for _ in range(3)])
        normal = nn.initializer.Normal()
        self.scales = nn.ParameterList([self.create_parameter([12], default_initializer=normal) for _ in range(3)])
        self.gates = nn.ParameterDict({"first": self.create_parameter([12], default_initializer=normal)})
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        x = self.embed(x) * F.sigmoid(self.gates["first"])
        for k, block in enumerate(self.blocks):
            x = x + self.scales[k] * F.relu(block(x))
        return self.out(x)


class Mixer(nn.Layer):
    """Mixing over tokens and over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.t1, self.t2 = nn.Conv2D(3, 12, 4, stride=4), nn.Linear(16, 10), nn.Linear(10, 16)
        self.c1, self.c2, self.out = nn.Linear(12, 20), nn.Linear(20, 12), nn.Linear(12, 3)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose([0, 2, 1])
        x = x + self.t2(F.gelu(self.t1(x.transpose([0, 2, 1])))).transpose([0, 2, 1])
        x = x + self.c2(F.gelu(self.c1(x)))
        return self.out(x.mean(1))


class GlobalFilter(nn.Layer):
    """Maps filtered in the frequencies of space (GFNet): channels pass the transform."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.b, self.head = conv_bn(3, 8), conv_bn(8, 6), Head(6)
        self.filter = self.create_parameter([8, 16, 9, 2], default_initializer=nn.initializer.Normal())

    def forward(self, x):
        h = paddle.fft.rfft2(self.stem(x)) * paddle.as_complex(self.filter)
        return self.head(self.b(paddle.fft.irfft2(h, s=[16, 16])))


class WeightStandardised(nn.Layer):
    """Convolutions whose weights are centred and scaled over their inputs, and a one-dimensional one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 8, 3), nn.Conv2D(8, 10, 3)
        self.line, self.out = nn.Conv1D(10, 6, 3), nn.Linear(6, 3)

    def forward(self, x):
        w = self.b.weight
        w = w / (paddle.sqrt((w * w).sum([1, 2, 3], keepdim=True)) + 1e-5)
        x = F.conv2d(F.relu(self.a(x)), w, self.b.bias)
        return self.out(F.relu(self.line(x.flatten(2))).mean(-1))


class CoordinateAttention(nn.Layer):
    """Pooled along each side, joined along space, split again; gates are sigmoids."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = conv_bn(3, 12), conv_bn(12, 6, 1)
        self.rows, self.columns, self.head = nn.Conv2D(6, 12, 1), nn.Conv2D(6, 12, 1), Head(12)

    def forward(self, x):
        x = self.stem(x)
        _, _, h, w = x.shape
        both = paddle.concat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose([0, 1, 3, 2])], 2)
        a, b = paddle.split(self.down(both), [h, w], axis=2)
        return self.head(x * F.sigmoid(self.rows(a)) * F.sigmoid(self.columns(b.transpose([0, 1, 3, 2]))))


class WindowsByHead(nn.Layer):
    """Convolutions of several sizes, each for some heads, meet all heads (CoaT's relative positions)."""

    def __init__(self):
        super().__init__()
        self.p, self.v = nn.Conv2D(3, 16, 4, 4), nn.Conv2D(16, 32, 1)
        self.q, self.out = nn.Linear(16, 32), nn.Linear(32, 3)
        self.by_head = nn.LayerList([nn.Conv2D(4 * n, 4 * n, k, padding=k // 2, groups=4 * n)
                                     for n, k in ((2, 1), (3, 3), (3, 5))])

    def forward(self, x):
        x = self.p(x)
        b, _, h, w = x.shape
        near = [conv(v) for conv, v in zip(self.by_head, self.v(x).split([8, 12, 12], 1), strict=True)]
        near = paddle.concat(near, 1).reshape([b, 8, 4, h * w]).transpose([0, 1, 3, 2])
        queries = self.q(x.flatten(2).transpose([0, 2, 1])).reshape([b, h * w, 8, 4]).transpose([0, 2, 1, 3])
        return self.out((queries * near).transpose([0, 2, 1, 3]).reshape([b, h * w, 32]).mean(1))


class SuperResolution(nn.Layer):
    """Dense residual blocks, a pixel shuffle, an image in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 4, 3, padding=1)
        self.b, self.out = nn.Conv2D(12, 8, 3, padding=1), nn.Conv2D(6, 3, 3, padding=1)
        self.up = nn.Sequential(nn.Conv2D(8, 24, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x):
        h = self.stem(x)
        a = F.leaky_relu(self.a(h), 0.2)
        h = h + 0.2 * self.b(paddle.concat([h, a], 1))
        return self.out(self.up(h)) + F.interpolate(x, scale_factor=2, mode="bicubic")


IMAGE = (1, 3, 16, 16)
VISION = {
    "cascaded_concat": (CascadedConcat, IMAGE, 0.65), "shuffle_by_hand": (ShuffleByHand, IMAGE, 0.75),
    "selected_channels": (SelectedChannels, IMAGE, 0.6), "feature_pyramid": (FeaturePyramid, IMAGE, 0.7),
    "anchor_head": (AnchorHead, IMAGE, 0.6), "pyramid_pooling": (PyramidPooling, IMAGE, 0.68),
    "maps_and_prototypes": (MapsAndPrototypes, IMAGE, 0.6), "parameter_lists": (ParameterLists, (1, 6), 0.65),
    "mixer": (Mixer, IMAGE, 0.55), "global_filter": (GlobalFilter, IMAGE, 0.5),
    "weight_standardised": (WeightStandardised, IMAGE, 0.65),
    "coordinate_attention": (CoordinateAttention, IMAGE, 0.55),
    "windows_by_head": (WindowsByHead, (1, 3, 16, 16), 0.65),
    "super_resolution": (SuperResolution, (1, 3, 8, 8), 0.7),
}
