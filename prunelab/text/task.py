"""What a method ranks words on: a vocabulary, and the sentences of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import DataError, OptionError
from prunelab.evaluate.batches import Batch, Batches
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.samples import first_samples
from prunelab.graph.nests import Inputs
from prunelab.text.table import Table

# Scores that need the model settle early; see `prunelab.evaluate.calibrate`.
SAMPLES = 1024


@dataclass(frozen=True)
class WordTask:
    """``samples`` of the data at most; ``unknown`` is the id that stands for words that are taken away."""

    table: Table
    source: Batches
    loss: LossFunction
    samples: int | None = None
    unknown: int | None = None

    def batches(self, most: int | None = None) -> Iterator[Batch]:
        """The batches, ``samples`` (or ``most``) samples of them.

        Raises:
            DataError: none, or ids that the vocabulary does not have.
        """
        room = self.samples or most
        seen = 0
        for inputs, labels in self.source:
            n = inputs[0].shape[0] if room is None else min(room - seen, inputs[0].shape[0])
            inputs, labels = first_samples(inputs, n), None if labels is None else labels[:n]
            self._check(inputs)
            yield inputs, labels
            seen += n
            if seen == room:
                return
        if not seen:
            raise DataError("the data has no batches; give at least one")

    def sentences(self) -> Iterator[np.ndarray[Any, Any]]:
        """The ids of each batch: (samples, words); of a model that scores words, those of its labels beside them."""
        for inputs, labels in self.batches():
            parts = [inputs[k].numpy() for k in self.table.inputs]
            if self.table.scores_words and labels is not None:
                parts.append(labels.numpy())
            yield np.concatenate([p.reshape(len(p), -1) for p in parts], axis=1)

    def _check(self, inputs: Inputs) -> None:
        if len(inputs) <= max(self.table.inputs):
            raise DataError(f"the batches have {len(inputs)} inputs, and the model takes "
                            f"{len(self.table.graph.program.inputs)}; give them all")
        for k in self.table.inputs:
            if inputs[k].is_floating_point():
                raise OptionError(f"input {k} of the batches is {str(inputs[k].dtype).rpartition('.')[2]}; words are "
                                  "integer ids, such as int64")
            low, high = int(inputs[k].min().item()), int(inputs[k].max().item())
            if low < 0 or high >= self.table.n_words:
                raise DataError(f"input {k} of the batches has the id {low if low < 0 else high}; the vocabulary "
                                f"{self.table.group.name} has the ids 0 to {self.table.n_words - 1}")
