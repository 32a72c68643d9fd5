"""`prune_sentences`: the core of a training set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from paddle.io import Subset

from prunelab.data.even import evenly
from prunelab.errors import DataError, OptionError, check_whole, unknown_name
from prunelab.text.samples import Columns, label_of, samples_of
from prunelab.text.sentence_ranking import SentenceRanking, rank_sentences

Array = np.ndarray[Any, Any]

KEEP = ("highest", "lowest")
_OPTIONS = ("model", "loss", "epochs", "lr", "seed")


def prune_sentences(
    dataset: Any,
    n: int,
    ranking: str | SentenceRanking | Sequence[float] | Array = "coverage",
    *,
    keep: str = "highest",
    by_class: bool = False,
    **options: Any,
) -> Any:
    """The ``n`` samples that matter most, in the dataset's order: a ``paddle.io.Subset``, whose ``indices`` they are;
    of a tuple of arrays, a tuple of arrays.

    Args:
        dataset: a map-style Dataset, or a tuple of arrays ``(ids, labels)``.
        n: how many stay.
        ranking: a method of `rank_sentences`, what it gave, or a score a sample.
        keep: "highest" or "lowest" scores; with little data the easy samples teach more, with much the hard ones
            (Sorscher and others: Beyond Neural Scaling Laws, 2022, arXiv:2206.14486).
        by_class: as many of each class as its share of the dataset, to the nearest; the class is a sample's last part.
        options: ``model``, ``loss``, ``epochs``, ``lr``, ``seed``, for a method by name.

    Raises:
        OptionError: more samples than there are, or a score for each that is not there.
        UnknownNameError: a method nobody knows.
    """
    samples = samples_of(dataset)
    n = check_whole(n, "n", 1, len(samples))
    if keep not in KEEP:
        raise unknown_name("choice", keep, KEEP, place="keep=")
    if isinstance(ranking, str):
        for name in options:
            if name not in _OPTIONS:
                raise unknown_name("option", name, _OPTIONS, place="prune_sentences")
        ranking = rank_sentences(samples, ranking, **options)
    elif options:
        raise OptionError(f"{', '.join(options)} is for a method by name; the ranking is made already")
    scores = np.asarray(ranking.scores if isinstance(ranking, SentenceRanking) else ranking, np.float64)
    if scores.shape != (len(samples),):
        raise OptionError(f"the ranking has the shape {scores.shape}; the dataset has {len(samples)} samples")
    order = np.argsort(-scores if keep == "highest" else scores, kind="stable")
    chosen = np.sort(evenly(order, _classes(samples), n) if by_class else order[:n])
    if isinstance(samples, Columns) and samples is not dataset:
        return tuple(a[chosen] for a in samples.arrays)
    return Subset(samples, chosen.tolist())


def _classes(samples: Any) -> Array:
    labels = [label_of(samples[k]) for k in range(len(samples))]
    if any(np.size(label) != 1 for label in labels):
        raise DataError("by_class looks at a sample's last part, which is no class here; leave by_class out")
    return np.array([np.asarray(label).item() for label in labels])
