"""`rank_vocabulary`: how much each word of a model's vocabulary matters on data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prunelab.data.tokenizer import Tokenizer, as_tokenizer
from prunelab.errors import OptionError, check_whole, shown, unknown_name
from prunelab.evaluate.batches import batches
from prunelab.evaluate.forward import LossFunction
from prunelab.evaluate.loss import loss_function
from prunelab.render.table import html_table
from prunelab.text.counting import frequency, tf_idf
from prunelab.text.gradient import gradient
from prunelab.text.masking import masking
from prunelab.text.table import Table, table_of
from prunelab.text.task import WordTask

Array = np.ndarray[Any, Any]

# name -> scores of words on a task: (words,), float64, higher is kept
WORD_METHODS: Mapping[str, Callable[[WordTask], Array]] = {
    "frequency": frequency,
    "tf_idf": tf_idf,
    "gradient": gradient,
    "masking": masking,
}
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class WordRanking:
    """``scores`` (words,) by id, float64, higher is kept; ``words`` names the ids that have names."""

    method: str
    scores: Array
    words: Mapping[int, str] = field(default_factory=dict)

    @property
    def order(self) -> Array:
        """(words,) int64: the ids, the most important first; of two alike the smaller id."""
        return np.argsort(-self.scores, kind="stable")

    def top(self, n: int = _SHOWN) -> list[tuple[str, float]]:
        """The ``n`` most important words with their scores."""
        return [(self.words.get(int(k), str(k)), float(self.scores[k])) for k in self.order[:n]]

    def bottom(self, n: int = _SHOWN) -> list[tuple[str, float]]:
        """The ``n`` least important words, the least important first."""
        return [(self.words.get(int(k), str(k)), float(self.scores[k])) for k in self.order[::-1][:n]]

    def __repr__(self) -> str:
        first = ", ".join(f"{word} {score:.3g}" for word, score in self.top())
        return f"{len(self.scores):,} words by {self.method}: {first}, ..."

    def _repr_html_(self) -> str:
        rows = [[k + 1, *top, *low] for k, (top, low) in enumerate(zip(
            [(w, f"{s:.3g}") for w, s in self.top()], [(w, f"{s:.3g}") for w, s in self.bottom()], strict=True))]
        return html_table(["", "most important", "score", "least important", "score"], rows,
                          caption=f"{len(self.scores):,} words by {self.method}")


def rank_vocabulary(
    model: Any,
    data: Any,
    method: str = "frequency",
    *,
    tokenizer: Any = None,
    loss: str | LossFunction | None = None,
    samples: int | None = None,
    unknown: str | int | None = None,
    table: str | None = None,
) -> WordRanking:
    """The words of ``model``'s vocabulary by importance on ``data``; the model is left as it was.

    Args:
        model: a model whose forward takes ids, or its `Graph`.
        data: sentences as ids, as for `prunelab.evaluate`; labels for "gradient" and "masking".
        method: "frequency" counts; "tf_idf" counts less what is in all sentences; "gradient" is ``|e dL/de|`` of each
            occurrence's embedding, to first order what the loss changes where it is zero; "masking" is what the loss
            rises by where the word is replaced by the unknown one.
        tokenizer: the words of the ids, see `as_tokenizer`: for names, and for the unknown word.
        loss: as for `prunelab.evaluate`; cross entropy without it.
        samples: the first so many of the data; of "gradient" and "masking" 1,024 without it, of the others all.
        unknown: for "masking", the word or id to put in a word's place; the tokenizer's own without it.
        table: which vocabulary, where the model has several.

    Raises:
        UnknownNameError: a method, or a word, nobody knows.
        OptionError: a model without a vocabulary that can shrink.
        DataError: data without batches, or with ids that the vocabulary does not have.
    """
    if method not in WORD_METHODS:
        raise unknown_name("method", method, WORD_METHODS, place="rank_vocabulary")
    found = table_of(model, data, table=table)
    known = None if tokenizer is None else as_tokenizer(tokenizer)
    task = WordTask(found, batches(data, found.graph), loss_function(loss), samples if samples is None else check_whole(
        samples, "samples", 1), unknown_id(unknown, known, found))
    names = {} if known is None else {number: word for word, number in known.words.items()}
    return WordRanking(method, WORD_METHODS[method](task), names)


def unknown_id(unknown: str | int | None, tokenizer: Tokenizer | None, table: Table) -> int | None:
    """The id of the unknown word: the one given, or the tokenizer's."""
    if unknown is None:
        return None if tokenizer is None or tokenizer.unknown is None else tokenizer.words[tokenizer.unknown]
    if isinstance(unknown, str):
        if tokenizer is None:
            raise OptionError(f"unknown='{unknown}' is a word, and there is no tokenizer; give tokenizer=, or its id")
        if unknown not in tokenizer.words:
            raise unknown_name("word", unknown, tokenizer.words, place="unknown=")
        return tokenizer.words[unknown]
    return check_whole(unknown, "unknown", 0, table.n_words - 1)


def scores_of(ranking: WordRanking | Sequence[float] | Array, n_words: int) -> Array:
    """The scores of a ranking, or of an array of a score a word.

    Raises:
        OptionError: not as many as words, or one that is no number.
    """
    try:
        scores = np.asarray(ranking.scores if isinstance(ranking, WordRanking) else ranking, np.float64)
    except (TypeError, ValueError):
        raise OptionError(f"the ranking is {shown(ranking)}; give a method's name, what rank_vocabulary gave, or a "
                          "number a word") from None
    if scores.shape != (n_words,):
        raise OptionError(f"the ranking has the shape {scores.shape}; the vocabulary has {n_words} words, so it is "
                          f"({n_words},)")
    if np.isnan(scores).any():
        raise OptionError("a score of the ranking is NaN; give numbers")
    return scores
