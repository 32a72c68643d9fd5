"""The metrics by name: each takes batch after batch and gives one number at the end.

A new metric is a class with ``update``, ``result`` and ``higher_is_better`` (and ``rows``, where it is a mean over
samples), a line in `METRICS`, and a test; a function ``(outputs, labels) -> mean of the batch`` works wherever a name
does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from prunelab.evaluate.boxes import BoxPrecision
from prunelab.evaluate.confusion import Score
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.means import Accuracy, Error, Function, Loss, Perplexity, TopK
from prunelab.evaluate.metric import Metric, Samplewise
from prunelab.evaluate.ranking import AveragePrecision

# name -> a metric's class; it is made with the loss that is trained on
METRICS: Mapping[str, Callable[[LossFunction | None], Metric]] = {
    "accuracy": Accuracy,
    "loss": Loss,
    "top5": TopK,
    # the mean over classes; "micro": over labels; "weighted": over classes by their labels
    "precision": partial(Score, kind="precision", average="macro"),
    "recall": partial(Score, kind="recall", average="macro"),
    "f1": partial(Score, kind="f1", average="macro"),
    "precision_micro": partial(Score, kind="precision", average="micro"),
    "recall_micro": partial(Score, kind="recall", average="micro"),
    "f1_micro": partial(Score, kind="f1", average="micro"),
    "precision_weighted": partial(Score, kind="precision", average="weighted"),
    "recall_weighted": partial(Score, kind="recall", average="weighted"),
    "f1_weighted": partial(Score, kind="f1", average="weighted"),
    "mae": partial(Error, name="mae"),
    "mse": partial(Error, name="mse"),
    "perplexity": Perplexity,
    "map": AveragePrecision,
    "map_boxes": BoxPrecision,
}

__all__ = ["METRICS", "Function", "Metric", "Samplewise"]
