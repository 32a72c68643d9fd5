"""ImageNet 2012: a folder of JPEGs for each class, validation images with the devkit's ground truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.data.presets.files import SOURCES, folder
from prunelab.data.presets.images import SIDE, Files
from prunelab.data.presets.preset import Preset, loaders
from prunelab.errors import DataError, reason_of

DEVKIT = "ILSVRC2012_devkit_t12"
TRUTH = "data/ILSVRC2012_validation_ground_truth.txt"
_SUFFIXES = (".jpeg", ".jpg")


def imagenet(root: str | os.PathLike[str], *, batch_size: int = 256, workers: int = 4, augment: bool = True,
             side: int = SIDE, model: Any = None) -> Preset:
    """ImageNet 2012: 1,281,167 + 50,000 images in 1,000 classes (Russakovsky and others, 2015, arXiv:1409.0575), a
    ResNet-50, 75 % to go. Images are read when they are asked for; the test's labels are not published.

    Classes are numbered by their WordNet ids in order, as Paddle's pretrained models have them.

    Args:
        root: the folder that holds ``train/n01440764/*.JPEG`` and so on; ``val/*.JPEG`` with ``ILSVRC2012_devkit_t12/``
            beside it, or ``val/n01440764/*.JPEG``.
        batch_size, workers: of the DataLoaders; ``workers`` are processes that read.
        augment: train on random crops, mirrored half of the time (True).
        side: of the images that the model gets; their middle is cropped from 8/7 of it.
        model: another network than the untrained ResNet-50, such as ``paddle.vision.models.resnet50(pretrained=True)``.

    Raises:
        DataError: files that are missing (which, where they are had, where they go) or are damaged.
    """
    source = SOURCES["imagenet"]
    base = folder(root, source)
    if not (base / "train").is_dir():
        source.missing(base, "train/ (a folder for each class)")
    if not (base / "val").is_dir():
        source.missing(base, "val/")
    ids = sorted(p.name for p in (base / "train").iterdir() if p.is_dir())
    if not ids:
        source.missing(base, "train/ has no folder for any class, such as train/n01440764/: each")
    names = _names(base)
    train, val = _by_folder(base / "train", ids), _validation(base, ids)
    return Preset(name="imagenet", model=_resnet50(len(ids)) if model is None else model, ratio=0.75,
                  **loaders(Files(*train, augment=augment, side=side), Files(*val, side=side), None, batch_size,
                            workers),
                  loss="cross_entropy", metrics=("accuracy", "top5", "loss") if len(ids) >= 5 else ("accuracy", "loss"),
                  inputs=(1, 3, side, side), classes=tuple(names.get(i, i) for i in ids))


def _resnet50(classes: int) -> Any:
    from paddle.vision.models import resnet50

    return resnet50(num_classes=classes)


def _by_folder(base: Path, ids: list[str]) -> tuple[list[Path], Any]:
    """The images of each class's folder, and their classes."""
    paths, labels = [], []
    for number, name in enumerate(ids):
        found = _images(base / name) if (base / name).is_dir() else []
        paths += found
        labels += [number] * len(found)
    if not paths:
        raise DataError(f"'{base}' has no image in any class's folder; unpack the archive of each class into its own: "
                        "for f in *.tar; do mkdir ${f%.tar}; tar xf $f -C ${f%.tar}; done")
    return paths, np.array(labels, np.int64)


def _images(base: Path) -> list[Path]:
    return sorted(p for p in base.iterdir() if p.suffix.lower() in _SUFFIXES)


def _validation(base: Path, ids: list[str]) -> tuple[list[Path], Any]:
    """The validation images in the devkit's order with its ground truth, or by class's folder."""
    flat = _images(base / "val")
    if not flat:
        unknown = sorted(p.name for p in (base / "val").iterdir() if p.is_dir() and p.name not in ids)
        if unknown:
            raise DataError(f"'{base / 'val'}' has the class {unknown[0]}, which train/ does not have; give both the "
                            "same classes")
        return _by_folder(base / "val", ids)
    truth = base / DEVKIT / TRUTH
    if not truth.is_file():
        SOURCES["imagenet"].missing(base, f"{DEVKIT}/{TRUTH}, which says the classes of val/,")
    try:
        numbers = np.array([int(line) for line in truth.read_text().split()])
    except ValueError as error:
        raise DataError(f"'{truth}' is no list of numbers: {reason_of(error)}; get the devkit again") from error
    if len(numbers) != len(flat):
        raise DataError(f"'{truth}' has {len(numbers)} classes, and val/ has {len(flat)} images; unpack the whole of "
                        "ILSVRC2012_img_val.tar into val/")
    by_number, place = _synsets(base), {name: k for k, name in enumerate(ids)}
    lost = sorted({int(n) for n in numbers if by_number.get(int(n), ("",))[0] not in place})
    if lost:
        raise DataError(f"val/ has images of the class {by_number.get(lost[0], (str(lost[0]),))[0]}, which train/ does "
                        "not have; unpack the archive of each class")
    return flat, np.array([place[by_number[int(n)][0]] for n in numbers], np.int64)


def _names(base: Path) -> dict[str, str]:
    """What each class is called, where the devkit is there."""
    return dict(_synsets(base).values()) if (base / DEVKIT).is_dir() else {}


def _synsets(base: Path) -> dict[int, tuple[str, str]]:
    """Of the devkit's meta.mat: the challenge's number of each class -> its WordNet id, its words.

    Only leaves are classes; meta.mat has the nodes above them too.
    """
    from scipy.io import loadmat

    path = base / DEVKIT / "data" / "meta.mat"
    if not path.is_file():
        SOURCES["imagenet"].missing(base, f"{DEVKIT}/data/meta.mat, which names the classes,")
    try:
        rows = np.atleast_1d(loadmat(path, squeeze_me=True)["synsets"])
        return {int(r["ILSVRC2012_ID"]): (str(r["WNID"]), str(r["words"])) for r in rows if int(r["num_children"]) == 0}
    except Exception as error:  # a damaged .mat raises nearly anything
        raise DataError(f"'{path}' is no devkit's meta.mat: {reason_of(error)}; get the devkit again") from error
