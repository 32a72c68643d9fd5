"""CIFAR-10 and CIFAR-100 in the form of their Python version: pickled batches of 3 x 32 x 32 bytes an image."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.data.presets.files import SOURCES, Source, check_published, first_missing, folder
from prunelab.data.presets.images import Bytes, held_out
from prunelab.data.presets.networks import small_image_resnet50
from prunelab.data.presets.preset import Preset, loaders
from prunelab.data.unpickling import read_plain
from prunelab.errors import DataError

Array = np.ndarray[Any, Any]

SHAPE = (3, 32, 32)
# mean and standard deviation of each colour over the training images, as everybody subtracts and divides
CIFAR10_COLOURS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
CIFAR100_COLOURS = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))


def cifar10(root: str | os.PathLike[str], *, batch_size: int = 128, workers: int = 0, holdout: float = 0.1,
            augment: bool = True, model: Any = None, check: bool = True, seed: int = 0) -> Preset:
    """CIFAR-10: 50,000 + 10,000 images of 32 x 32 in 10 classes (Krizhevsky, 2009), a ResNet-50 with a stem for small
    images, 75 % to go.

    Args:
        root: the folder that holds ``cifar-10-batches-py/`` or ``cifar-10-python.tar.gz``.
        batch_size: 128 without it; ``workers``: processes that read (0).
        holdout: the fraction of the training images that is kept for validation (0.1), each class alike, so that the
            test is looked at once; with 0 the test images are the validation's.
        augment: train on images that are shifted by up to 4 pixels and mirrored (True), as He and others do (2016,
            arXiv:1512.03385).
        model: another network than the ResNet-50.
        check: compare each file with its published checksum; False for data of your own in this format.
        seed: of the held-out images.

    Raises:
        DataError: files that are missing (which, where they are had, where they go), differ, or are no such batches.
    """
    batches = _batches("cifar10", root, check)
    return _cifar("cifar10", 0.75, batches, _Reading(batch_size, workers, holdout, augment, seed), model)


def cifar100(root: str | os.PathLike[str], *, batch_size: int = 128, workers: int = 0, holdout: float = 0.1,
             augment: bool = True, model: Any = None, check: bool = True, seed: int = 0) -> Preset:
    """CIFAR-100: 50,000 + 10,000 images of 32 x 32 in 100 classes (Krizhevsky, 2009), a ResNet-50 with a stem for small
    images, 90 % to go. Options and errors as for `cifar10`; the folder is ``cifar-100-python/``."""
    batches = _batches("cifar100", root, check)
    return _cifar("cifar100", 0.9, batches, _Reading(batch_size, workers, holdout, augment, seed), model)


@dataclass(frozen=True)
class _Reading:
    """How the images are read."""

    batch_size: int
    workers: int
    holdout: float
    augment: bool
    seed: int


def _batches(name: str, root: Any, check: bool) -> _Batches:
    return _Batches(SOURCES[name], folder(root, SOURCES[name]), check)


def _cifar(name: str, ratio: float, batches: _Batches, reading: _Reading, model: Any) -> Preset:
    fine = name == "cifar100"
    labels, colours = ("fine_labels", CIFAR100_COLOURS) if fine else ("labels", CIFAR10_COLOURS)
    meta, (*training, test) = _parts(name)
    classes = tuple(map(str, batches.read(meta)["fine_label_names" if fine else "label_names"]))
    train_x, train_y = batches.images(training, labels, len(classes))
    test_x, test_y = batches.images([test], labels, len(classes))
    kept, held = held_out(train_y, reading.holdout, reading.seed)
    data = Bytes(train_x[kept], train_y[kept], colours, shift=4 if reading.augment else 0, mirror=reading.augment)
    judge = Bytes(test_x, test_y, colours)
    val = Bytes(train_x[held], train_y[held], colours) if len(held) else judge
    return Preset(name=name, model=small_image_resnet50(len(classes)) if model is None else model, ratio=ratio,
                  **loaders(data, val, judge, reading.batch_size, reading.workers), loss="cross_entropy",
                  metrics=("accuracy", "loss"), inputs=(1, *SHAPE), classes=classes)


def _parts(name: str) -> tuple[str, list[str]]:
    """The file of names, and the batches, the test last."""
    *batches, meta = (file.name for file in SOURCES[name].files)
    return meta, batches


class _Batches:
    """The batches of a folder, or of the archive that makes it."""

    def __init__(self, source: Source, root: Path, check: bool) -> None:
        self._source, self._check, self._held = source, check, dict[str, bytes]()
        self._base = root / source.folder
        archive = root / source.archives[0].name
        names = [file.name for file in source.files]
        if self._base.is_dir():
            missing = first_missing(self._base, names)
            if missing is not None:
                source.missing(root, f"{source.folder}/{missing}")
        elif archive.is_file():
            if check:
                check_published(archive, source.archives[0])
            self._held = _unpacked(archive, source.folder, names)
        else:
            source.missing(root, f"neither {source.folder}/ nor {archive.name} is there: one of them")

    def read(self, name: str) -> dict[str, Any]:
        """What a file holds."""
        place = self._base / name
        file = next(f for f in self._source.files if f.name == name)
        if name in self._held:
            found = read_plain(io.BytesIO(self._held[name]), place)
        else:
            if self._check:
                check_published(place, file)
            with open(place, "rb") as opened:
                found = read_plain(opened, place)
        if not isinstance(found, dict):
            raise DataError(f"'{place}' holds a {type(found).__name__}; a file of {self._source.title} holds a dict")
        # what other programs wrote with Python 3 has bytes for keys
        return {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in found.items()}

    def images(self, names: list[str], labels: str, classes: int) -> tuple[Array, Array]:
        """The images, uint8 (n, 3, 32, 32), and their classes, int64 (n,), of several batches."""
        parts = [self._batch(name, labels, classes) for name in names]
        return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])

    def _batch(self, name: str, labels: str, classes: int) -> tuple[Array, Array]:
        found, place = self.read(name), self._base / name
        for key in ("data", labels):
            if key not in found:
                raise DataError(f"'{place}' lacks '{key}'; a batch of {self._source.title} has 'data' and '{labels}'")
        images, numbers = np.asarray(found["data"]), np.asarray(found[labels])
        size = int(np.prod(SHAPE))
        if images.dtype != np.uint8 or images.shape != (len(numbers), size):
            raise DataError(f"'{place}' has data of {images.dtype} {images.shape} for {len(numbers)} labels; a batch "
                            f"has uint8 ({len(numbers)}, {size}): 1024 bytes of red, of green, of blue, row by row")
        if numbers.dtype.kind not in "iu" or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes):
            raise DataError(f"'{place}' has labels outside 0 to {classes - 1}, the classes of the file of names")
        return images.reshape(-1, *SHAPE), numbers.astype(np.int64)


def _unpacked(archive: Path, base: str, names: list[str]) -> dict[str, bytes]:
    """The files of an archive in memory; nothing is written, so a path that leaves the folder does nothing."""
    try:
        with tarfile.open(archive) as tar:
            found = {m.name.removeprefix("./"): m for m in tar.getmembers() if m.isfile()}
            missing = next((name for name in names if f"{base}/{name}" not in found), None)
            if missing is not None:
                raise DataError(f"'{archive}' has no {base}/{missing}; get the archive again")
            return {name: tar.extractfile(found[f"{base}/{name}"]).read() for name in names}  # type: ignore[union-attr]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"'{archive}' cannot be unpacked: {error}; get the archive again") from error
