"""Which classes a model takes for which: counted batch by batch; scores of it, and what changes between two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.errors import DataError, OptionError
from prunelab.evaluate.batches import batches
from prunelab.evaluate.forward import LossFunction, forward, in_mode
from prunelab.evaluate.loss import IGNORED_LABEL, classes
from prunelab.graph import as_array, as_layer
from prunelab.render.confusion import ConfusionPicture
from prunelab.render.numbers import percent, signed
from prunelab.render.table import html_table, text_table

Array = np.ndarray[Any, Any]


class Counts:
    """How often each label met each prediction, over batches: no more than the pairs that occur."""

    def __init__(self, who: str) -> None:
        self._who, self._n_classes = who, 0
        self._pairs: dict[tuple[int, int], int] = {}

    def update(self, outputs: Any, labels: Any) -> None:
        """Take logits ``(..., classes)`` and integer labels; those of -100 do not count."""
        logits, labels = classes(outputs, labels, self._who)
        self._n_classes = max(self._n_classes, int(logits.shape[-1]))
        true, told = (np.asarray(as_array(t)).ravel() for t in (labels, logits.argmax(-1)))
        counts = true != IGNORED_LABEL
        true, told = true[counts], told[counts]
        wrong = true[(true < 0) | (true >= self._n_classes)]
        if len(wrong):
            raise DataError(f"a label is {wrong[0]}, and the outputs have the classes 0 to {self._n_classes - 1}; "
                            f"give such labels, or {IGNORED_LABEL} for one that does not count")
        pairs, n = np.unique(np.stack([true, told]), axis=1, return_counts=True)
        for (a, b), k in zip(pairs.T.tolist(), n.tolist(), strict=True):
            self._pairs[a, b] = self._pairs.get((a, b), 0) + k

    def columns(self) -> tuple[Array, Array, Array]:
        """Labels, predictions, and how often.

        Raises:
            DataError: no label counted.
        """
        if not self._pairs:
            raise DataError(f"the data has no labels that count, and {self._who} needs them; give at least one batch")
        true, told = np.array(list(self._pairs)).T
        return true, told, np.array(list(self._pairs.values()))

    def matrix(self) -> Array:
        """(classes, classes), int64: a row a label, a column a prediction."""
        true, told, n = self.columns()
        out = np.zeros((self._n_classes, self._n_classes), np.int64)
        out[true, told] = n
        return out


class Score:
    """Precision, recall or F1 as scikit-learn computes them, from counts: "macro" is the mean over the classes that
    occur, "micro" over all labels, "weighted" over classes by how many labels they have. A class that is never
    predicted has the precision 0. Higher is better."""

    higher_is_better = True

    def __init__(self, loss: LossFunction | None = None, kind: str = "f1", average: str = "macro") -> None:
        self._kind, self._average = kind, average
        self._counts = Counts(kind)

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        """Take logits ``(..., classes)`` and integer labels."""
        self._counts.update(outputs, labels)

    def result(self) -> float:
        """The score."""
        from sklearn.metrics import precision_recall_fscore_support

        true, told, n = self._counts.columns()
        scores = precision_recall_fscore_support(true, told, average=self._average, sample_weight=n, zero_division=0)
        return float(scores[("precision", "recall", "f1").index(self._kind)])


@dataclass(frozen=True, eq=False)
class Confusion:
    """``matrix``: (classes, classes), how often each label (row) was taken for each class (column)."""

    matrix: Array
    names: tuple[str, ...]

    @property
    def recalls(self) -> Array:
        """By class the fraction of its labels that were met, (classes,); NaN for one without labels."""
        n = self.matrix.sum(axis=1)
        return np.where(n > 0, np.diag(self.matrix) / np.maximum(n, 1), np.nan)

    def changes(self, other: Confusion) -> ClassChanges:
        """What is different in ``other``, by class.

        Raises:
            OptionError: counts of other data.
        """
        if self.matrix.shape != other.matrix.shape or (self.matrix.sum(1) != other.matrix.sum(1)).any():
            raise OptionError("the two were counted on data with other labels; give confusions of the same data")
        return ClassChanges(self, other)

    def plot(self) -> ConfusionPicture:
        """The matrix as a picture."""
        return ConfusionPicture(tuple(map(tuple, self.matrix.tolist())), self.names)

    def __str__(self) -> str:
        return str(self.plot())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


@dataclass(frozen=True, eq=False)
class ClassChanges:
    """Two models on the same data, class by class."""

    before: Confusion
    after: Confusion

    @property
    def table(self) -> Any:
        """A pandas DataFrame, a row a class: how many labels, recall before and after, their difference."""
        import pandas as pd

        a, b = self.before.recalls, self.after.recalls
        return pd.DataFrame({"labels": self.before.matrix.sum(axis=1), "before": a, "after": b, "change": b - a},
                            index=list(self.before.names))

    def _rows(self) -> list[list[str]]:
        a, b, n = self.before.recalls, self.after.recalls, self.before.matrix.sum(axis=1)
        more = np.where(np.eye(len(n), dtype=bool), 0, self.after.matrix - self.before.matrix)
        rows = []
        for k in np.argsort(np.nan_to_num(b - a), kind="stable"):  # what suffers most comes first
            taken = int(more[k].argmax())
            now = f"{self.before.names[taken]} ({more[k, taken]:,} more)" if more[k, taken] > 0 else "–"
            told = [percent(v) if np.isfinite(v) else "–" for v in (a[k], b[k])]
            change = signed(f"{100 * (b[k] - a[k]):+.1f}") if n[k] else "–"
            rows.append([self.before.names[k], f"{n[k]:,}", *told, change, now])
        return rows

    def __str__(self) -> str:
        return text_table(_HEADERS, self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self._rows())


_HEADERS = ("class", "labels", "before", "after", "points", "now taken for")


def confusion(model: Any, data: Any, names: Sequence[str] | Mapping[int, str] | None = None) -> Confusion:
    """Which classes ``model`` takes for which on ``data``; it is left as it was.

    Two of them tell what a cut changed: ``confusion(dense, data).changes(confusion(small, data))``.

    Args:
        data: as for `prunelab.evaluate`, with integer labels.
        names: of the classes, in their order; their numbers if left out.

    Raises:
        DataError: data without labels, or whose labels are no classes of the outputs.
        OptionError: names of another number of classes.
    """
    layer, counts = as_layer(model), Counts("confusion")
    with in_mode(layer, training=False), paddle.no_grad():
        for inputs, labels in batches(data, layer):
            counts.update(forward(layer, inputs), labels)
    matrix = counts.matrix()
    told = [str(k) for k in range(len(matrix))] if names is None else [str(names[k]) for k in range(len(names))]
    if len(told) != len(matrix):
        raise OptionError(f"names has {len(told)} classes, and the outputs have {len(matrix)}; give a name for each")
    return Confusion(matrix, tuple(told))
