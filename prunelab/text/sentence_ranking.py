"""`rank_sentences`: how much each sample of a training set matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import OptionError, check_positive, check_seed, check_whole, unknown_name
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.loss import loss_function
from prunelab.render.table import html_table
from prunelab.text.coverage import coverage
from prunelab.text.forgetting import forgetting
from prunelab.text.hardness import gradient_norm, loss_of_each, margin
from prunelab.text.samples import SentenceTask, samples_of

Array = np.ndarray[Any, Any]

# name -> scores of samples on a task: (samples,), float64, higher is kept; and whether it needs a model
SENTENCE_METHODS: Mapping[str, tuple[Callable[[SentenceTask], Array], bool]] = {
    "loss": (loss_of_each, True),
    "gradient_norm": (gradient_norm, True),
    "margin": (margin, True),
    "forgetting": (forgetting, True),
    "coverage": (coverage, False),
}


@dataclass(frozen=True, eq=False)
class SentenceRanking:
    """``scores`` (samples,) in the dataset's order, float64, higher is kept."""

    method: str
    scores: Array

    @property
    def order(self) -> Array:
        """(samples,) int64: indices, the most important first; of two alike the earlier one."""
        return np.argsort(-self.scores, kind="stable")

    def __repr__(self) -> str:
        low, middle, high = np.quantile(self.scores, [0, 0.5, 1])
        return (f"{len(self.scores):,} sentences by {self.method}: scores from {low:.3g} to {high:.3g}, median "
                f"{middle:.3g}")

    def _repr_html_(self) -> str:
        rows = [[f"{q:.0%}", f"{np.quantile(self.scores, q):.4g}"] for q in (0, 0.25, 0.5, 0.75, 1)]
        return html_table(["quantile", "score"], rows, caption=f"{len(self.scores):,} sentences by {self.method}")


def rank_sentences(
    dataset: Any,
    method: str = "coverage",
    *,
    model: Any = None,
    loss: str | LossFunction | None = None,
    epochs: int = 5,
    lr: float | None = None,
    seed: int = 0,
) -> SentenceRanking:
    """The samples of ``dataset`` by importance; a model is left as it was.

    Args:
        dataset: a map-style Dataset, or a tuple of arrays ``(ids, labels)``.
        method: "loss" and "gradient_norm" of each sample, "margin" (how little the right class is ahead), "forgetting"
            (how often a copy of the model unlearns it in ``epochs`` of training); "coverage" needs no model: each next
            sentence adds most to the words that are covered.
        model: the model, as a rule a trained one (for "forgetting", one to train). Samples need not be text.
        loss: as for `prunelab.evaluate`; cross entropy without it.
        epochs, lr: of "forgetting".
        seed: of that training.

    Raises:
        UnknownNameError: a method nobody knows.
        OptionError: no model for a method that needs one.
        DataError: a dataset that cannot be read by index, or samples without what a method needs.
    """
    if method not in SENTENCE_METHODS:
        raise unknown_name("method", method, SENTENCE_METHODS, place="rank_sentences")
    function, needs_model = SENTENCE_METHODS[method]
    if needs_model and model is None:
        raise OptionError(f"the method '{method}' looks at a model; give model=, or method='coverage', which "
                          "needs none")
    if lr is not None:
        check_positive(lr, "lr")
    task = SentenceTask(samples_of(dataset), model, loss_function(loss), check_whole(epochs, "epochs", 1), lr,
                        check_seed(seed))
    return SentenceRanking(method, np.asarray(function(task), np.float64))
