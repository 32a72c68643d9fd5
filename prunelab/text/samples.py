"""A dataset whose samples are ranked: read by index, in batches of neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.io import DataLoader, Dataset, IterableDataset

from prunelab.errors import DataError, OptionError, shown
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.parts import LABELS, is_numbers


@dataclass(frozen=True)
class SentenceTask:
    """What a method ranks samples on."""

    samples: Any
    model: Any
    loss: LossFunction
    epochs: int = 5
    lr: float | None = None
    seed: int = 0

    @property
    def batches(self) -> Batches:
        """All samples in their order, on the model's place."""
        return batches(self.samples, self.model)


class Columns(Dataset):
    """A tuple of equally long arrays as a dataset."""

    def __init__(self, arrays: Sequence[Any]) -> None:
        super().__init__()
        self.arrays = tuple(a.numpy() if isinstance(a, paddle.Tensor) else np.asarray(a) for a in arrays)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return tuple(a[index] for a in self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])


def samples_of(dataset: Any) -> Any:
    """``dataset`` as something that is read by index.

    Raises:
        DataError: what cannot be, or has no samples.
    """
    if isinstance(dataset, Batches) and dataset.samples is not None:
        dataset = dataset.samples
    if isinstance(dataset, tuple) and dataset and all(isinstance(a, (np.ndarray, paddle.Tensor)) for a in dataset):
        if len({len(a) for a in dataset}) > 1:
            raise DataError(f"the arrays have {', '.join(str(len(a)) for a in dataset)} samples; give as many of each")
        dataset = Columns(dataset)
    if isinstance(dataset, DataLoader):
        raise DataError("the dataset is a DataLoader; give its dataset: loader.dataset")
    if isinstance(dataset, Batches):
        raise DataError("the data comes in batches, and is not read by index; give a map-style Dataset or a tuple of "
                        "arrays (ids, labels)")
    if isinstance(dataset, IterableDataset) or not isinstance(dataset, Dataset):
        raise DataError(f"the dataset is {shown(dataset)}, which is not read by index; give a map-style Dataset or a "
                        "tuple of arrays (ids, labels)")
    if not len(dataset):
        raise DataError("the dataset has no samples; give at least one")
    return dataset


def first_part(sample: Any) -> Any:
    """The first input of a sample, also of one that is a dict."""
    if isinstance(sample, Mapping):
        return first_part(next((part for name, part in sample.items() if name not in LABELS), None))
    return first_part(sample[0]) if isinstance(sample, (tuple, list)) and sample and not is_numbers(sample) else sample


def label_of(sample: Any) -> Any:
    """The labels of a sample: its last part, of a dict what stands under one of their names.

    Raises:
        DataError: a dict that has none of them.
    """
    if not isinstance(sample, Mapping):
        return sample[-1]
    name = next((n for n in LABELS if n in sample), None)
    if name is None:
        raise DataError(f"a sample has {', '.join(map(str, sample))}, and no labels; call them one of "
                        f"{', '.join(LABELS)}")
    return sample[name]


def words_of(samples: Any) -> list[np.ndarray[Any, Any]]:
    """The ids of each sample: its first part, of a dict what is no label.

    Raises:
        OptionError: a first part that is no integers.
    """
    found = []
    for k in range(len(samples)):
        ids = np.asarray(first_part(samples[k])).reshape(-1)
        if ids.dtype.kind not in "iu":
            raise OptionError(f"sample {k} begins with {ids.dtype} numbers, and coverage counts words: give ids as "
                              "integers, or another method")
        found.append(ids)
    return found
