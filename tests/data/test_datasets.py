"""The digits are split the same way each time, evenly, and without overlap."""

from __future__ import annotations

import numpy as np
import pytest

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError


def test_the_splits_are_all_of_the_digits_once() -> None:
    splits = [pl.datasets.digits(split) for split in ("train", "val", "test")]
    assert sum(map(len, splits)) == 1797
    for split in splits:
        counts = np.bincount(split.labels, minlength=10) / len(split)
        assert np.abs(counts - 0.1).max() < 0.015
    whole = np.concatenate([s.images.reshape(len(s), -1) for s in splits])
    # the file itself holds no image twice
    assert len(np.unique(whole, axis=0)) == 1797


def test_an_image_has_the_shape_and_scale_it_says_and_a_seed_splits_otherwise() -> None:
    train = pl.datasets.digits()
    image, label = train[0]
    assert (image.shape, image.dtype, label.dtype) == ((1, 8, 8), np.float32, np.int64)
    assert (train.images.min(), train.images.max()) == (-1, 1)
    np.testing.assert_array_equal(train.images, pl.datasets.digits("train").images)
    assert (train.images != pl.datasets.digits("train", seed=1).images).any()
    assert "1x8x8" in repr(train)


def test_another_split_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        pl.datasets.digits("trian")


def test_python_docs_are_split_once_and_speak_the_words_of_the_training_split() -> None:
    splits = [pl.datasets.python_docs(split, size=300, length=20, topics=5) for split in ("train", "val", "test")]
    train = splits[0]
    assert all(len(s.classes) == 5 and set(s.labels) == set(range(5)) for s in splits)
    assert len(train) > 6 * len(splits[1])
    ids, label = train[0]
    assert (ids.shape, ids.dtype, label.dtype) == ((20,), np.int64, np.int64)
    assert (train.ids.min(), train.ids.max() < 300, len(train.tokenizer)) == (0, True, 300)
    assert train.tokenizer == splits[2].tokenizer
    assert "of up to 20 of 300 words, 5 classes" in repr(train)
    np.testing.assert_array_equal(train.ids, pl.datasets.python_docs(size=300, length=20, topics=5).ids)
    with pytest.raises(OptionError, match="topics is 1000; it is a whole number from 2 to"):
        pl.datasets.python_docs(topics=1000)
