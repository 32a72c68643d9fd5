"""Small data sets that come with prunelab's dependencies: nothing is downloaded."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from paddle.io import Dataset

from prunelab.data.tokenizer import Tokenizer
from prunelab.errors import check_whole, unknown_name

SPLITS = ("train", "val", "test")
_TEST, _VAL = 0.2, 0.1  # of all samples
_LETTERS, _FEWEST_WORDS = "[a-z_]+", 9
_FEWEST_PARAGRAPHS = 10  # so that each split has one of each class


class Images(Dataset):
    """Images and their classes in memory: ``images`` float32 (n, channels, height, width), ``labels`` int64 (n,)."""

    def __init__(self, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], name: str) -> None:
        super().__init__()
        self.images, self.labels, self.name = images, labels, name

    def __getitem__(self, index: int) -> tuple[np.ndarray[Any, Any], np.int64]:
        return self.images[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.images.shape[1:]))
        return f"{self.name}: {len(self)} images of {shape}, {len(np.unique(self.labels))} classes"


def digits(split: str = "train", *, seed: int = 0) -> Images:
    """Handwritten digits, from scikit-learn: 1,797 images of 8x8, float32 (1, 8, 8) in [-1, 1], and their classes 0 to
    9.

    Args:
        split: "train" (70 %), "val" (10 %) or "test" (20 %), each with the classes in the same proportion; the three do
            not overlap.
        seed: of the split.

    Raises:
        UnknownNameError: another split.
    """
    _check(split)
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images[:, None] / 8.0 - 1.0).astype(np.float32)
    labels = data.target.astype(np.int64)
    chosen = _chosen(labels, split, seed)
    return Images(images[chosen], labels[chosen], f"digits {split}")


class Paragraphs(Dataset):
    """Paragraphs and their classes in memory: ``ids`` int64 (n, length), ``labels`` int64 (n,), the ``tokenizer`` that
    made the ids, and the ``classes``' names."""

    def __init__(self, ids: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], tokenizer: Tokenizer,
                 classes: tuple[str, ...], name: str) -> None:
        super().__init__()
        self.ids, self.labels, self.tokenizer, self.classes, self.name = ids, labels, tokenizer, classes, name

    def __getitem__(self, index: int) -> tuple[np.ndarray[Any, Any], np.int64]:
        return self.ids[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return (f"{self.name}: {len(self)} paragraphs of up to {self.ids.shape[1]} of {len(self.tokenizer):,} words, "
                f"{len(self.classes)} classes")


def python_docs(split: str = "train", *, size: int = 1500, length: int = 48, topics: int = 12,
                seed: int = 0) -> Paragraphs:
    """Paragraphs of Python's own documentation (``pydoc_data``, a part of CPython), and which of the largest topics
    each is from.

    Args:
        split: "train" (70 %), "val" (10 %) or "test" (20 %), each with the classes in the same proportion.
        size: the words of the tokenizer: padding (0), unknown (1), and the most frequent of the training split.
        length: words of a paragraph, cut or filled up to it; those of fewer than nine words are left out.
        topics: how many classes.
        seed: of the split.

    Raises:
        UnknownNameError: another split.
        OptionError: a number out of its range.
    """
    _check(split)
    check_whole(length, "length", 1)
    from pydoc_data.topics import topics as documents

    found = {name: [p for p in text.split("\n\n") if len(re.findall(_LETTERS, p.lower())) >= _FEWEST_WORDS]
             for name, text in documents.items()}
    large = sorted((name for name in found if len(found[name]) >= _FEWEST_PARAGRAPHS),
                   key=lambda name: (-len(found[name]), name))
    names = large[:check_whole(topics, "topics", 2, len(large))]
    texts = [p for name in names for p in found[name]]
    labels = np.array([k for k, name in enumerate(names) for _ in found[name]], np.int64)
    tokenizer = Tokenizer.of((texts[k] for k in _chosen(labels, "train", seed)), size, pattern=_LETTERS)
    chosen = _chosen(labels, split, seed)
    ids = np.stack([tokenizer.encode(texts[k], length) for k in chosen])
    return Paragraphs(ids, labels[chosen], tokenizer, tuple(names), f"Python docs {split}")


def _check(split: str) -> None:
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)


def _chosen(labels: np.ndarray[Any, Any], split: str, seed: int) -> np.ndarray[Any, Any]:
    """The samples of a split, each class in the same proportion."""
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(len(labels)), test_size=_TEST, random_state=seed, stratify=labels)
    train, val = train_test_split(rest, test_size=_VAL / (1 - _TEST), random_state=seed, stratify=labels[rest])
    return {"train": train, "val": val, "test": test}[split]
