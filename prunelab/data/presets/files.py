"""The published files of the data sets: where they are had, their checksums, and what to say when they are missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from prunelab.errors import DataError, OptionError, shown, unknown_name
from prunelab.render.table import html_table, text_table

_PIECE = 1 << 22


@dataclass(frozen=True)
class Published:
    """A file as it is published: its name, and its MD5 as its publishers (or torchvision, which checks it) give it."""

    name: str
    md5: str
    needed: bool = True


@dataclass(frozen=True)
class Source:
    """A data set's title, the page where it is had, its archives, and the folder that they make."""

    title: str
    page: str
    archives: tuple[Published, ...]
    folder: str
    files: tuple[Published, ...] = ()

    def missing(self, root: Path, what: str) -> NoReturn:
        """Say what is missing, where it is had, and where it goes."""
        names = " and ".join(f"{a.name} (md5 {a.md5})" for a in self.archives if a.needed)
        raise DataError(f"{self.title} is not in '{root}': {what} is missing; get {names} from {self.page}, and unpack "
                        f"into '{root}' so that '{root / self.folder}' is there")


SOURCES: Mapping[str, Source] = {
    "cifar10": Source(
        "CIFAR-10", "https://www.cs.toronto.edu/~kriz/cifar.html",
        (Published("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),), "cifar-10-batches-py",
        (Published("data_batch_1", "c99cafc152244af753f735de768cd75f"),
         Published("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
         Published("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
         Published("data_batch_4", "634d18415352ddfa80567beed471001a"),
         Published("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
         Published("test_batch", "40351d587109b95175f43aff81a1287e"),
         Published("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"))),
    "cifar100": Source(
        "CIFAR-100", "https://www.cs.toronto.edu/~kriz/cifar.html",
        (Published("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),), "cifar-100-python",
        (Published("train", "16019d7e3df5f24257cddd939b257f8d"),
         Published("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
         Published("meta", "7973b15100ade9c7d40fb424638fde48"))),
    "imagenet": Source(
        "ImageNet 2012", "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php",
        (Published("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
         Published("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
         Published("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf")), "train"),
    "voc": Source(
        "Pascal VOC 2012", "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
        (Published("VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd"),), "VOCdevkit/VOC2012"),
    "voc2007": Source(
        "Pascal VOC 2007", "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/",
        (Published("VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64"),
         Published("VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", needed=False)),
        "VOCdevkit/VOC2007"),
}


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: a row a file, with its state: "as published", "differs" or "not there"."""

    title: str
    rows: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        """Whether something is there, and all that is there is as published."""
        states = {state for _, state in self.rows}
        return "as published" in states and "differs" not in states

    def __repr__(self) -> str:
        return text_table(["file", "state"], self.rows, title=self.title)

    def _repr_html_(self) -> str:
        return html_table(["file", "state"], self.rows, caption=self.title)


def verify(name: str, root: str | os.PathLike[str]) -> Verdict:
    """The published files of a data set that are in ``root``, compared with their checksums; large archives take
    minutes.

    Raises:
        UnknownNameError: a data set nobody knows.
    """
    if name not in SOURCES:
        raise unknown_name("data set", name, SOURCES)
    source = SOURCES[name]
    base = folder(root, source)
    found = [(file.name, _state(base / file.name, file)) for file in source.archives]
    found += [(f"{source.folder}/{file.name}", _state(base / source.folder / file.name, file)) for file in source.files]
    return Verdict(source.title, tuple(found))


def folder(root: object, source: Source) -> Path:
    """The folder of a data set.

    Raises:
        OptionError: no path.
        DataError: no folder there; what goes there is said.
    """
    if not isinstance(root, (str, os.PathLike)):
        raise OptionError(f"root is {shown(root)}; give the folder that holds the data, such as 'data/'")
    path = Path(root).expanduser()
    if not path.is_dir():
        source.missing(path, "that is a file, and a folder" if path.is_file() else "the folder")
    return path


def check_published(path: Path, file: Published) -> None:
    """Refuse a file that is not the published one."""
    found = md5(path)
    if found != file.md5:
        raise DataError(f"'{path}' is not the published {file.name}: its md5 is {found}, not {file.md5}; get it again, "
                        "or give check=False if the data is your own in this format")


def md5(path: Path) -> str:
    """The MD5 of a file, read in pieces."""
    total = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            total.update(piece)
    return total.hexdigest()


def _state(path: Path, file: Published) -> str:
    if not path.is_file():
        return "not there"
    return "as published" if md5(path) == file.md5 else "differs"


def first_missing(base: Path, names: Sequence[str]) -> str | None:
    """The first of these files that is not in the folder."""
    return next((name for name in names if not (base / name).is_file()), None)
