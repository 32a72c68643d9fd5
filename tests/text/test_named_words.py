"""Sentences in dicts are ranked, translated and kept as those in tuples are."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle.io import Dataset
from text_nets import WORDS, Classifier, Language, sentences

import prunelab as pl
from prunelab.errors import DataError
from prunelab.text.sentence_ranking import SENTENCE_METHODS
from prunelab.text.word_ranking import WORD_METHODS


class Named(Classifier):
    def forward(self, *, input_ids):
        return super().forward(input_ids)


class Whole(Classifier):
    def forward(self, batch):
        return super().forward(batch["ids"][0])


class Speaking(Language):
    def forward(self, *, input_ids, scale=None):
        return super().forward(input_ids)


class Rows(Dataset):
    """Samples of a form of their own."""

    def __init__(self, form, x, y):
        super().__init__()
        self.form, self.x, self.y = form, x, y

    def __getitem__(self, index):
        return self.form(self.x[index], self.y[index])

    def __len__(self):
        return len(self.x)


def as_tuple(x, y):
    return x, y


def as_dict(x, y):
    return {"labels": y, "input_ids": x}


def as_nest(x, y):
    return {"ids": [x]}, y


TOKENIZER = [f"w{k}" for k in range(WORDS)]
FORMS = [(Named, as_dict), (Named, lambda x, y: ({"input_ids": x}, y)), (Whole, as_nest)]


def made(cls):
    paddle.seed(2)
    return cls()


def words():
    x, y = sentences()[:2]
    return np.asarray(x), np.asarray(y)


@pytest.mark.parametrize("method", WORD_METHODS)
@pytest.mark.parametrize(("cls", "form"), FORMS)
def test_words_are_ranked_alike(method, cls, form):
    x, y = words()
    plain = pl.text.rank_vocabulary(made(Classifier), [(x, y)], method, unknown=1)
    found = pl.text.rank_vocabulary(made(cls), [form(x, y)], method, unknown=1)
    np.testing.assert_array_equal(found.scores, plain.scores)


@pytest.mark.parametrize("method", SENTENCE_METHODS)
@pytest.mark.parametrize(("cls", "form"), FORMS)
def test_sentences_are_ranked_alike(method, cls, form):
    x, y = words()
    options = {"epochs": 2} if method == "forgetting" else {}
    plain = pl.text.rank_sentences(Rows(as_tuple, x, y), method, model=made(Classifier), **options)
    found = pl.text.rank_sentences(Rows(form, x, y), method, model=made(cls), **options)
    np.testing.assert_array_equal(found.scores, plain.scores)


@pytest.mark.parametrize(("cls", "form"), FORMS)
def test_data_is_translated_in_its_own_form(cls, form):
    x, y = words()
    small = pl.text.prune_vocabulary(made(cls), TOKENIZER, 9, data=[form(x, y)], unknown=1)
    expected = pl.evaluate(small.model, [form(small.ids[x], y)])
    for data in ([form(x, y)], [form(x[:5], y[:5]), form(x[5:], y[5:])]):
        assert pl.evaluate(small.model, small.translate(data)) == pytest.approx(expected, rel=1e-5)


def test_labels_that_are_words_are_translated_under_their_name():
    x, _ = words()
    small = pl.text.prune_vocabulary(made(Speaking), TOKENIZER, 9, data=[as_dict(x, x)])
    told = small.translate({"input_ids": small.kept[None], "labels": np.arange(WORDS)[None], "scale": [0.5]})
    assert told["input_ids"].tolist() == [list(range(9))]
    assert sorted(set(told["labels"][0].tolist())) == [-100, *range(9)]
    assert told["scale"] == [0.5]


def test_a_core_keeps_classes_even_by_the_name_of_the_labels():
    x, y = words()
    core = pl.text.prune_sentences(Rows(as_dict, x, y), 12, by_class=True)
    plain = pl.text.prune_sentences(Rows(as_tuple, x, y), 12, by_class=True)
    assert core.indices == plain.indices
    with pytest.raises(DataError, match="a sample has input_ids, and no labels; call them one of labels, label"):
        pl.text.prune_sentences(Rows(lambda x, y: {"input_ids": x}, x, y), 12, by_class=True)
