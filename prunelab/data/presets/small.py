"""Tasks that are ready at once: digits and text, from packages that prunelab depends on."""

from __future__ import annotations

from typing import Any

import paddle

from prunelab.data import datasets
from prunelab.data.presets.networks import DigitsResNet, TextLSTM, TextTransformer
from prunelab.data.presets.preset import Preset, loaders
from prunelab.errors import unknown_name

TEXT_NETWORKS = {"transformer": TextTransformer, "lstm": TextLSTM}


def digits(*, batch_size: int = 64, workers: int = 0, model: Any = None, seed: int = 0) -> Preset:
    """Handwritten digits of 8 x 8 (`prunelab.datasets.digits`), a small residual network, half of it to go.

    Args:
        batch_size, workers: of the DataLoaders; ``workers`` are processes that read.
        model: another network.
        seed: of the split.
    """
    train, val, test = (datasets.digits(split, seed=seed) for split in datasets.SPLITS)
    return Preset(name="digits", model=DigitsResNet() if model is None else model, ratio=0.5,
                  **loaders(train, val, test, batch_size, workers), loss="cross_entropy", metrics=("accuracy", "loss"),
                  inputs=(1, 1, 8, 8), classes=tuple(map(str, range(10))))


def python_docs(*, network: str = "transformer", size: int = 1500, length: int = 48, topics: int = 12,
                batch_size: int = 64, workers: int = 0, model: Any = None, seed: int = 0) -> Preset:
    """Paragraphs of Python's documentation by topic (`prunelab.datasets.python_docs`), a small transformer or LSTM,
    half of it to go. The tokenizer is ``preset.train.dataset.tokenizer``.

    Args:
        network: "transformer" or "lstm"; ``model`` for another.
        size, length, topics: words of the vocabulary, words of a paragraph, classes.
        batch_size, workers: of the DataLoaders.
        seed: of the split.

    Raises:
        UnknownNameError: another network.
    """
    if network not in TEXT_NETWORKS:
        raise unknown_name("network", network, TEXT_NETWORKS)
    train, val, test = (datasets.python_docs(split, size=size, length=length, topics=topics, seed=seed)
                        for split in datasets.SPLITS)
    made = TEXT_NETWORKS[network](len(train.tokenizer), topics, length) if model is None else model
    return Preset(name="python_docs", model=made, ratio=0.5, **loaders(train, val, test, batch_size, workers),
                  loss="cross_entropy", metrics=("accuracy", "loss"),
                  inputs=[paddle.static.InputSpec([1, length], "int64")], classes=train.classes)
