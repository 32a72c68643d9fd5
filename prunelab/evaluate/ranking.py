"""How well scores rank what is there before what is not: mean average precision of labels that may be several."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.errors import DataError
from prunelab.evaluate.forward import LossFunction, describe
from prunelab.evaluate.loss import IGNORED_LABEL, fitting
from prunelab.graph import as_array

Array = np.ndarray[Any, Any]


class AveragePrecision:
    """The mean over classes of the average precision, for labels ``(n, classes)`` of 0 and 1; as scikit-learn computes
    it. Classes that no sample has do not count, nor do labels of -100. Higher is better.

    A ranking needs all scores at once: they are kept, a number a sample and class.
    """

    higher_is_better = True

    def __init__(self, loss: LossFunction | None = None) -> None:
        self._scores: list[Array] = []
        self._labels: list[Array] = []

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take scores (or logits) and labels, both ``(n, classes)``."""
        scores, fitted = fitting(outputs, labels, "map")
        if scores.ndim != 2:
            raise DataError(f"map cannot be computed from the outputs {describe(scores)}; it needs (samples, classes)")
        found = as_array(fitted)
        known = np.isin(found, (0, 1, IGNORED_LABEL))
        if not known.all():
            bad = found[~known][0]
            raise DataError(f"a label is {bad:g}, and map needs 0 and 1 for each class; give multi-hot labels")
        self._scores.append(as_array(scores))
        self._labels.append(found)

    def result(self) -> float:
        """The mean average precision; NaN where no class occurs."""
        from sklearn.metrics import average_precision_score

        if not self._scores:
            raise DataError("the data has no batches; give at least one")
        scores, labels = np.concatenate(self._scores), np.concatenate(self._labels)
        counts = labels != IGNORED_LABEL
        found = [average_precision_score(labels[counts[:, k], k] == 1, scores[counts[:, k], k])
                 for k in np.flatnonzero((labels == 1).any(axis=0))]
        return float(np.mean(found)) if found else float("nan")
