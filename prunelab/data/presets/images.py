"""Images for training and for judging: held as bytes or read from files, scaled, shifted, mirrored, cropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from paddle.io import Dataset
from PIL import Image

from prunelab.data.even import evenly
from prunelab.errors import DataError, OptionError, check_seed, reason_of, shown

Array = np.ndarray[Any, Any]
Colours = tuple[Sequence[float], Sequence[float]]

# mean and standard deviation of each colour over ImageNet's training images
IMAGENET_COLOURS: Colours = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIDE, SHORTER = 224, 256  # what is cropped from what the shorter side is scaled to: Krizhevsky and others, 2012
# Szegedy and others, 2014 (arXiv:1409.4842): a crop for training has this part of the area, and this ratio of its sides
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


def normalized(images: Array, colours: Colours) -> Array:
    """uint8 (..., 3, height, width) as float32 of mean 0 and standard deviation 1."""
    mean, deviation = (np.array(c, np.float32)[:, None, None] for c in colours)
    return np.asarray((images.astype(np.float32) / 255 - mean) / deviation)


class Bytes(Dataset):
    """Images in memory: ``images`` uint8 (n, 3, height, width), ``labels`` int64 (n,).

    A sample is float32 (3, height, width); shifted by up to ``shift`` pixels and mirrored as NumPy's global generator
    says.
    """

    def __init__(self, images: Array, labels: Array, colours: Colours, *, shift: int = 0, mirror: bool = False) -> None:
        super().__init__()
        self.images, self.labels, self.colours, self.shift, self.mirror = images, labels, colours, shift, mirror

    def __getitem__(self, index: int) -> tuple[Array, np.int64]:
        image = self.images[index]
        if self.shift:
            height, width = image.shape[1:]
            y, x = np.random.randint(0, 2 * self.shift + 1, 2)
            padded = np.pad(image, ((0, 0), (self.shift, self.shift), (self.shift, self.shift)))
            image = padded[:, y : y + height, x : x + width]
        if self.mirror and np.random.rand() < 0.5:
            image = image[:, :, ::-1]
        return normalized(image, self.colours), self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)


class Files(Dataset):
    """Images that are read when they are asked for: ``paths``, and ``labels`` with one row or number each.

    A sample is float32 (3, side, side). For training (``augment``), a crop of random area and sides, mirrored half of
    the time; else the middle of the image, whose shorter side is scaled to 256 for a side of 224.
    """

    def __init__(self, paths: Sequence[Path], labels: Array, *, augment: bool = False, side: int = SIDE) -> None:
        super().__init__()
        self.paths, self.labels, self.augment, self.side = list(paths), labels, augment, side

    def __getitem__(self, index: int) -> tuple[Array, Any]:
        path = self.paths[index]
        try:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
        except (OSError, ValueError) as error:
            raise DataError(f"the image '{path}' cannot be read: {reason_of(error)}; get it again") from error
        image = self._cropped(image)
        return normalized(np.asarray(image).transpose(2, 0, 1), IMAGENET_COLOURS), self.labels[index]

    def _cropped(self, image: Any) -> Any:
        size = (self.side, self.side)
        if self.augment:
            cropped = image.resize(size, Image.Resampling.BILINEAR, box=random_box(*image.size))
            mirror = np.random.rand() < 0.5
            return cropped.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else cropped
        scale = self.side * SHORTER / SIDE / min(image.size)
        width, height = (max(self.side, round(n * scale)) for n in image.size)
        left, top = (width - self.side) // 2, (height - self.side) // 2
        return image.resize((width, height), Image.Resampling.BILINEAR).crop(
            (left, top, left + self.side, top + self.side))

    def __len__(self) -> int:
        return len(self.paths)


def random_box(width: int, height: int) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a crop as NumPy's global generator says; the whole image where ten tries do not fit.
    """
    for _ in range(10):
        area = width * height * np.random.uniform(*AREA)
        ratio = np.exp(np.random.uniform(*np.log(RATIO)))
        w, h = np.sqrt(area * ratio), np.sqrt(area / ratio)
        if w <= width and h <= height:
            left, top = np.random.uniform(0, width - w), np.random.uniform(0, height - h)
            return float(left), float(top), float(left + w), float(top + h)
    return 0.0, 0.0, float(width), float(height)


def held_out(labels: Array, fraction: float, seed: int) -> tuple[Array, Array]:
    """Indices of what is trained on and of what is held out: ``fraction`` of each class."""
    everything = np.arange(len(labels))
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction < 1:
        raise OptionError(f"holdout is {shown(fraction)}; it is the fraction of the training images that is kept for "
                          "validation, in [0, 1), such as 0.1")
    if fraction == 0:
        return everything, everything[:0]
    order = np.random.default_rng(check_seed(seed)).permutation(len(labels))
    out = np.sort(evenly(order, labels, round(fraction * len(labels))))
    if not 0 < len(out) < len(labels):
        raise DataError(f"holdout={fraction:g} of {len(labels)} images is {'none' if not len(out) else 'all'} of them; "
                        "give more images, or holdout=0 to judge by the test images")
    return np.setdiff1d(everything, out), out
