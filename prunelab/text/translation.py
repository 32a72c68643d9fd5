"""Data in the numbers of a smaller vocabulary."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.io import DataLoader, Dataset

from prunelab.errors import DataError, shown
from prunelab.evaluate.loss import IGNORED_LABEL
from prunelab.evaluate.parts import LABELS, is_numbers

Array = np.ndarray[Any, Any]


def translate(data: Any, ids: Array, inputs: Sequence[int], labels: bool, names: Collection[str] = ()) -> Any:
    """``data`` with ``ids[k]`` in the place of each ``k`` of these inputs (of the ``names``, in dicts), and of the
    last part where ``labels``."""
    told = _Words(ids, tuple(inputs), labels, frozenset(names))
    if isinstance(data, (np.ndarray, paddle.Tensor)):
        return told.array(data)
    if isinstance(data, DataLoader):
        if data.batch_sampler is None:
            raise DataError("the DataLoader has no batch sampler; translate its dataset, and make another loader")
        return DataLoader(_Translated(data.dataset, told), batch_sampler=data.batch_sampler,
                          collate_fn=data.collate_fn, num_workers=data.num_workers)
    if isinstance(data, Dataset):
        return _Translated(data, told)
    if isinstance(data, (tuple, Mapping)):
        return told.parts(data)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes)) and iter(data) is not data:
        return _Batches(data, told)
    raise DataError(f"data is {shown(data)}; give ids, a Dataset, a DataLoader, a tuple of arrays, or a list of "
                    "batches")


@dataclass(frozen=True)
class _Words:
    """Which parts of a sample are words, and their new ids."""

    ids: Array
    inputs: tuple[int, ...]
    labels: bool
    names: frozenset[str] = frozenset()

    def parts(self, sample: Any) -> Any:
        if isinstance(sample, Mapping):
            return {name: self._named(name, part) for name, part in sample.items()}
        if not isinstance(sample, (tuple, list)):
            return self.array(sample)
        last = len(sample) - 1
        return tuple(self.parts(x) if isinstance(x, Mapping) else self.array(x) if k in self.inputs else
                     self.array(x, gone=IGNORED_LABEL) if self.labels and k == last else x
                     for k, x in enumerate(sample))

    def _named(self, name: Any, part: Any) -> Any:
        """A part of a dict: words, labels that are words, a dict again, or something else."""
        if isinstance(part, Mapping):
            return self.parts(part)
        gone = IGNORED_LABEL if self.labels and name in LABELS and name not in self.names else None
        if name not in self.names and gone is None:
            return part
        rows = isinstance(part, (list, tuple)) and not is_numbers(part)
        return [self.array(x, gone) for x in part] if rows else self.array(part, gone)

    def array(self, old: Any, gone: int | None = None) -> Any:
        """New ids for old ones, in kind; ``gone`` for words that are gone, where that may be."""
        if isinstance(old, paddle.Tensor):
            return paddle.to_tensor(self.array(old.numpy(), gone), dtype=old.dtype, place=old.place)
        found = np.asarray(old)
        if found.dtype.kind not in "iu":
            raise DataError(f"{shown(old)} is given where words are wanted; give ids, integers")
        if found.size and found.max() >= len(self.ids):
            raise DataError(f"the id {found.max()} is beyond the vocabulary of {len(self.ids)} words")
        new = np.where(found < 0, found, self.ids[np.maximum(found, 0)])
        lost = (new < 0) & (found >= 0)
        if lost.any() and gone is None:
            raise DataError(f"the word {int(found[lost][0])} is gone, and no unknown word stands for it; give "
                            "prune_vocabulary unknown=, or leave such sentences out")
        return np.where(lost, -1 if gone is None else gone, new).astype(found.dtype)


class _Translated(Dataset):
    """A dataset in other numbers."""

    def __init__(self, dataset: Any, words: _Words) -> None:
        super().__init__()
        self.dataset, self._words = dataset, words

    def __getitem__(self, index: int) -> Any:
        return self._words.parts(self.dataset[index])

    def __len__(self) -> int:
        return len(self.dataset)


@dataclass(frozen=True)
class _Batches:
    """Batches in other numbers, as often as they are asked for."""

    batches: Iterable[Any]
    words: _Words

    def __iter__(self) -> Iterator[Any]:
        return (self.words.parts(batch) for batch in self.batches)
