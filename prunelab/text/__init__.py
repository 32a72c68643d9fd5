"""Words and sentences that matter: vocabularies and training sets ordered by importance, and cut to a size."""

from __future__ import annotations

from prunelab.data.tokenizer import Tokenizer, as_tokenizer
from prunelab.text.sentence_ranking import SENTENCE_METHODS, SentenceRanking, rank_sentences
from prunelab.text.sentences import prune_sentences
from prunelab.text.vocabulary import SmallerVocabulary, prune_vocabulary, vocabulary_plan
from prunelab.text.word_ranking import WORD_METHODS, WordRanking, rank_vocabulary

__all__ = [
    "SENTENCE_METHODS",
    "WORD_METHODS",
    "SentenceRanking",
    "SmallerVocabulary",
    "Tokenizer",
    "WordRanking",
    "as_tokenizer",
    "prune_sentences",
    "prune_vocabulary",
    "rank_sentences",
    "rank_vocabulary",
    "vocabulary_plan",
]
