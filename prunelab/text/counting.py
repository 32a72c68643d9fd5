"""Words that are counted: how often they occur, and how much they tell sentences apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.text.task import WordTask

Array = np.ndarray[Any, Any]


def frequency(task: WordTask) -> Array:
    """How often each word occurs: (words,)."""
    counts = np.zeros(task.table.n_words, np.int64)
    for ids in task.sentences():
        counts += np.bincount(ids[ids >= 0], minlength=task.table.n_words)
    return counts.astype(np.float64)


def tf_idf(task: WordTask) -> Array:
    """How often each word occurs, times the logarithm of how many sentences there are for each that has it: (words,).

    Spärck Jones: A Statistical Interpretation of Term Specificity, 1972: ``tf(w) log(n / df(w))``. What is in every
    sentence, as padding is, has the score 0.
    """
    n_words = task.table.n_words
    counts, holders, n = np.zeros(n_words), np.zeros(n_words), 0
    for ids in task.sentences():
        for sentence in ids:
            words, times = np.unique(sentence[sentence >= 0], return_counts=True)
            counts[words] += times
            holders[words] += 1
        n += len(ids)
    return counts * np.log(n / np.maximum(holders, 1))
