"""Tasks as they are published: what the bytes mean, which split an image is in, what is said when files are missing."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import paddle
import published
import pytest
from paddle import nn

import prunelab as pl
from prunelab.data.presets import files, images
from prunelab.errors import DataError, InputError, OptionError, UnknownNameError


def small(classes=10):
    """A network for images, so that tests do not wait for a ResNet-50."""
    return nn.Sequential(nn.Conv2D(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(8, classes))


def test_cifar10_is_read_as_it_is_published(tmp_path: Path) -> None:
    pixels, labels = published.cifar10(tmp_path)
    task = pl.presets.cifar10(tmp_path, model=small(), check=False, augment=False, holdout=0.2)
    train, val, test = (loader.dataset for loader in (task.train, task.val, task.test))
    assert [len(d) for d in (train, val, test)] == [40, 10, 10]
    assert (task.ratio, task.inputs, task.classes[3]) == (0.75, (1, 3, 32, 32), "cat")
    np.testing.assert_array_equal(test.images, pixels[50:])
    np.testing.assert_array_equal(test.labels, labels[50:])
    image, label = test[3]
    mean, deviation = (np.array(c)[:, None, None] for c in ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)))
    np.testing.assert_allclose(image, (pixels[53] / 255 - mean) / deviation, rtol=1e-5, atol=1e-6)
    assert (image.dtype, label) == (np.float32, 3)
    # every class alike is held out, and nothing twice
    assert np.bincount(val.labels).tolist() == [1] * 10
    together = np.concatenate([train.images, val.images]).reshape(50, -1)
    assert sorted(map(bytes, together)) == sorted(map(bytes, pixels[:50].reshape(50, -1)))


def test_cifar_opens_a_lab_with_one_call(tmp_path: Path) -> None:
    published.cifar10(tmp_path)
    task = pl.presets.cifar10(tmp_path, model=small(), check=False, batch_size=25)
    lab = pl.Lab(**task)
    state = lab.step(ratio=0.5)
    assert set(state.metrics) == {"accuracy", "loss"}
    assert "45 train / 5 val / 10 test" in repr(task)
    assert "75 % goes" in task._repr_html_()
    pl.finetune(task.model, task.train, loss=task.loss)


def test_the_resnet50_of_small_images_is_one_of_32_by_32(tmp_path: Path) -> None:
    published.cifar100(tmp_path)
    task = pl.presets.cifar100(tmp_path, check=False, holdout=0)
    assert (task.ratio, len(task.classes), task.classes[7]) == (0.9, 100, "thing 7")
    assert task.val.dataset.images.shape == task.test.dataset.images.shape == (20, 3, 32, 32)
    graph = pl.trace(task.model, task.inputs)
    # 23,705,252 = 25,557,032 of ImageNet - 7x7 for 3x3 in the stem (7,680) - 1,000 for 100 classes (1,844,100)
    assert graph.cost().params == 25_557_032 - 64 * 3 * (49 - 9) - 2049 * 900
    assert graph.program.shapes[graph.value("layer4.2.conv3")][2:] == (4, 4)


def test_an_archive_is_read_without_unpacking_it_and_its_checksum_is_looked_at(tmp_path: Path) -> None:
    pixels, _ = published.cifar10(tmp_path)
    path = published.archive(tmp_path, "cifar-10-batches-py", "cifar-10-python.tar.gz")
    task = pl.presets.cifar10(tmp_path, model=small(), check=False)
    np.testing.assert_array_equal(task.test.dataset.images, pixels[50:])
    with pytest.raises(DataError, match=r"is not the published cifar-10-python\.tar\.gz: its md5 is \w+, not c58f3010"):
        pl.presets.cifar10(tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz' cannot be unpacked: .*; get the archive again"):
        pl.presets.cifar10(tmp_path, check=False)


def test_training_images_are_shifted_and_mirrored_as_numpys_generator_says(tmp_path: Path) -> None:
    data = images.Bytes(np.arange(3 * 8 * 8, dtype=np.uint8).reshape(1, 3, 8, 8), np.zeros(1, np.int64),
                        ((0, 0, 0), (1, 1, 1)), shift=2, mirror=True)
    np.random.seed(3)
    seen = [np.round(data[0][0] * 255).astype(np.uint8) for _ in range(40)]
    np.random.seed(3)
    np.testing.assert_array_equal(np.round(data[0][0] * 255).astype(np.uint8), seen[0])
    plain = data.images[0]
    ways = {(y, x, m) for image in seen for y in range(5) for x in range(5) for m in (1, -1)
            if np.array_equal(image, np.pad(plain, ((0, 0), (2, 2), (2, 2)))[:, y : y + 8, x : x + 8][:, :, ::m])}
    assert {m for *_, m in ways} == {1, -1}
    assert len({(y, x) for y, x, _ in ways}) > 10


@pytest.mark.parametrize("workers", [0, 2])
def test_imagenet_by_its_devkit(tmp_path: Path, workers: int) -> None:
    published.imagenet(tmp_path)
    task = pl.presets.imagenet(tmp_path, batch_size=2, workers=workers, side=32)
    assert task.classes == ("thing 2", "thing 3", "thing 1")
    assert (task.ratio, task.test, task.metrics) == (0.75, None, ("accuracy", "loss"))
    labels, reds = [], []
    for x, y in task.val:
        assert tuple(x.shape[1:]) == (3, 32, 32)
        labels += y.tolist()
        reds += (x[:, 0].mean([1, 2]) * 0.229 + 0.485).tolist()
    assert labels == [1, 2, 0, 2]
    np.testing.assert_allclose(np.array(reds) * 255, 80 * np.array(labels), atol=4)
    assert sum(len(y) for _, y in task.train) == len(task.train.dataset) == 9


def test_imagenet_by_folders_needs_no_devkit(tmp_path: Path) -> None:
    published.imagenet(tmp_path, flat=False)
    task = pl.presets.imagenet(tmp_path, workers=0, side=32, model=small())
    assert task.classes == tuple(published.WNIDS)
    assert task.val.dataset.labels.tolist() == [0, 1, 2, 2]


def test_voc_labels_are_several_and_the_difficult_do_not_count(tmp_path: Path) -> None:
    published.voc(tmp_path)
    task = pl.presets.voc(tmp_path, model=small(20), workers=0, side=32, batch_size=4)
    assert (task.ratio, task.test, len(task.classes)) == (0.7, None, 20)
    dog, person, cat = (task.classes.index(n) for n in ("dog", "person", "cat"))
    labels = task.train.dataset.labels
    assert labels[:, [dog, person, cat]].tolist() == [[1, 1, 0], [0, 0, -100], [1, 0, 0], [0, 1, 0]]
    found = pl.evaluate(task.model, task.val, task.metrics, task.loss)
    assert 0 < found["map"] <= 1
    assert found["loss"] == pytest.approx(np.log(2), rel=0.7)


def test_a_label_that_does_not_count_changes_neither_loss_nor_metric(tmp_path: Path) -> None:
    logits = paddle.to_tensor([[2.0, -1.0], [0.5, 0.5], [-1.0, 3.0]])
    labels = paddle.to_tensor([[1.0, -100.0], [0.0, 1.0], [-100.0, 0.0]])
    from prunelab.data.presets.voc import multi_label

    rows = [(2.0, 1), (0.5, 0), (0.5, 1), (3.0, 0)]
    by_hand = np.mean([np.log1p(np.exp(-z if y else z)) for z, y in rows])
    assert multi_label(logits, labels).item() == pytest.approx(by_hand, rel=1e-5)

    class Given(nn.Layer):
        def forward(self, x):
            return x

    # first class: 2.0 (yes) before 0.5 (no): 1; second: 3.0 (no) before 0.5 (yes): 1/2
    assert pl.evaluate(Given(), (logits.numpy(), labels.numpy()), "map")["map"] == pytest.approx(0.75)


def test_voc_2007_has_a_test(tmp_path: Path) -> None:
    published.voc(tmp_path, 2007, test=True)
    task = pl.presets.voc(tmp_path, year=2007, model=small(), workers=0)
    assert len(task.test.dataset) == 2


@pytest.mark.parametrize("network", ["transformer", "lstm"])
def test_what_is_ready_at_once(network: str) -> None:
    text = pl.presets.python_docs(network=network, size=200, length=12, topics=3, batch_size=32)
    lab = pl.Lab(**text)
    assert lab.step(ratio=0.5).cost.params < lab.graph.cost().params
    small = pl.text.prune_vocabulary(text.model, text.train.dataset.tokenizer, 80, data=text.train)
    assert len(small.kept) == 80
    assert set(pl.evaluate(small.model, small.translate(text.val))) == {"accuracy", "loss"}


def test_digits_are_ready_at_once() -> None:
    task = pl.presets.digits()
    assert pl.Lab(**task).step(ratio=0.5).metrics["accuracy"] >= 0
    assert set(pl.presets.PRESETS) == {"cifar10", "cifar100", "imagenet", "voc", "digits", "python_docs"}


def test_files_that_are_missing_are_named_with_their_source_and_their_place(tmp_path: Path) -> None:
    told = r"CIFAR-10 is not in '.*': .*; get cifar-10-python\.tar\.gz \(md5 c58f\w+\) from https://www\.cs\.toronto.*"
    with pytest.raises(DataError, match=told + r"so that '.*cifar-10-batches-py' is there"):
        pl.presets.cifar10(tmp_path)
    published.cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(DataError, match="cifar-10-batches-py/data_batch_4 is missing"):
        pl.presets.cifar10(tmp_path)
    with pytest.raises(DataError, match=r"ImageNet 2012 is not in .*train/ .* is missing; get ILSVRC2012_img_train"):
        pl.presets.imagenet(tmp_path)
    with pytest.raises(DataError, match=r"VOCdevkit/VOC2012/ is missing; get VOCtrainval_11-May-2012\.tar"):
        pl.presets.voc(tmp_path)
    for name in ("cifar10", "cifar100", "imagenet", "voc"):
        with pytest.raises(DataError, match=r"is not in '.*nowhere': the folder is missing; get .* from http"):
            getattr(pl.presets, name)(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"that is a file, and a folder is missing; get VOCtrainval"):
        pl.presets.voc(tmp_path / "file")
    with pytest.raises(OptionError, match="root is 3; give the folder"):
        pl.presets.cifar10(3)


def test_options_of_a_preset_that_cannot_be_are_named(tmp_path: Path) -> None:
    published.cifar10(tmp_path)
    for holdout in (1.5, -0.1, "half", True):
        with pytest.raises(OptionError, match=r"holdout is .*; it is the fraction of the training images that is kept"):
            pl.presets.cifar10(tmp_path, check=False, holdout=holdout)
    with pytest.raises(InputError, match="str"):
        pl.presets.cifar10(tmp_path, check=False, model="resnet")


def test_parts_of_imagenet_and_voc_that_are_missing_are_named(tmp_path: Path) -> None:
    published.imagenet(tmp_path)
    (tmp_path / "val" / "ILSVRC2012_val_00000002.JPEG").unlink()
    with pytest.raises(DataError, match=r"has 4 classes, and val/ has 3 images; unpack the whole of"):
        pl.presets.imagenet(tmp_path)
    (tmp_path / "ILSVRC2012_devkit_t12" / "data" / "meta.mat").write_bytes(b"no")
    with pytest.raises(DataError, match=r"meta\.mat' is no devkit's meta\.mat"):
        pl.presets.imagenet(tmp_path)
    published.voc(tmp_path)
    (tmp_path / "VOCdevkit/VOC2012/Annotations/2008_000003.xml").unlink()
    with pytest.raises(DataError, match=r"VOC2012/Annotations/2008_000003\.xml is missing"):
        pl.presets.voc(tmp_path)
    (tmp_path / "VOCdevkit/VOC2012/Annotations/2008_000003.xml").write_text("<annotation><object><name>dgo</name>")
    with pytest.raises(DataError, match="is no annotation"):
        pl.presets.voc(tmp_path)


def test_verify_compares_with_the_published_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published.cifar10(tmp_path)
    verdict = pl.presets.verify("cifar10", tmp_path)
    assert dict(verdict.rows)["cifar-10-python.tar.gz"] == "not there"
    assert dict(verdict.rows)["cifar-10-batches-py/test_batch"] == "differs"
    assert not verdict
    source = files.SOURCES["cifar10"]
    mine = [files.Published(f.name, files.md5(tmp_path / source.folder / f.name)) for f in source.files]
    monkeypatch.setitem(files.SOURCES, "cifar10", files.Source(
        source.title, source.page, source.archives, source.folder, tuple(mine)))
    assert pl.presets.verify("cifar10", tmp_path)
    assert len(pl.presets.cifar10(tmp_path, model=small()).test.dataset) == 10
    with pytest.raises(UnknownNameError, match="did you mean 'cifar10'"):
        pl.presets.verify("cifar", tmp_path)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_batch_that_asks_for_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    published.cifar10(tmp_path)
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(pickle.dumps({"data": Evil(tmp_path / "ran"), "labels": []}))
    with pytest.raises(DataError, match=r"data_batch_2 asks for \S+, which is no array: .* is not read"):
        pl.presets.cifar10(tmp_path, check=False)
    assert not (tmp_path / "ran").exists()


DAMAGES = {
    "cut short": (lambda b: b[:100], "is no pickle of arrays"),
    "another dict": (lambda b: pickle.dumps({"x": 1}), "lacks 'data'"),
    "a list": (lambda b: pickle.dumps([1]), "holds a list"),
    "another shape": (lambda b: pickle.dumps({"data": np.zeros((2, 9), np.uint8), "labels": [0, 1]}),
                      r"has data of uint8 \(2, 9\) for 2 labels"),
    "another label": (lambda b: pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}),
                      "labels outside 0 to 9"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_batch_is_told_as_such(tmp_path: Path, name: str) -> None:
    damage, says = DAMAGES[name]
    published.cifar10(tmp_path)
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(damage(batch.read_bytes()))
    with pytest.raises(DataError, match=says):
        pl.presets.cifar10(tmp_path, check=False)


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    published.imagenet(tmp_path)
    (tmp_path / "val" / "ILSVRC2012_val_00000002.JPEG").write_bytes(b"no image")
    task = pl.presets.imagenet(tmp_path, workers=0, side=32, model=small())
    with pytest.raises(DataError, match=r"val_00000002\.JPEG' cannot be read"):
        task.val.dataset[1]


@pytest.mark.parametrize(("options", "says"), [
    ({"holdout": 1.5}, "holdout is 1.5"), ({"holdout": 0.001}, "is none of them"),
    ({"batch_size": 0}, "batch_size is 0"), ({"workers": -1}, "workers is -1"),
])
def test_options_out_of_range(tmp_path: Path, options: dict, says: str) -> None:
    published.cifar10(tmp_path)
    with pytest.raises((OptionError, DataError), match=says):
        pl.presets.cifar10(tmp_path, check=False, model=small(), **options)
