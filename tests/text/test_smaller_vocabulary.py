"""A smaller vocabulary: the same outputs on kept words, and numbers that fit."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn
from text_nets import LENGTH, WORDS, Classifier, Encoder, Language, sentences

import prunelab as pl
from prunelab.errors import DataError, OptionError, UnknownNameError
from prunelab.testing import laws

TOKENIZER = pl.text.Tokenizer(words={w: k for k, w in enumerate(["<pad>", "<unk>", *"abcdefghijklmnopqr"])},
                              unknown="<unk>", padding="<pad>")
NETWORKS = {"lstm": Classifier, "transformer": Encoder, "tied": lambda: Language(True),
            "untied": lambda: Language(False)}


def made(name, size=12, **options):
    paddle.seed(0)
    model = NETWORKS[name]().eval()
    x, y = sentences()
    data = (x, np.roll(x, -1, 1)) if "tied" in name else (x, y)
    return model, data, pl.text.prune_vocabulary(model, TOKENIZER, size, data=data, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_on_kept_words_it_computes_what_the_dense_model_does(name):
    model, _, small = made(name)
    before = laws.bits(model)
    old = small.kept[np.random.default_rng(1).integers(12, size=(5, LENGTH))]
    dense, found = model(paddle.to_tensor(old)).numpy(), small.model(paddle.to_tensor(small.translate(old))).numpy()
    if "tied" in name:
        dense = dense[..., small.kept]
    np.testing.assert_allclose(found, dense, rtol=1e-4, atol=1e-5)
    assert laws.bits(model) == before
    assert small.model.embed.weight.shape[0] == len(small.kept) == len(small.tokenizer) == 12
    assert {m.parameter for m in small.table.group.members} == {
        "embed.weight", *(["head.weight", "head.bias"] if name == "untied" else [])}


@pytest.mark.parametrize("name", NETWORKS)
def test_words_that_are_gone_are_the_unknown_word(name):
    model, data, small = made(name, 9)
    unknown = np.where(small.ids == small.ids[1], 1, np.arange(WORDS))  # old ids with the unknown word for those gone
    x = paddle.to_tensor(data[0])
    dense = model(paddle.to_tensor(unknown[data[0]])).numpy()
    found = small.model(small.translate(x)).numpy()
    np.testing.assert_allclose(found, dense[..., small.kept] if "tied" in name else dense, rtol=1e-4, atol=1e-5)
    assert pl.evaluate(small.model, small.translate(data))["loss"] > 0


def test_the_tokenizer_speaks_the_new_numbers():
    _, _, small = made("lstm", 9)
    assert (small.tokenizer.words["<pad>"], small.tokenizer.words["<unk>"]) == (0, 1)
    assert sorted(small.tokenizer.words.values()) == list(range(9))
    text = "a b c d e f g h"
    old = TOKENIZER.encode(text)
    np.testing.assert_array_equal(small.tokenizer.encode(text), small.translate(old))
    assert 1 in small.tokenizer.encode(" ".join("abcdefghijklmnopqr"))
    assert small.tokenizer.decode([2, 0, 1]).split()[1] == "<unk>"


def test_the_most_frequent_words_stay_and_those_that_must():
    _, data, small = made("lstm", 8)
    counts = np.bincount(data[0].ravel(), minlength=WORDS)
    assert set(small.kept) == {0, 1, *np.argsort(-counts, kind="stable")[:6]}
    rare = int(np.argsort(counts[2:])[0]) + 2
    word = next(w for w, k in TOKENIZER.words.items() if k == rare)
    _, _, small = made("lstm", 8, keep=[word])
    assert rare in small.kept
    _, _, small = made("lstm", 3, keep=[rare])
    assert set(small.kept) == {0, 1, rare}


def test_a_plan_of_other_units_goes_along_and_a_lab_adopts_the_words(tmp_path):
    model, data, small = made("lstm", 8)
    graph = pl.trace(model, [paddle.zeros([1, LENGTH], "int64")])
    start = pl.propose(graph, sparsity=0.5)
    table = small.table
    plan = pl.text.vocabulary_plan(table, pl.text.rank_vocabulary(model, data), 8, stay=(0, 1), start=start)
    assert plan.removed("lstm") == start.removed("lstm") != ()
    assert plan.removed(table.group.name) == small.plan.removed(table.group.name)
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan
    laws.check_exact(table.graph, plan)
    assert small.plan.made["criterion"] == "frequency"
    better = pl.repair(model, plan, data)
    assert pl.compact(better, plan).embed.weight.shape[0] == 8
    assert len(better.repair_report.layers) > 0
    lab = pl.Lab(model, train=data, val=data, repair=True)
    state = lab.adopt(plan)
    assert state.plan.removed(table.group.name) == plan.removed(table.group.name)
    assert lab.back().cost == graph.cost()


@pytest.mark.parametrize("kind", ["dataset", "loader", "arrays", "batches"])
def test_data_is_translated_in_kind(kind):
    _, (x, y), small = made("lstm", 9)
    whole = pl.text.prune_sentences((x, y), len(x))
    dataset = paddle.io.TensorDataset([paddle.to_tensor(x), paddle.to_tensor(y)])
    data = {"dataset": dataset, "loader": paddle.io.DataLoader(dataset, batch_size=7), "arrays": whole,
            "batches": [(x[:20], y[:20]), (x[20:], y[20:])]}[kind]
    expected = pl.evaluate(small.model, (small.ids[x], y))
    assert pl.evaluate(small.model, small.translate(data)) == pytest.approx(expected, rel=1e-5)


def test_without_an_unknown_word_what_is_gone_is_refused_as_input_and_ignored_as_label():
    model, data, _ = made("tied")
    small = pl.text.prune_vocabulary(model, dict(TOKENIZER.words), 9, data=data)
    gone = int(np.setdiff1d(np.unique(data[0]), small.kept)[0])
    with pytest.raises(DataError, match="give ids, integers"):
        small.translate(np.ones((2, 2)))
    with pytest.raises(DataError, match=f"the word {gone} is gone, and no unknown word"):
        small.translate(np.array([[gone]]))
    inputs = np.full((1, 2), small.kept[0])
    translated = small.translate((inputs, np.array([[gone, small.kept[3]]])))
    assert translated[1].tolist() == [[-100, 3]]
    assert "gone" not in small.tokenizer.words
    assert len(small.tokenizer.encode("zzz a")) <= 1  # unknown words are left out


MISTAKES = {
    "a size below": ({"size": 1}, OptionError, "size is 1; it is a whole number from 2 to 20"),
    "a size above": ({"size": 21}, OptionError, "from 2 to 20"),
    "a method": ({"ranking": "freqency"}, UnknownNameError, "did you mean 'frequency'"),
    "scores": ({"ranking": [1.0, 2.0]}, OptionError, r"the shape \(2,\); the vocabulary has 20 words"),
    "words for scores": ({"ranking": ["a"] * 20}, OptionError, "a number a word"),
    "a nan": ({"ranking": [float("nan")] * 20}, OptionError, "is NaN"),
    "a word": ({"keep": ["zebra"]}, UnknownNameError, "unknown word 'zebra' in keep="),
    "an id": ({"keep": [99]}, OptionError, "an id of keep is 99"),
    "no data": ({"data": None}, OptionError, "not traced yet; give inputs="),
    "a table": ({"table": "head"}, UnknownNameError, "unknown vocabulary 'head'"),
    "unknown": ({"unknown": "hm"}, UnknownNameError, "in unknown="),
    "ids": ({"data": (np.full((4, 3), 33), np.zeros(4, "int64"))}, DataError, "has the id 33; the vocabulary embed"),
    "floats": ({"data": (np.full((4, 3), 0.5, "float32"), np.zeros(4, "int64"))}, Exception, "int"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    options, error, says = MISTAKES[name]
    model = Classifier().eval()
    x, y = sentences()
    options = {"size": 9, "data": (x, y), "ranking": "frequency", **options}
    with pytest.raises(error, match=says):
        pl.text.prune_vocabulary(model, TOKENIZER, **options)


def test_a_tokenizer_that_does_not_fit_and_a_model_without_words():
    x, y = sentences()
    with pytest.raises(OptionError, match="gives 'far' the id 77, and embed:vocabulary has the ids 0 to 19"):
        pl.text.prune_vocabulary(Classifier(), {"far": 77}, 9, data=(x, y))
    with pytest.raises(OptionError, match="Linear has no vocabulary that can shrink: no table"):
        pl.text.prune_vocabulary(nn.Linear(3, 4), TOKENIZER, 9, inputs=(1, 3))
    with pytest.raises(OptionError, match=r"give a pl\.text\.Tokenizer, a dict"):
        pl.text.prune_vocabulary(Classifier(), 3, 9, data=(x, y))
