"""Small networks for text: a word at each place, or a class for a sentence."""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn

WORDS, LENGTH = 20, 6


class Classifier(nn.Layer):
    """An LSTM over words, a class a sentence."""

    def __init__(self, words=WORDS, classes=3, width=8):
        super().__init__()
        self.embed, self.lstm, self.fc = nn.Embedding(words, width), nn.LSTM(width, width), nn.Linear(width, classes)

    def forward(self, ids):
        return self.fc(self.lstm(self.embed(ids))[0].mean(1))


class Encoder(nn.Layer):
    """A transformer over words, a class a sentence."""

    def __init__(self, words=WORDS, classes=3, width=8):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0)
        self.embed, self.encoder, self.fc = (nn.Embedding(words, width), nn.TransformerEncoder(layer, 1),
                                             nn.Linear(width, classes))

    def forward(self, ids):
        return self.fc(self.encoder(self.embed(ids)).mean(1))


class Language(nn.Layer):
    """The next word at each place; ``tied`` scores words by the table they are looked up in."""

    def __init__(self, tied=True, words=WORDS):
        super().__init__()
        self.embed, self.rnn, self.tied = nn.Embedding(words, 8), nn.GRU(8, 8), tied
        self.head = None if tied else nn.Linear(8, words)

    def forward(self, ids):
        h = self.rnn(self.embed(ids))[0]
        return paddle.matmul(h, self.embed.weight, transpose_y=True) if self.tied else self.head(h)


class Bag(nn.Layer):
    """The mean of embeddings: what a word is worth can be worked out by hand."""

    def __init__(self, rows):
        super().__init__()
        self.embed = nn.Embedding(*rows.shape)
        self.embed.weight.set_value(rows.astype("float32"))

    def forward(self, ids):
        return self.embed(ids).mean(1)


def sentences(n=40, seed=0, classes=3, words=WORDS):
    """Sentences that say their class: of the words that are no padding (0) or unknown (1), a stretch for each class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    own = (words - 2) // classes
    return (2 + y[:, None] * own + rng.integers(own, size=(n, LENGTH))).astype("int64"), y.astype("int64")
