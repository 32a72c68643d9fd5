"""What of a batch the forward is given and what the labels are; and in words what is wrong with one."""

from __future__ import annotations

import pickle
from collections import UserDict
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.io import DataLoader, Dataset

import prunelab as pl
from prunelab.data import batches
from prunelab.errors import DataError
from prunelab.evaluate.samples import hold, shuffled
from prunelab.graph.nests import Inputs, each
from prunelab.train.mixing import mix

A, B = np.ones((5, 3), np.float32), np.zeros((5, 3), np.float32)
Y = np.arange(5)


class Net(nn.Layer):
    """It is never run: what counts is what its forward takes."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)


class Pair(Net):
    def forward(self, a, b):
        return self.fc(a) + self.fc(b)


class Optional(Net):
    def forward(self, a, mask=None, b=None, labels=None):
        return self.fc(a)


class Asking(Net):
    """Labels without which it cannot do are an input."""

    def forward(self, a, y):
        return self.fc(a) * y.unsqueeze(-1)


class Levels(Net):
    def forward(self, levels):
        return sum(self.fc(x) for x in levels)


class Detector(Net):
    def forward(self, inputs):
        return self.fc(inputs["image"])


class Keywords(Net):
    def forward(self, a, *, b, c=None):
        return self.fc(a) + self.fc(b)


def read(batch: Any, model: Any) -> tuple[list[Any], Any, Any]:
    """One number of each input, the paths, one number of the labels."""
    (inputs, labels), = batches([batch], model)
    return [float(x.flatten()[0].item()) for x in inputs], inputs.paths, None if labels is None else labels.shape


@pytest.mark.parametrize(("model", "batch", "found"), [
    (Pair, {"b": B, "a": A, "labels": Y}, ([1, 0], (), [5])),
    (Pair, {"b": B, "a": A, "idx": Y}, ([1, 0], (), [5])),
    (Pair, {"b": B, "a": A}, ([1, 0], (), None)),
    (Pair, UserDict(b=B, a=A, y=Y), ([1, 0], (), [5])),
    (Pair, ({"b": B, "a": A}, Y), ([1, 0], (), [5])),
    (Pair, [{"b": B, "a": A}, Y], ([1, 0], (), [5])),
    (Pair, ({"b": B, "a": A},), ([1, 0], (), None)),
    (Optional, {"a": A, "labels": Y}, ([1], (), [5])),
    (Optional, {"a": A, "mask": None, "labels": Y}, ([1], (), [5])),
    (Optional, {"mask": B, "a": A, "labels": Y}, ([1, 0], (), [5])),
    (Optional, {"b": B, "a": A, "labels": Y}, ([1, 0], (("a",), ("b",)), [5])),
    (Optional, {"a": A}, ([1], (), None)),
    (Asking, {"y": B, "a": A}, ([1, 0], (), None)),
    (Asking, {"y": B, "a": A, "labels": Y}, ([1, 0], (), [5])),
    (Levels, ([A, B], Y), ([1, 0], (("levels", 0), ("levels", 1)), [5])),
    (Levels, {"levels": [A], "target": Y}, ([1], (("levels", 0),), [5])),
    (Detector, ({"image": A, "scale": B}, Y), ([1, 0], (("inputs", "image"), ("inputs", "scale")), [5])),
    (Detector, {"inputs": {"image": A}, "labels": Y}, ([1], (("inputs", "image"),), [5])),
    (Keywords, {"b": B, "a": A, "labels": Y}, ([1, 0], (("a",), ("b",)), [5])),
])
def test_inputs_are_those_that_the_forward_names_and_labels_the_one_that_it_does_not(
        model: type[Net], batch: Any, found: Any) -> None:
    assert read(batch, model()) == found


def test_labels_of_several_kinds_stand_under_one_key() -> None:
    (_, labels), = batches([{"a": A, "b": B, "labels": {"kind": Y, "box": A}}], Pair())
    assert labels["kind"].tolist() == Y.tolist()
    assert labels["box"].shape == [5, 3]


@pytest.mark.parametrize(("model", "batch", "message"), [
    (Pair, {"a": A, "labels": Y}, r"batch 0 has no 'b', which Pair\.forward requires; it has a, labels: name the"),
    (Pair, {"a": A, "b": B, "labels": Y, "idx": Y}, (
        r"batch 0 has 'labels' and 'idx', and only one of them can be the labels: Pair\.forward takes a, b; leave the "
        "others out .* dict under one key$")),
    (Optional, {"a": A, "labels": Y, "idx": Y}, "has 'labels' and 'idx', and only one"),
    (Optional, {"mask": A, "labels": Y}, "batch 0 has no 'a'"),
    (Pair, ({"a": A, "b": B, "idx": Y}, Y), r"batch 0 names the input 'idx', and Pair\.forward takes a, b; leave it"),
    (Detector, {"image": A, "scale": B}, r"where 'inputs' is a dict of tensors, give \({\.\.\.}, labels\) or"),
    (Detector, {"image": A}, r"no 'inputs', .* where 'inputs' is a dict of tensors"),
    (Keywords, {"a": A, "labels": Y}, "batch 0 has no 'b'"),
    (Pair, {"a": A, "b": "cat", "labels": Y}, "input 1 of batch 0 is a str, which is no tensor"),
    (Detector, ({"image": "cat"}, Y), r"input inputs\.image of batch 0 is a str, which is no tensor"),
    (Detector, ({"image": A}, {"more": A}, {"label": Y}), r"batch 0 has 2 inputs with nests among them, and Detector"),
])
def test_what_no_forward_can_be_given_is_refused_in_words(model: type[Net], batch: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(batches([batch], model()))


class Rows(Dataset):
    """Samples as Hugging Face's datasets have them."""

    def __getitem__(self, index: int) -> Any:
        return {"a": A[index] * index, "b": B[index], "labels": Y[index]}

    def __len__(self) -> int:
        return len(Y)


