"""`prune_vocabulary`: the model, the tokenizer and the data of a smaller vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from prunelab.data.tokenizer import Tokenizer, as_tokenizer
from prunelab.errors import OptionError, check_whole, unknown_name
from prunelab.evaluate.forward import LossFunction
from prunelab.plan import Plan
from prunelab.plan.plan import PlanGroup, as_plan
from prunelab.surgery import compact
from prunelab.text.table import Table, table_of
from prunelab.text.translation import translate
from prunelab.text.word_ranking import WordRanking, rank_vocabulary, scores_of, unknown_id

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class SmallerVocabulary:
    """What is left of a model and its tokenizer: `model` takes the numbers that `tokenizer` gives; on sentences of kept
    words it computes what the dense model computes, scores of kept words included.

    ``unknown`` is the old id of the word that stands for those that are gone, None where there is none.
    """

    model: Any
    tokenizer: Tokenizer
    plan: Plan
    table: Table
    unknown: int | None = None

    @cached_property
    def kept(self) -> Array:
        """(size,) int64: the old ids of the words that stay; the new id of each is its place."""
        return np.array(self._group.kept, np.int64)

    @cached_property
    def ids(self) -> Array:
        """(words,) int64: the new id of each old one; of words that are gone the unknown word's, or -1."""
        new = self._group.renumbered
        return new if self.unknown is None else np.where(new < 0, new[self.unknown], new)

    def translate(self, data: Any) -> Any:
        """Data in the numbers of the smaller model: an array or tensor of ids, or a Dataset, a DataLoader, a tuple of
        arrays or a list of batches. Where the model scores words, labels are words too.

        Raises:
            DataError: a word that is gone, and no unknown word to stand for it.
        """
        return translate(data, self.ids, self.table.inputs, self.table.scores_words, self.table.names)

    @property
    def _group(self) -> PlanGroup:
        return self.plan.group(self.table.group.name)  # type: ignore[return-value]

    def __repr__(self) -> str:
        cost, dense = self.plan.cost.params, self.plan.dense_cost.params
        return (f"{len(self.kept):,} of {self.table.n_words:,} words of {self.plan.model}, "
                f"params {dense:,} → {cost:,}")


def prune_vocabulary(
    model: Any,
    tokenizer: Any,
    size: int,
    *,
    data: Any = None,
    ranking: str | WordRanking | Sequence[float] | Array = "frequency",
    keep: Iterable[str | int] = (),
    inputs: Any = None,
    loss: str | LossFunction | None = None,
    samples: int | None = None,
    unknown: str | int | None = None,
    table: str | None = None,
) -> SmallerVocabulary:
    """A copy of ``model`` with the ``size`` words that matter most, and what turns words into its numbers.

    Rows of all tables that the ids index go, with the columns and biases of a matrix that scores words, tied or not.
    Padding, the unknown word, what the forward compares ids with, and ``keep`` stay.

    A word that is gone is the unknown word from here on. `prunelab.mask`, a trial and a Lab have no tokenizer and read
    it as zeros, so their metrics are others (25 % against 22 % for a text classifier with a fifth of its words left):
    ``evaluate(small.model, small.translate(data))`` says what this model is worth.

    Args:
        model: a model whose forward takes ids, or its `Graph`; it is left as it was.
        tokenizer: see `prunelab.text.as_tokenizer`.
        size: how many words stay, those that must stay among them.
        data: sentences as ids, as for `prunelab.evaluate`, for a ranking by name.
        ranking: a method of `rank_vocabulary`, what it gave, or a score a word; higher is kept.
        keep: words, or ids, that stay.
        inputs: what to trace the model with, where there is no data.
        loss, samples: for a ranking by name.
        unknown: the word or id that stands for words that are gone; the tokenizer's own without it.
        table: which vocabulary, where the model has several.

    Raises:
        OptionError: a size that cannot be, no data for a ranking by name, a model without a vocabulary.
        UnknownNameError: a word or a method nobody knows.
    """
    known = as_tokenizer(tokenizer)
    found = table_of(model, data, inputs=inputs, table=table)
    _check_ids(known, found)
    other = unknown_id(unknown, known, found)
    if isinstance(ranking, str):
        if data is None:
            raise OptionError(f"the ranking '{ranking}' looks at data; give data=, or a score a word as ranking=")
        ranking = rank_vocabulary(found.graph, data, ranking, tokenizer=known, loss=loss, samples=samples,
                                  unknown=other, table=found.group.name)
    stay = {*known.special, *([] if other is None else [other]), *(_id_of(word, known, found) for word in keep)}
    plan = vocabulary_plan(found, ranking, size, stay=stay)
    new = plan.group(found.group.name).renumbered  # type: ignore[union-attr]
    words = {word: int(new[k]) for word, k in known.words.items() if new[k] >= 0}
    return SmallerVocabulary(compact(found.graph.model, plan), replace(known, words=words), plan, found, other)


def vocabulary_plan(table: Table, ranking: WordRanking | Sequence[float] | Array, size: int, *,
                    stay: Iterable[int] = (), start: Plan | None = None) -> Plan:
    """The plan that leaves the ``size`` words of highest scores, ``stay`` and what the forward spells among them.

    Args:
        table: of `prunelab.text.table.table_of`.
        start: a plan whose removed units of other groups stay removed.

    Raises:
        OptionError: a size below what has to stay, or above what there is.
    """
    graph, group = table.graph, table.group
    scores = scores_of(ranking, table.n_words)
    fixed = sorted({*stay, *group.stay})
    size = check_whole(size, "size", max(len(fixed), group.least), table.n_words)
    rest = np.setdiff1d(np.argsort(-scores, kind="stable"), fixed, assume_unique=True)  # keeps the order
    method = ranking.method if isinstance(ranking, WordRanking) else "scores"
    base = Plan.empty(graph) if start is None else _with_words(as_plan(start, "start"), table)
    return base.with_removed(graph, {group.name: rest[size - len(fixed):].tolist()}, criterion=method, scope="local",
                             target=f"size={size}", granularity="vocabulary")


def _with_words(start: Plan, table: Table) -> Plan:
    known = any(g.name == table.group.name for g in start.groups)
    return start if known else replace(start, groups=(*start.groups, PlanGroup.of(table.group)))


def _check_ids(tokenizer: Tokenizer, table: Table) -> None:
    word, largest = max(tokenizer.words.items(), key=lambda pair: pair[1], default=("", -1))
    if largest >= table.n_words:
        raise OptionError(f"the tokenizer gives '{word}' the id {largest}, and {table.group.name} has the ids 0 to "
                          f"{table.n_words - 1}; give the tokenizer that the model was trained with")


def _id_of(word: str | int, tokenizer: Tokenizer, table: Table) -> int:
    if isinstance(word, str):
        if word not in tokenizer.words:
            raise unknown_name("word", word, tokenizer.words, place="keep=")
        return tokenizer.words[word]
    return check_whole(word, "an id of keep", 0, table.n_words - 1)
