"""Words and sentences in order of importance: values that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from text_nets import WORDS, Bag, Classifier, Encoder, Language, sentences

import prunelab as pl
from prunelab.errors import DataError, OptionError, UnknownNameError
from prunelab.testing import laws

IDS = np.array([[2, 2, 3, 4], [2, 3, 0, 0], [2, 5, 5, 0]], "int64")
LABELS = np.array([0, 1, 1], "int64")


def test_frequency_and_tf_idf_by_hand():
    model = Bag(np.random.default_rng(0).normal(size=(7, 2)))
    counted = pl.text.rank_vocabulary(model, (IDS, LABELS), "frequency")
    assert counted.scores.tolist() == [3, 0, 4, 2, 1, 2, 0]
    assert counted.order.tolist() == [2, 0, 3, 5, 4, 1, 6]
    weighed = pl.text.rank_vocabulary(model, (IDS, LABELS), "tf_idf")
    log = np.log
    np.testing.assert_allclose(weighed.scores, [3 * log(1.5), 0, 0, 2 * log(1.5), log(3), 2 * log(3), 0])


def test_a_language_models_labels_are_words_too():
    paddle.seed(0)
    x, _ = sentences(8)
    labels = np.roll(x, -1, 1)
    labels[:, -1] = -100
    found = pl.text.rank_vocabulary(Language(), (x, labels))
    assert found.scores.sum() == x.size + (labels >= 0).sum()


def test_the_gradient_by_hand():
    rows = np.random.default_rng(0).normal(size=(7, 2))
    model = Bag(rows)
    # the loss is the sum of the first output: each occurrence's gradient is (1/4, 0)
    found = pl.text.rank_vocabulary(model, (IDS, LABELS), "gradient", loss=lambda out, y: out[:, 0].mean())
    counts = np.bincount(IDS.ravel(), minlength=7)
    np.testing.assert_allclose(found.scores, counts * np.abs(rows[:, 0]) / 4, rtol=1e-5)


def test_masking_by_hand():
    rows = np.random.default_rng(0).normal(size=(7, 2))
    model = Bag(rows)

    def loss(ids, y):
        return F.cross_entropy(paddle.to_tensor(rows[ids].mean(0, keepdims=True)), paddle.to_tensor([y])).item()

    found = pl.text.rank_vocabulary(model, (IDS, LABELS), "masking", unknown=1)
    expected = np.zeros(7)
    for ids, y in zip(IDS, LABELS, strict=True):
        for word in set(ids.tolist()):
            expected[word] += loss(np.where(ids == word, 1, ids), y) - loss(ids, y)
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)
    other = pl.text.rank_vocabulary(model, (IDS, LABELS), "masking", unknown=1,
                                    loss=lambda out, y: F.cross_entropy(out, y))
    np.testing.assert_allclose(other.scores, expected, atol=1e-5)


@pytest.mark.parametrize("make", [Classifier, Encoder, Language])
@pytest.mark.parametrize("method", pl.text.WORD_METHODS)
def test_every_method_on_every_network_leaves_the_model_as_it_was(make, method):
    paddle.seed(0)
    model = make()
    x, y = sentences(12)
    before, mode = laws.bits(model), model.training
    found = pl.text.rank_vocabulary(model, (x, np.roll(x, -1, 1) if make is Language else y), method, unknown=1,
                                    samples=10)
    assert found.scores.shape == (WORDS,)
    assert np.isfinite(found.scores).all()
    assert np.abs(found.scores[np.unique(x[:10])]).sum() > 0
    assert (laws.bits(model), model.training) == (before, mode)
    assert all(p.grad is None for p in model.parameters())


def test_a_ranking_shows_its_words():
    model = Bag(np.ones((7, 2)))
    tokenizer = [f"w{k}" for k in range(7)]
    found = pl.text.rank_vocabulary(model, (IDS, LABELS), tokenizer=tokenizer)
    assert found.top(2) == [("w2", 4.0), ("w0", 3.0)]
    assert "7 words by frequency: w2 4, w0 3" in repr(found)
    assert "w2" in found._repr_html_()


def test_coverage_takes_new_words_first():
    x = np.array([[2, 2, 2, 2], [2, 3, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7], [8, 9, 2, 2], [2, 2, 2, 2]], "int64")
    found = pl.text.rank_sentences((x, np.zeros(6, "int64")))
    # the twins 2 and 3 have the largest gain, and one of them is worth less once the other is there
    assert found.order[0] == 2
    assert found.order[1] == 4
    assert set(found.order[-2:]) == {0, 5}
    core = pl.text.prune_sentences((x, np.arange(6)), 3)
    assert core[1].tolist() == sorted(found.order[:3])


def test_coverage_is_greedy_and_beats_chance():
    x, _ = sentences(60, seed=3)
    x = np.random.default_rng(0).zipf(1.3, size=(60, 12)).clip(2, 400)

    def covered(rows):
        holders = np.array([(x == w).any(1).sum() for w in range(401)])
        weight = np.log(60 / np.maximum(holders, 1))
        return (weight * np.sqrt(np.bincount(x[rows].ravel(), minlength=401))).sum()

    order = pl.text.rank_sentences((x, np.zeros(60))).order
    best = max(range(60), key=lambda k: covered([k]))
    assert order[0] == best
    second = max((k for k in range(60) if k != best), key=lambda k: covered([best, k]))
    assert covered(order[:2]) == pytest.approx(covered([best, second]))
    chance = [covered(np.random.default_rng(s).permutation(60)[:15]) for s in range(20)]
    assert covered(order[:15]) > max(chance)


def test_losses_margins_and_gradient_norms_by_hand():
    paddle.seed(0)
    model, (x, y) = Encoder().eval(), sentences(9)
    logits = model(paddle.to_tensor(x))
    p = F.softmax(logits).numpy()
    losses = pl.text.rank_sentences((x, y), "loss", model=model).scores
    np.testing.assert_allclose(losses, -np.log(p[np.arange(9), y]), rtol=1e-4)
    other = np.where(np.arange(3) == y[:, None], -1, p).max(1)
    margins = pl.text.rank_sentences((x, y), "margin", model=model).scores
    np.testing.assert_allclose(margins, 1 - (p[np.arange(9), y] - other), rtol=1e-4)
    norms = pl.text.rank_sentences((x, y), "gradient_norm", model=model).scores
    for k in (0, 5):
        loss = F.cross_entropy(model(paddle.to_tensor(x[k : k + 1])), paddle.to_tensor(y[k : k + 1]))
        slopes = paddle.grad(loss, model.parameters())
        assert norms[k] == pytest.approx(sum(float((g**2).sum().item()) for g in slopes) ** 0.5, rel=1e-4)


def test_forgetting_trains_a_copy_and_a_wrong_label_is_never_learned():
    paddle.seed(0)
    model, (x, y) = Encoder(), sentences(90)
    wrong = y.copy()
    wrong[0] = (y[0] + 1) % 3
    before = laws.bits(model)
    found = pl.text.rank_sentences((x, wrong), "forgetting", model=model, epochs=8, lr=0.02)
    assert laws.bits(model) == before
    assert found.scores[0] >= np.quantile(found.scores, 0.9)
    assert found.scores.min() == 0
    again = pl.text.rank_sentences((x, wrong), "forgetting", model=model, epochs=8, lr=0.02)
    np.testing.assert_array_equal(found.scores, again.scores)


def test_recurrent_networks_have_gradients_too():
    paddle.seed(0)
    model, (x, y) = Classifier().eval(), sentences(4)
    assert (pl.text.rank_sentences((x, y), "gradient_norm", model=model).scores > 0).all()


def test_a_core_is_of_the_datasets_kind_and_keeps_classes_even():
    x, y = sentences(60)
    y[:40] = 0
    scores = np.arange(60.0)
    dataset = paddle.io.TensorDataset([paddle.to_tensor(x), paddle.to_tensor(y)])
    core = pl.text.prune_sentences(dataset, 12, scores)
    assert core.indices == list(range(48, 60))
    assert pl.text.prune_sentences(dataset, 12, scores, keep="lowest").indices == list(range(12))
    even = pl.text.prune_sentences((x, y), 12, scores, by_class=True)
    whole = np.bincount(y, minlength=3) / 60
    assert np.abs(np.bincount(even[1], minlength=3) / 12 - whole).max() < 1 / 12
    everything = pl.text.prune_sentences((x, y), 60, scores, by_class=True)
    np.testing.assert_array_equal(everything[0], x)
    assert pl.evaluate(Classifier(), core)["loss"] > 0


MISTAKES = [
    (lambda x, y: pl.text.rank_sentences((x, y), "losss"), UnknownNameError, "did you mean 'loss'"),
    (lambda x, y: pl.text.rank_sentences((x, y), "loss"), OptionError, "looks at a model; give model="),
    (lambda x, y: pl.text.prune_sentences((x, y), 0), OptionError, "n is 0; it is a whole number from 1 to 40"),
    (lambda x, y: pl.text.prune_sentences((x, y), 41), OptionError, "from 1 to 40"),
    (lambda x, y: pl.text.prune_sentences((x, y), 3, [1.0]), OptionError, r"shape \(1,\); the dataset has 40"),
    (lambda x, y: pl.text.prune_sentences((x, y), 3, y, keep="best"), UnknownNameError, "choice 'best'"),
    (lambda x, y: pl.text.prune_sentences((x, y), 3, y, model=1), OptionError, "model is for a method by name"),
    (lambda x, y: pl.text.prune_sentences((x, y), 3, "loss", modle=1), UnknownNameError, "did you mean 'model'"),
    (lambda x, y: pl.text.prune_sentences((x, y[:3]), 3), DataError, "40, 3 samples"),
    (lambda x, y: pl.text.prune_sentences([x], 3), DataError, "give a map-style Dataset"),
    (lambda x, y: pl.text.prune_sentences((x * 0.5, y), 3), OptionError, "coverage counts words"),
    (lambda x, y: pl.text.rank_vocabulary(Classifier(), (x, y), "loss"), UnknownNameError, "known: frequency"),
    (lambda x, y: pl.text.rank_vocabulary(Classifier(), (x, y), "masking"), OptionError, "give unknown="),
    (lambda x, y: pl.text.rank_vocabulary(Classifier(), (x, y), unknown="a"), OptionError, "there is no tokenizer"),
    (lambda x, y: pl.text.rank_vocabulary(Classifier(), (x, y), samples=0), OptionError, "samples is 0"),
    (lambda x, y: pl.text.rank_vocabulary(Classifier(), []), DataError, "no batches"),
]


@pytest.mark.parametrize("k", range(len(MISTAKES)))
def test_mistakes(k):
    call, error, says = MISTAKES[k]
    with pytest.raises(error, match=says):
        call(*sentences())
