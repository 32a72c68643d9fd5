"""Everything that counts as data gives the same batches, again and again; what does not is refused in words."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.io import DataLoader, Dataset, IterableDataset, TensorDataset

from prunelab.data import batches
from prunelab.errors import DataError

X = np.arange(10 * 3, dtype=np.float32).reshape(10, 3)
Y = np.arange(10)


class Pairs(Dataset):
    def __getitem__(self, index: int) -> Any:
        return X[index], Y[index]

    def __len__(self) -> int:
        return len(Y)


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter([(X[k], Y[k]) for k in range(len(Y))])


class Two(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, a, b):
        return self.fc(a) + self.fc(b)


def gathered(data: Any, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    read = list(batches(data, nn.Linear(3, 2), **options))
    assert all(len(inputs) == 1 for inputs, _ in read)
    return np.concatenate([x.numpy() for (x,), _ in read]), np.concatenate([y.numpy() for _, y in read])


@pytest.mark.parametrize(
    "data",
    [
        Pairs(),
        Stream(),
        (X, Y),
        (paddle.to_tensor(X), Y),
        [(X[:7], Y[:7]), (paddle.to_tensor(X[7:]), paddle.to_tensor(Y[7:]))],
        [[X, Y]],
        [([X], Y)],
        DataLoader(Pairs(), batch_size=4),
        DataLoader(Stream(), batch_size=4),
        DataLoader(Pairs(), batch_sampler=paddle.io.BatchSampler(Pairs(), batch_size=3)),
        DataLoader(TensorDataset([paddle.to_tensor(X), paddle.to_tensor(Y)]), batch_size=5),
    ],
    ids=lambda data: type(data).__name__,
)
def test_all_forms_of_data_give_the_same_samples_twice(data: Any) -> None:
    for _ in range(2):
        x, y = gathered(data)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y, Y)


def test_a_loader_that_shuffles_is_read_in_the_order_paddle_itself_reads_it() -> None:
    loader = DataLoader(Pairs(), batch_size=4, shuffle=True, drop_last=True)
    np.random.seed(5)
    theirs = np.concatenate([y.numpy() for _, y in loader])
    np.random.seed(5)
    _, ours = gathered(loader)
    np.testing.assert_array_equal(ours, theirs)
    assert len(ours) == 8


def test_shuffling_follows_numpys_global_generator() -> None:
    orders = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        orders.append(gathered(Pairs(), shuffle=True)[1].tolist())
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == Y.tolist()


def test_a_loader_with_workers_is_read_in_the_thread_that_asks_when_it_is_not_the_main_one() -> None:
    read: list[Any] = []
    loader = DataLoader(Pairs(), batch_size=4, num_workers=2)
    thread = threading.Thread(target=lambda: read.append(gathered(loader)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(read[0][0], X)


def test_the_number_of_batches_is_known_where_it_can_be() -> None:
    model = nn.Linear(3, 2)
    sizes = [batches(d, model).size for d in (DataLoader(Pairs(), batch_size=4), (X, Y), [(X, Y)] * 3, Stream())]
    assert sizes == [3, 1, 3, None]


def test_inputs_without_labels_are_told_by_the_forward() -> None:
    (inputs, labels), = batches([X], nn.Linear(3, 2))
    assert (len(inputs), labels) == (1, None)
    (inputs, labels), = batches([(X, X)], Two())
    assert (len(inputs), labels) == (2, None)
    (inputs, labels), = batches([(X, X, Y)], Two())
    assert len(inputs) == 2
    assert labels.tolist() == Y.tolist()


def test_inputs_in_a_tuple_of_their_own_come_with_labels() -> None:
    class Nested(Dataset):
        def __getitem__(self, index: int) -> Any:
            return (X[index], X[index]), Y[index]

        def __len__(self) -> int:
            return len(X)

    for data in (Nested(), [((X, X), Y)], [[[X, X], Y]]):
        ((inputs, labels),) = batches(data, Two())
        assert len(inputs) == 2
        assert labels.tolist() == Y.tolist()


def test_numpys_float64_becomes_the_models_float_and_labels_stay() -> None:
    ((x,), y), = batches([(X.astype(np.float64), Y.astype(np.float64))], nn.Linear(3, 2))
    assert x.dtype == paddle.float32
    assert y.dtype == paddle.float64
    ((x,), _), = batches([(X, Y)], nn.Linear(3, 2).to(dtype="float64"))
    assert x.dtype == paddle.float32


def test_a_tuple_of_arrays_is_whole_arrays_whatever_their_axes() -> None:
    """So that an autoencoder's ``(x, x)`` is no list of two batches."""
    (((x,), target),) = batches((X, X), nn.Linear(3, 3))
    np.testing.assert_array_equal(x.numpy(), target.numpy())
    (((x,), labels),) = batches((X, Y.tolist()), nn.Linear(3, 2))
    assert labels.tolist() == Y.tolist()
    for whole in ((X, X, Y), ((X, X), Y)):
        ((inputs, labels),) = batches(whole, Two())
        assert len(inputs) == 2
        assert labels.tolist() == Y.tolist()
    (((x,), labels),) = batches((X,), nn.Linear(3, 2))
    assert labels is None
    assert len(list(batches(((X, Y), (X, Y)), nn.Linear(3, 2)))) == 2


class Broken(Pairs):
    def __getitem__(self, index: int) -> Any:
        return (X[index][: index + 1], Y[index]) if index else {}["missing"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, "data is a int, not batches; give a DataLoader"),
        (None, "data is a NoneType"),
        ("digits", "data is a str"),
        (X, r"data is a ndarray of shape \(10, 3\)"),
        (iter([(X, Y)]), "can be read only once; give list"),
        ([{"image": X}], r"batch 0 has no .input., which Linear\.forward requires; it has image"),
        ([(X, Y), ("cat", Y)], "input 0 of batch 1 is a str"),
        ([(X, [1, [2, 3]])], "labels of batch 0 is a list"),
        ({"input": X, "labels": Y}, r"data is a dict, not batches; a batch in a list is data, \[batch\]"),
        ([()], "batch 0 is empty"),
        ((X, Y[:9]), r"have the shapes \(10, 3\), \(9,\); .* as many labels as inputs"),
        ([X, Y], r"a list holds batches; give the pair as a tuple \(x, y\)"),
        ((X, None), "data is a tuple of a ndarray and a NoneType"),
        (Broken(), "sample 0 of Broken cannot be read: KeyError: 'missing'"),
        (DataLoader(Broken(), batch_sampler=[[1, 2]]), "samples 1 to 2 of Broken do not make a batch"),
    ],
)
def test_what_is_no_data_is_refused_in_words(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(batches(data, nn.Linear(3, 2)))
