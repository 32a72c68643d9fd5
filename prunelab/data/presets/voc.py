"""Pascal VOC: which of 20 things are on a photograph, several at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from paddle.nn import functional

from prunelab.data.presets.files import SOURCES, folder
from prunelab.data.presets.images import SIDE, Files
from prunelab.data.presets.preset import Preset, loaders
from prunelab.errors import DataError, check_whole, reason_of, unknown_name
from prunelab.evaluate.loss import IGNORED_LABEL, fitting

CLASSES = ("aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
           "pottedplant sheep sofa train tvmonitor").split()
# the years whose labels are published for these splits; 2007 has a test, too
YEARS = (2007, 2008, 2009, 2010, 2011, 2012)


def voc(root: str | os.PathLike[str], *, year: int = 2012, batch_size: int = 64, workers: int = 2, augment: bool = True,
        side: int = SIDE, model: Any = None) -> Preset:
    """Pascal VOC: 5,717 + 5,823 photographs of 2012 with 20 kinds of things, several on one (Everingham and others,
    2010), a ResNet-50, 70 % to go. Images are read when they are asked for.

    Labels are float32 (20,): 1 where a thing is there, 0 where it is not, -100 where all of its kind are marked as
    difficult, which counts neither in the loss nor in the metric, as in the challenge.

    Args:
        root: the folder that holds ``VOCdevkit/VOC2012/`` with ``JPEGImages``, ``Annotations`` and ``ImageSets``.
        year: 2007 to 2012.
        batch_size, workers: of the DataLoaders; ``workers`` are processes that read.
        augment: train on random crops, mirrored half of the time (True).
        side: of the images that the model gets.
        model: another network than the untrained ResNet-50.

    Raises:
        DataError: files that are missing (which, where they are had, where they go) or are damaged.
    """
    check_whole(year, "year", YEARS[0], YEARS[-1])
    source = SOURCES["voc2007" if year == 2007 else "voc"]
    base = folder(root, source)
    home = base / "VOCdevkit" / f"VOC{year}"
    if not home.is_dir():
        source.missing(base, f"VOCdevkit/VOC{year}/")
    splits = {split: _split(base, home, split) for split in ("train", "val", "test")}
    for split in ("train", "val"):
        if splits[split] is None:
            source.missing(base, f"VOCdevkit/VOC{year}/ImageSets/Main/{split}.txt")
    made = {split: None if found is None else Files(*found, augment=augment and split == "train", side=side)
            for split, found in splits.items()}
    return Preset(name="voc", model=_resnet50() if model is None else model, ratio=0.7,
                  **loaders(made["train"], made["val"], made["test"], batch_size, workers),
                  loss=multi_label, metrics=("map", "loss"), inputs=(1, 3, side, side), classes=tuple(CLASSES))


def multi_label(outputs: Any, labels: Any) -> Any:
    """Binary cross entropy of logits ``(n, classes)``, the mean over the labels that count; those of -100 do not."""
    logits, given = fitting(outputs, labels, "multi_label")
    counts = (given != IGNORED_LABEL).astype(logits.dtype)
    total = functional.binary_cross_entropy_with_logits(logits, given * counts, weight=counts, reduction="sum")
    return total / counts.sum().clip(min=1)


def _resnet50() -> Any:
    from paddle.vision.models import resnet50

    return resnet50(num_classes=len(CLASSES))


def _split(base: Path, home: Path, split: str) -> tuple[list[Path], Any] | None:
    """The photographs of a split, and their labels; None where the split is not published, or has no annotations."""
    file = home / "ImageSets" / "Main" / f"{split}.txt"
    if not file.is_file():
        return None
    names = [line.split()[0] for line in file.read_text().splitlines() if line.strip()]
    if not names:
        raise DataError(f"'{file}' names no image; get the archive again")
    paths = [home / "JPEGImages" / f"{name}.jpg" for name in names]
    notes = [home / "Annotations" / f"{name}.xml" for name in names]
    if split == "test" and not notes[0].is_file():
        return None  # from 2008 on the organizers keep them
    for path in (*paths, *notes):
        if not path.is_file():
            SOURCES["voc2007" if home.name == "VOC2007" else "voc"].missing(base, str(path.relative_to(base)))
    return paths, np.stack([_labels(path) for path in notes])


def _labels(path: Path) -> Any:
    """float32 (20,) of an annotation."""
    out = np.zeros(len(CLASSES), np.float32)
    try:
        things = [(o.findtext("name", "").strip(), o.findtext("difficult", "0").strip() == "1")
                  for o in ET.parse(path).getroot().iter("object")]
    except ET.ParseError as error:
        raise DataError(f"'{path}' is no annotation: {reason_of(error)}; get it again") from error
    for name, difficult in sorted(things, key=lambda thing: not thing[1]):
        if name not in CLASSES:
            raise DataError(f"'{path}': {unknown_name('thing', name, CLASSES)}")
        out[CLASSES.index(name)] = IGNORED_LABEL if difficult else 1
    return out
