"""Whatever a person calls data, as batches that can be read again and again: the inputs, and the labels or None.

A map-style ``DataLoader`` is read through its own dataset, sampler and collate function, one batch after another in the
thread that asks. Paddle's own iterators read ahead in another thread or process: a transform that draws random numbers
then races with dropout (the same seed gives other bits), workers cannot start outside the main thread, and a loop that
is left early leaks them. Only where a loader has workers, and `in_process` is off, and the main thread asks, is it
iterated as it is.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import paddle
from paddle.io import DataLoader, Dataset, IterableDataset, Subset
from paddle.io.dataloader.collate import default_collate_fn

from prunelab.errors import DataError, InputError, reason_of
from prunelab.evaluate.labels import is_several
from prunelab.evaluate.parts import is_numbers, take_apart
from prunelab.graph import Graph, TensorSpec, as_layer
from prunelab.graph.arrays import working_place
from prunelab.graph.nests import Inputs, in_order_of, like, ordered, told
from prunelab.graph.parameters import Parameters, parameters_of

Batch = tuple[Inputs, Any]

# For a Dataset or a pair of arrays: what Paddle's own tutorials train small images with; another size is asked for with
# a DataLoader.
BATCH_SIZE = 64

_WANTED = "give a DataLoader, a Dataset, a pair of arrays (x, y), or a list of batches such as [(x, y), ...]"


@dataclass(frozen=True)
class Batches:
    """Re-iterable batches of ``(inputs, labels)``: a tuple of tensors on the model's place, which knows how the forward
    takes them (`prunelab.graph.nests.Inputs`), and a tensor (or a dict or tuple of several) or None.

    ``size`` is the number of batches, None where only reading to the end would tell. ``specs`` say the inputs' order,
    where there is a graph.
    """

    source: Iterable[Any]
    size: int | None
    place: Any
    dtype: Any
    forward: Parameters
    specs: tuple[TensorSpec, ...] = ()

    def __iter__(self) -> Iterator[Batch]:
        first: Inputs | None = None
        for number, batch in enumerate(self.source):
            inputs, labels = self._split(batch, number)
            first = inputs if first is None else first
            yield in_order_of(first, inputs), labels

    def in_order(self, specs: tuple[TensorSpec, ...]) -> Batches:
        """The same, with the inputs in the order of a graph's specifications."""
        return replace(self, specs=specs)

    @property
    def samples(self) -> Any:
        """What is read by index: a Dataset, or a tuple of arrays; None of data that comes in batches."""
        if isinstance(self.source, _Samples):
            return self.source.dataset
        return self.source.arrays if isinstance(self.source, _Arrays) else None

    def only(self, indices: Sequence[int]) -> Batches:
        """These samples, shuffled, in batches of the same size; of data that is read by index."""
        samples = self.samples
        order = _Order(len(indices), True, getattr(self.source.order, "batch_size", None) or BATCH_SIZE)  # type: ignore[attr-defined]
        source = _Arrays(tuple(a[np.asarray(indices)] for a in samples), order) if isinstance(samples, tuple) else (
            _Samples(Subset(samples, list(indices)), order, self.source.collate))  # type: ignore[attr-defined]
        return replace(self, source=source, size=-(-order.n // order.size))

    def _split(self, batch: Any, number: int) -> Batch:
        parts = take_apart(batch, self.forward, number)
        names = map(told, parts.inputs.paths) if parts.inputs.paths else itertools.count()
        tensors = like(parts.inputs, [self._tensor(x, number, f"input {name}", self.dtype)
                                      for x, name in zip(parts.inputs, names, strict=False)])
        n = tensors[0].shape[0] if tensors and tensors[0].ndim else 1
        labels = self._labels(parts.labels, n, number) if parts.labelled else None
        try:
            return ordered(self.specs, tensors) if self.specs else tensors, labels
        except InputError as error:
            raise DataError(f"batch {number} does not fit the graph: {error}") from error

    def _labels(self, value: Any, n: int, number: int) -> Any:
        if not is_several(value, n):
            return self._tensor(value, number, "labels", None)
        if isinstance(value, Mapping):
            return {name: self._labels(v, n, number) for name, v in value.items()}
        return tuple(self._labels(v, n, number) for v in value)

    def _tensor(self, value: Any, number: int, part: str, dtype: Any) -> Any:
        if isinstance(value, paddle.Tensor):
            return value if value.place == self.place else value.to(self.place)
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise _not_a_tensor(value, number, part) from error
        if array.dtype.kind not in "biuf":
            raise _not_a_tensor(value, number, part)
        # NumPy computes in float64 where nobody asked for it; the model would refuse it with an obscure error
        return paddle.to_tensor(array, dtype=dtype if array.dtype == np.float64 else None, place=self.place)


def batches(data: Any, model: Any, *, shuffle: bool = False, in_process: bool = False) -> Batches:
    """``data`` as re-iterable batches on the place of the model's parameters.

    Args:
        data: a ``DataLoader``, a ``Dataset``, a tuple of equally long arrays ``(x, y)`` (``(x1, x2, y)`` for
            two inputs), or an iterable of batches. A batch is a tuple of inputs with the labels last (tensors or NumPy
            arrays; for a loss of several outputs a dict, list or tuple of them), or only inputs: one array, or as many
            as the forward requires; or a dict from the forward's parameter names to inputs, with the labels under one
            name more; or ``(dict, labels)``: `prunelab.evaluate.parts` says it all. float64 arrays of NumPy become
            the model's own float type. What `batches` gave stays, in the order of a graph's inputs where one is given.
        model: whose place, float type and forward count; or its `Graph`.
        shuffle: read a Dataset or arrays in the order of NumPy's global generator, as Paddle's own loaders do; a
            DataLoader or a list has its own order.
        in_process: also a DataLoader with workers is read in this thread.

    Raises:
        DataError: data that cannot be read so, with its type and, where it has one, its shape.
    """
    if isinstance(data, Batches):
        return data.in_order(model.input_specs) if isinstance(model, Graph) else data
    layer = model.model if isinstance(model, Graph) else as_layer(model)
    source, size = _source(data, shuffle, in_process or threading.current_thread() is not threading.main_thread())
    tensors = [*layer.parameters(), *layer.buffers()]
    place = tensors[0].place if tensors else working_place()
    floats = [t.dtype for t in tensors if t.is_floating_point()]
    specs = model.input_specs if isinstance(model, Graph) else ()
    return Batches(source, size, place, floats[0] if floats else None, parameters_of(layer), specs)


def check_finite(inputs: Iterable[Any], number: int, harm: str) -> None:
    """Refuse inputs with NaN or infinity in them, where sums over samples are taken; ``harm`` says what would come of
    it."""
    for k, x in enumerate(inputs):
        if x.is_floating_point() and not bool(paddle.isfinite(x).all().item()):
            raise DataError(f"input {k} of batch {number} holds NaN or infinity, and {harm}; leave such samples out")


def _source(data: Any, shuffle: bool, in_process: bool) -> tuple[Iterable[Any], int | None]:
    if isinstance(data, DataLoader):
        return _of_loader(data, in_process)
    if isinstance(data, IterableDataset):
        return _Stream(data, BATCH_SIZE, False, default_collate_fn), None
    if isinstance(data, Dataset):
        return _Samples(data, _Order(len(data), shuffle), default_collate_fn), -(-len(data) // BATCH_SIZE)
    arrays = _whole_arrays(data)
    if arrays is not None:
        return _Arrays(arrays, _Order(len(arrays[0]), shuffle)), -(-len(arrays[0]) // BATCH_SIZE)
    if isinstance(data, (str, bytes, Mapping)) or _is_tensor(data) or not isinstance(data, Iterable):
        shape = f" of shape {tuple(data.shape)}" if _is_tensor(data) else ""
        one = "; a batch in a list is data, [batch]" if isinstance(data, Mapping) else ""
        raise DataError(f"data is a {type(data).__name__}{shape}, not batches{one}; {_WANTED}")
    if iter(data) is data:
        raise DataError(f"data is a {type(data).__name__}, which can be read only once; give list(data), a Dataset or "
                        "a DataLoader")
    return data, len(data) if isinstance(data, Sized) else None


def _of_loader(loader: Any, in_process: bool) -> tuple[Iterable[Any], int | None]:
    streams = isinstance(loader.dataset, IterableDataset)
    size = None if streams else len(loader)
    own_iteration = type(loader).__iter__ is not DataLoader.__iter__
    if own_iteration or (loader.num_workers > 0 and not in_process):
        return loader, size
    if loader.batch_sampler is None:
        return loader.dataset if streams else _Items(loader.dataset), size
    collate = loader.collate_fn or default_collate_fn
    if streams:
        return _Stream(loader.dataset, loader.batch_size, loader.drop_last, collate), None
    return _Samples(loader.dataset, loader.batch_sampler, collate), size


@dataclass(frozen=True)
class _Order:
    """The indices of each batch; a sampler for data that brings none."""

    n: int
    shuffle: bool
    size: int = BATCH_SIZE

    def __iter__(self) -> Iterator[Any]:
        indices = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)
        return (indices[k : k + self.size] for k in range(0, self.n, self.size))


@dataclass(frozen=True)
class _Items:
    """The items of a dataset, each a batch of its own."""

    dataset: Any

    def __iter__(self) -> Iterator[Any]:
        return (_item(self.dataset, index) for index in range(len(self.dataset)))


@dataclass(frozen=True)
class _Samples:
    """The samples of a dataset, collated by the order's indices."""

    dataset: Any
    order: Iterable[Sequence[int]]
    collate: Any

    def __iter__(self) -> Iterator[Any]:
        for indices in self.order:
            samples = [_item(self.dataset, int(index)) for index in indices]
            try:
                yield self.collate(samples)
            except Exception as error:
                which = f"samples {int(indices[0])} to {int(indices[-1])} of {type(self.dataset).__name__}"
                raise DataError(f"{which} do not make a batch: {reason_of(error)}; "
                                "samples of one batch have the same kind and shape") from error


@dataclass(frozen=True)
class _Stream:
    """An iterable dataset, collated as it comes."""

    dataset: Iterable[Any]
    batch_size: int
    drop_last: bool
    collate: Any

    def __iter__(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        while chunk := list(itertools.islice(samples, self.batch_size)):
            if len(chunk) == self.batch_size or not self.drop_last:
                yield self.collate(chunk)


@dataclass(frozen=True)
class _Arrays:
    """Whole arrays, cut into batches."""

    arrays: tuple[Any, ...]
    order: _Order

    def __iter__(self) -> Iterator[Any]:
        whole = [a.numpy() if isinstance(a, paddle.Tensor) else a for a in self.arrays]
        return (tuple(a[indices] for a in whole) for indices in self.order)


def _item(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except Exception as error:
        raise DataError(f"sample {index} of {type(dataset).__name__} cannot be read: {reason_of(error)}; "
                        "look at its __getitem__") from error


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (paddle.Tensor, np.ndarray))


def _whole_arrays(data: Any) -> tuple[Any, ...] | None:
    """The arrays of a tuple ``(x, y)``, ``(x1, x2, y)`` or ``((x1, x2), y)``; None for what may be batches.

    Raises:
        DataError: arrays of unequal lengths, arrays beside something else, or a pair in a list.
    """
    if isinstance(data, list) and len(data) == 2 and all(map(_is_array, data)) and data[1].ndim < data[0].ndim:
        raise DataError("data is a list of an array of inputs and one of labels, and a list holds batches; give the "
                        "pair as a tuple (x, y)")
    if not isinstance(data, tuple):
        return None
    first = data[0] if data else None
    if len(data) > 1 and isinstance(first, (tuple, list)) and first and all(map(_is_array, [*first, *data[1:]])):
        data = (*first, *data[1:])
    if not any(map(_is_array, data)):
        return None
    arrays = tuple(a if _is_array(a) else np.asarray(a) for a in data if _is_array(a) or _is_column(a))
    if len(arrays) < len(data):
        kinds = " and ".join(f"a {type(a).__name__}" for a in data)
        raise DataError(f"data is a tuple of {kinds}; {_WANTED}")
    if len({len(a) for a in arrays}) > 1:
        lengths = ", ".join(str(tuple(a.shape)) for a in arrays)
        raise DataError(f"the arrays in data have the shapes {lengths}; a tuple holds whole arrays (x, y) with as many "
                        "labels as inputs, and a list holds batches")
    return arrays


def _is_array(value: Any) -> bool:
    return _is_tensor(value) and value.ndim > 0


def _is_column(value: Any) -> bool:
    """A list of numbers, or what NumPy can read at once, such as a column of a table."""
    return (isinstance(value, list) and is_numbers(value)) or (hasattr(value, "__array__") and np.ndim(value) > 0)


def _not_a_tensor(value: Any, number: int, part: str) -> DataError:
    return DataError(f"{part} of batch {number} is a {type(value).__name__}, which is no tensor; "
                     "give tensors or NumPy arrays of numbers")
