"""The presets' networks."""

from __future__ import annotations

from typing import Any

from paddle import nn
from paddle.vision.models import resnet50

from prunelab.errors import check_whole
from prunelab.graph.arrays import working_place


def small_image_resnet50(classes: int, width: int = 64) -> Any:
    """A ResNet-50 for images of 32 x 32: its first convolution is 3 x 3 without a stride and no pool follows, so that
    the last maps are 4 x 4 (He and others, 2016, arXiv:1512.03385, section 4.2, in the form of 50 layers).

    ``width``: of the first inner convolutions, which later stages double; 64 is the published network.
    """
    model = resnet50(num_classes=check_whole(classes, "classes", 2), width=check_whole(width, "width", 1))
    model.conv1 = nn.Conv2D(3, 64, 3, padding=1, bias_attr=False)
    model.maxpool = nn.Identity()
    return model


class _Block(nn.Layer):
    """Two 3 x 3 convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(inputs, outputs, 3, stride, 1, bias_attr=False)
        self.bn1 = nn.BatchNorm2D(outputs)
        self.conv2 = nn.Conv2D(outputs, outputs, 3, 1, 1, bias_attr=False)
        self.bn2 = nn.BatchNorm2D(outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2D(inputs, outputs, 1, stride, bias_attr=False)
        self.relu = nn.ReLU()

    def forward(self, x: Any) -> Any:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class DigitsResNet(nn.Layer):
    """Four residual blocks for images of 8 x 8 in one colour."""

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(1, width, 3, padding=1), nn.BatchNorm2D(width), nn.ReLU())
        self.blocks = nn.Sequential(_Block(width, width, 1), _Block(width, 2 * width, 2),
                                    _Block(2 * width, 2 * width, 1), _Block(2 * width, 4 * width, 2))
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Any) -> Any:
        """Logits of (n, 1, 8, 8) images."""
        return self.head(self.blocks(self.stem(x)).mean([2, 3]))


class TextTransformer(nn.Layer):
    """Two layers of a transformer over words, the mean of its places, a class."""

    def __init__(self, words: int, classes: int, length: int, width: int = 48) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, normalize_before=True)
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.encoder, self.norm = nn.TransformerEncoder(layer, 2), nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        self.register_buffer("numbers", _numbers(length), persistable=False)

    def forward(self, ids: Any) -> Any:
        """Logits of (n, length) ids."""
        return self.head(self.norm(self.encoder(self.words(ids) + self.places(self.numbers))).mean(1))


class TextLSTM(nn.Layer):
    """An LSTM over words, the mean of its states, a class."""

    def __init__(self, words: int, classes: int, length: int, width: int = 48) -> None:
        super().__init__()
        self.words, self.lstm = nn.Embedding(words, width), nn.LSTM(width, 64)
        self.head = nn.Linear(64, classes)

    def forward(self, ids: Any) -> Any:
        """Logits of (n, length) ids."""
        return self.head(self.lstm(self.words(ids))[0].mean(1))


def _numbers(length: int) -> Any:
    import paddle

    # of a new layer: where Paddle makes its weights
    return paddle.to_tensor(list(range(length)), place=working_place())
