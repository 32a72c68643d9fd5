"""Small data sets written in the forms in which the large ones are published."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
WNIDS = ["n01440764", "n01443537", "n02085620"]
ANNOTATION = """<annotation><filename>{name}.jpg</filename><size><width>40</width><height>30</height></size>{objects}
</annotation>"""
OBJECT = "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>1</xmin></bndbox></object>"


def as_python2(data: object) -> bytes:
    """A pickle as Python 2 wrote CIFAR's: protocol 2, all strings byte strings, arrays by NumPy's names of before
    version 2 with their bytes in a string."""
    return b"\x80\x02" + _spelled(data) + b"."


def _spelled(data: object) -> bytes:
    if isinstance(data, dict):
        return b"}(" + b"".join(_spelled(part) for pair in data.items() for part in pair) + b"u"
    if isinstance(data, list):
        return b"](" + b"".join(map(_spelled, data)) + b"e"
    if isinstance(data, int):
        return b"J" + struct.pack("<i", data)
    if isinstance(data, np.ndarray):
        shape = b"(" + b"".join(map(_spelled, data.shape)) + b"t"
        order = b"(K\x03" + _spelled("|") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
        dtype = b"cnumpy\ndtype\n(" + _spelled(data.dtype.str[1:]) + b"K\x00K\x01tR" + order
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + _spelled("b") + b"tR"
        return made + b"(K\x01" + shape + dtype + b"\x89" + _spelled(data.tobytes()) + b"tb"
    text = data.encode() if isinstance(data, str) else bytes(data)  # type: ignore[call-overload]
    return b"T" + struct.pack("<i", len(text)) + text


def cifar10(root: Path, n: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``cifar-10-batches-py`` with ``n`` images a batch; gives all images, (6 n, 3, 32, 32), and labels."""
    rng, base = np.random.default_rng(seed), root / "cifar-10-batches-py"
    base.mkdir(parents=True)
    images = rng.integers(0, 256, (6 * n, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(6 * n) % 10
    for k, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        part = slice(k * n, (k + 1) * n)
        (base / name).write_bytes(as_python2({
            "batch_label": f"batch {k}", "labels": labels[part].tolist(), "data": images[part].reshape(n, 3072),
            "filenames": [f"{i}.png" for i in range(n)]}))
    (base / "batches.meta").write_bytes(as_python2(
        {"num_cases_per_batch": n, "label_names": CIFAR10_NAMES, "num_vis": 3072}))
    return images, labels


def cifar100(root: Path, n: int = 40) -> None:
    """``cifar-100-python`` with ``n`` training images, and half as many to test; keys are bytes, as some write them."""
    rng, base = np.random.default_rng(0), root / "cifar-100-python"
    base.mkdir(parents=True)
    for name, size in (("train", n), ("test", n // 2)):
        (base / name).write_bytes(as_python2({
            b"fine_labels": (np.arange(size) % 100).tolist(), b"coarse_labels": [0] * size,
            b"data": rng.integers(0, 256, (size, 3072), dtype=np.uint8)}))
    (base / "meta").write_bytes(as_python2({"fine_label_names": [f"thing {k}" for k in range(100)],
                                            "coarse_label_names": [f"kind {k}" for k in range(20)]}))


def archive(root: Path, folder: str, name: str) -> Path:
    """The folder as the archive that makes it; the folder goes."""
    with tarfile.open(root / name, "w:gz") as tar:
        for path in sorted((root / folder).iterdir()):
            data = path.read_bytes()
            info = tarfile.TarInfo(f"{folder}/{path.name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            path.unlink()
    (root / folder).rmdir()
    return root / name


def picture(path: Path, color: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, "JPEG", quality=95)


def imagenet(root: Path, *, flat: bool = True, per_class: int = 3) -> None:
    """``train/`` and ``val/`` of three classes; with ``flat``, the devkit beside it says what ``val/`` shows."""
    from scipy.io import savemat

    for k, wnid in enumerate(WNIDS):
        for i in range(per_class):
            picture(root / "train" / wnid / f"{wnid}_{i}.JPEG", (80 * k, 10, 10))
    truth = [3, 1, 2, 1]  # the challenge's own numbers, which are not in the order of the ids
    numbers = {1: WNIDS[2], 2: WNIDS[0], 3: WNIDS[1]}
    for i, number in enumerate(truth):
        name = f"ILSVRC2012_val_{i + 1:08d}.JPEG"
        wnid = numbers[number]
        picture(root / "val" / (name if flat else f"{wnid}/{name}"), (80 * WNIDS.index(wnid), 10, 10))
    if flat:
        kit = root / "ILSVRC2012_devkit_t12" / "data"
        kit.mkdir(parents=True)
        (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("\n".join(map(str, truth)) + "\n")
        fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height",
                  "num_train_images"]
        rows = [(n, wnid, f"thing {n}", "a thing", 0, np.array([]), 0, per_class) for n, wnid in numbers.items()]
        rows.append((4, "n00001740", "entity", "all", 3, np.array([1, 2, 3]), 1, 0))
        synsets = np.array(rows, dtype=[(f, object) for f in fields])[:, None]
        savemat(kit / "meta.mat", {"synsets": synsets})


def voc(root: Path, year: int = 2012, test: bool = False) -> None:
    """``VOCdevkit`` with four photographs to train on and two to judge by."""
    home = root / "VOCdevkit" / f"VOC{year}"
    things = {"2008_000001": [("dog", 0), ("person", 0)], "2008_000002": [("cat", 1)], "2008_000003": [("dog", 1),
              ("dog", 0)], "2008_000004": [("person", 0)], "2008_000005": [("cat", 0)], "2008_000006": [("dog", 0)]}
    for sub in ("Annotations", "ImageSets/Main"):
        (home / sub).mkdir(parents=True)
    for name, found in things.items():
        picture(home / "JPEGImages" / f"{name}.jpg", (10, 200, 10))
        text = ANNOTATION.format(name=name, objects="".join(OBJECT.format(*thing) for thing in found))
        (home / "Annotations" / f"{name}.xml").write_text(text)
    names = list(things)
    splits = {"train": names[:4], "val": names[4:], **({"test": names[4:]} if test else {})}
    for split, some in splits.items():
        (home / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{n}\n" for n in some))
