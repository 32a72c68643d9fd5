"""Sentences by the words they add to those before them."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from prunelab.text.samples import SentenceTask, words_of

Array = np.ndarray[Any, Any]


def coverage(task: SentenceTask) -> Array:
    """(samples,): the place in an order in which each next sentence adds most to what is covered, counted from the end,
    so that a higher score is kept.

    Covered is ``f(S) = sum over words w of log(n / df(w)) sqrt(count of w in S)``; the greedy order is within 1 - 1/e
    of the best set of each size. Lin, Bilmes: A Class of Submodular Functions for Document Summarization, ACL 2011.
    """
    sentences = [np.unique(ids[ids >= 0], return_counts=True) for ids in words_of(task.samples)]
    n, n_words = len(sentences), 1 + max((int(w.max()) for w, _ in sentences if len(w)), default=0)
    holders = np.bincount(np.concatenate([w for w, _ in sentences]).astype(np.int64), minlength=n_words)
    weight, count = np.log(n / np.maximum(holders, 1)), np.zeros(n_words)

    def gain(k: int) -> float:
        words, times = sentences[k]
        had = count[words]
        return float((weight[words] * (np.sqrt(had + times) - np.sqrt(had))).sum())

    scores, heap = np.zeros(n), [(-gain(k), k) for k in range(n)]
    heapq.heapify(heap)
    for place in range(n):
        # gains only shrink: what is still the largest when it is worked out anew is the largest
        while True:
            _, k = heapq.heappop(heap)
            now = gain(k)
            if not heap or now >= -heap[0][0]:
                break
            heapq.heappush(heap, (-now, k))
        words, times = sentences[k]
        count[words] += times
        scores[k] = n - place
    return scores
