"""Trials that train on fewer samples: ranked once, so that each takes those that matter most."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from prunelab.errors import OptionError, check_whole
from prunelab.evaluate.batches import Batches
from prunelab.evaluate.forward import LossFunction
from prunelab.text import SentenceRanking, prune_sentences, rank_sentences
from prunelab.text.samples import first_part, samples_of


class CoreSamples:
    """The samples that trials train on, in order of importance: sentences by the words they cover, other samples by the
    dense model's margin.

    Args:
        train: a map-style Dataset, a tuple of arrays, or what `batches` made of either.
    """

    def __init__(self, train: Any, model: Any, loss: str | LossFunction | None) -> None:
        self._train, self._model, self._loss = train, model, loss

    def first(self, n: int | None) -> Any:
        """The ``n`` most important ones, in the order of the data; all of them without a number.

        Raises:
            OptionError: more than there are.
        """
        if n is None:
            return self._train
        samples = samples_of(self._train)
        kept = prune_sentences(samples, check_whole(n, "sentences", 1, len(samples)), self._ranking)
        return self._train.only(kept.indices) if isinstance(self._train, Batches) else kept

    @cached_property
    def _ranking(self) -> SentenceRanking:
        ids = np.asarray(first_part(samples_of(self._train)[0]))
        return rank_sentences(self._train, "coverage" if ids.dtype.kind in "iu" and ids.ndim == 1 else "margin",
                              model=self._model, loss=self._loss)


def check_core(train: Any, numbers: tuple[Any, ...], epochs: tuple[Any, ...]) -> None:
    """Whether trials can train on so many samples.

    Raises:
        OptionError: no training, or more samples than there are.
        DataError: data that is not read by index.
    """
    asked = [n for n in numbers if n is not None]
    if not asked:
        return
    if not any(epochs):
        raise OptionError("sentences is how many samples trials train on, and no trial trains; give epochs too, such "
                          "as epochs=1")
    there = len(samples_of(train))
    if max(asked) > there:
        raise OptionError(f"sentences goes up to {max(asked):,}, and train has {there:,} samples; give at most so many")
