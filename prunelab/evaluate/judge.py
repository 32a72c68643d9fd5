"""One metric for many models: fresh for each, or as rows of samples, which two models are compared by."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.errors import OptionError
from prunelab.evaluate.evaluate import MetricName, listed, named_metrics
from prunelab.evaluate.metric import Samplewise
from prunelab.evaluate.paired import Array, Confidence
from prunelab.evaluate.samples import Sample

Rows = tuple[Array, Array]


class Judge:
    """One metric: fresh for each model, or as rows of samples. ``confidence``: how well it is to be known."""

    def __init__(self, metric: MetricName, loss: Any, confidence: Confidence | None) -> None:
        names = listed(metric)
        if len(names) != 1:
            raise OptionError(f"metric is {len(names)} metrics; give one")
        self._metric, self._loss, self.confidence = names[0], loss, confidence
        (self.name, first), = named_metrics(names, loss).items()
        self.higher_is_better = first.higher_is_better
        if confidence is not None and not isinstance(first, Samplewise):
            raise OptionError(f"confidence is given, and {self.name} is no mean over samples; leave confidence out, or "
                              "choose accuracy, loss or a function (outputs, labels) -> mean of the batch")

    def fresh(self) -> Any:
        """A new metric."""
        return named_metrics([self._metric], self._loss)[self.name]

    def rows(self, outputs: Any, batch: Sample) -> Rows:
        """What each sample of a batch adds to the metric."""
        totals, weights = self.fresh().rows(outputs, batch.labels, batch.n_samples)
        return np.asarray(totals, np.float64), np.asarray(weights, np.float64)
