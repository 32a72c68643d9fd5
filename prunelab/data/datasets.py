"""Small data sets that come with prunelab's dependencies: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from paddle.io import Dataset

from prunelab.errors import unknown_name

SPLITS = ("train", "val", "test")
_TEST, _VAL = 0.2, 0.1  # of all images


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
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    images = (data.images[:, None] / 8.0 - 1.0).astype(np.float32)
    labels = data.target.astype(np.int64)
    rest, test = train_test_split(np.arange(len(labels)), test_size=_TEST, random_state=seed, stratify=labels)
    train, val = train_test_split(rest, test_size=_VAL / (1 - _TEST), random_state=seed, stratify=labels[rest])
    chosen = {"train": train, "val": val, "test": test}[split]
    return Images(images[chosen], labels[chosen], f"digits {split}")