def test_samples_that_are_dicts_are_collated() -> None:
    for data in (Rows(), DataLoader(Rows(), batch_size=2)):
        for _ in range(2):
            read = [(a.numpy()[:, 0], labels.numpy()) for (a, _), labels in batches(data, Pair())]
            assert np.concatenate([a for a, _ in read]).tolist() == Y.tolist()
            assert np.concatenate([y for _, y in read]).tolist() == Y.tolist()


def test_a_dict_may_be_filled_in_any_order() -> None:
    data = [({"image": A, "scale": B}, Y), ({"scale": B, "image": A}, Y)]
    first, second = (inputs for inputs, _ in batches(data, Detector()))
    assert first.paths == second.paths
    assert [x.numpy()[0, 0] for x in second] == [1, 0]
    mixed = [s.inputs for s in shuffled(hold(batches(data, Detector())), 64, 0)]
    assert [x.paths for x in mixed] == [first.paths] * 2
    assert all((x.numpy() == 1).all() and (y.numpy() == 0).all() for x, y in mixed)


def test_whatever_is_made_of_inputs_is_given_as_they_were() -> None:
    paths = (("inputs", "image"), ("inputs", "scale"))
    inputs = Inputs([paddle.to_tensor(A), paddle.to_tensor(B)], paths)
    assert mix(inputs, 1.0).paths == each(lambda x: x[:1], inputs).paths == paths
    assert pickle.loads(pickle.dumps(Inputs([1, 2], paths))).paths == paths  # noqa: S301
    (again, labels), = batches([inputs], Detector())
    assert (again.paths, labels) == (paths, None)


def test_a_batch_that_does_not_fit_the_graph_says_by_what() -> None:
    shape = (1, 3)
    for model, inputs, batch, message in (
            (Optional(), {"a": shape, "b": shape}, {"a": A, "labels": Y}, "batch 0 does not fit .* tensors in a row"),
            (Optional(), {"a": shape}, {"a": A, "b": B}, "batch 0 .* have b, which the graph was traced without"),
            (Detector(), {"inputs": {"image": shape, "scale": shape}}, ({"image": A}, Y),
             r"batch 0 .* no inputs\.scale, which the graph was traced with"),
            (Detector(), {"inputs": {"image": shape}}, ({"image": A, "scale": A}, Y),
             r"batch 0 .* have inputs\.scale, which the graph was traced without")):
        graph = pl.trace(model, inputs)
        with pytest.raises(DataError, match=message):
            pl.calibrate(graph, [batch], "apoz")
