"""Words that go: rows of tables, the scores of words, and the ids that the smaller model takes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from networks import Residual
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, PlanError, UnknownNameError
from prunelab.testing import laws

SCHEMA = json.loads((Path(pl.__file__).parent / "plan" / "plan.schema.json").read_text())
WORDS, IDS = 23, [paddle.zeros([1, 5], "int64")]


class Tagger(nn.Layer):
    """A class for each word: the outputs keep all of their axes."""

    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.out = nn.Embedding(WORDS, 8), nn.LSTM(8, 6), nn.Linear(6, 4)

    def forward(self, ids):
        return self.out(self.rnn(self.embed(ids))[0])


class Tied(nn.Layer):
    """A small language model whose table also scores the words, with a bias a word."""

    def __init__(self):
        super().__init__()
        self.embed, self.places = nn.Embedding(WORDS, 8), nn.Embedding(5, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, normalize_before=True)
        self.encoder, self.norm = nn.TransformerEncoder(layer, 2), nn.LayerNorm(8)
        self.bias = self.create_parameter([WORDS], is_bias=True)

    def forward(self, ids):
        h = self.embed(ids) + self.places(paddle.arange(ids.shape[1]))
        h = self.norm(self.encoder(h))
        return paddle.matmul(h, self.embed.weight, transpose_y=True) + self.bias


class TiedLSTM(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.down = nn.Embedding(WORDS, 8), nn.LSTM(8, 6), nn.Linear(6, 8)

    def forward(self, ids):
        h = self.down(self.rnn(self.embed(ids))[0])
        return F.linear(h, self.embed.weight.t())


class Untied(nn.Layer):
    """A matrix of its own that scores the words."""

    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = nn.Embedding(WORDS, 8), nn.GRU(8, 6), nn.Linear(6, WORDS)

    def forward(self, ids):
        return self.head(self.rnn(self.embed(ids))[0])


class Padded(nn.Layer):
    """Word 3 looks up zeros, and is no part of the mean; word 7 ends a sentence."""

    def __init__(self, padding=3):
        super().__init__()
        self.embed, self.out = nn.Embedding(WORDS, 8, padding_idx=padding), nn.Linear(8, 4)
        self.deep = nn.Embedding(WORDS, 8)

    def forward(self, ids):
        real = (ids != 3).astype("float32").unsqueeze(-1)
        ends = (ids == 7).astype("float32").sum(1, keepdim=True)
        h = ((self.embed(ids) + self.deep(ids)) * real).sum(1) / (real.sum(1) + 1)
        return self.out(F.relu(h)) * (1 + ends)


class Translator(nn.Layer):
    """One table for two languages' ids, and a table of the second alone."""

    def __init__(self):
        super().__init__()
        self.embed, self.more = nn.Embedding(WORDS, 8), nn.Embedding(WORDS, 8)
        self.encode, self.decode = nn.GRU(8, 8), nn.GRU(8, 8)

    def forward(self, source, target):
        _, state = self.encode(self.embed(source))
        h, _ = self.decode(self.embed(target) + self.more(target), state)
        return paddle.matmul(h, self.embed.weight, transpose_y=True)


NETWORKS = {
    "tagger": (Tagger, IDS, {"embed:vocabulary": ["embed.weight[0]"]}),
    "tied": (Tied, IDS, {"embed:vocabulary": ["embed.weight[0]", "bias[0]"]}),
    "tied lstm": (TiedLSTM, IDS, {"embed:vocabulary": ["embed.weight[0]"]}),
    "untied": (Untied, IDS, {"embed:vocabulary": ["embed.weight[0]", "head.weight[1]", "head.bias[0]"]}),
    "padded": (Padded, IDS, {"embed:vocabulary": ["embed.weight[0]", "deep.weight[0]"]}),
    "translator": (Translator, [*IDS, paddle.zeros([1, 4], "int64")],
                   {"embed:vocabulary": ["embed.weight[0]", "more.weight[0]"]}),
}


def words_of(graph):
    return {g.name: [str(m) for m in g.members] for g in graph.at("vocabulary") if g.prunable}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_laws(name, tmp_path):
    make, inputs, members = NETWORKS[name]
    model = laws.stir(make()).eval()
    graph = pl.trace(model, inputs)
    assert words_of(graph) == members
    before = laws.bits(model)
    plan = pl.propose(graph, granularity="vocabulary", sparsity=0.5)
    group, = (g for g in plan.groups if g.n_removed)
    assert (group.granularity, group.n_removed) == ("vocabulary", 11)
    small = laws.check_exact(graph, plan)
    laws.check_exact(graph, plan, form="graph")
    laws.check_cost(graph, plan, small)
    laws.check_lives(graph, plan, small)
    assert laws.bits(model) == before
    jsonschema.validate(plan.to_json(), SCHEMA)
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan
    assert "12 of 23 units left" in str(group.picture())
    assert group.picture()._repr_html_().count("<rect") == WORDS


@pytest.mark.parametrize("name", NETWORKS)
def test_words_and_channels_go_together(name):
    make, inputs, _ = NETWORKS[name]
    graph = pl.trace(laws.stir(make()).eval(), inputs)
    words = pl.propose(graph, "random", granularity="vocabulary", sparsity=0.3)
    plan = pl.propose(graph, sparsity=0.5, start=words)
    assert plan.removed("embed:vocabulary") == words.removed("embed:vocabulary") != ()
    assert len([g for g in plan.groups if g.n_removed]) > 1
    laws.check_cost(graph, plan, laws.check_exact(graph, plan))
    other = pl.propose(graph, "random", granularity="vocabulary", sparsity=0.3, start=pl.propose(graph, sparsity=0.5))
    assert other.cost == graph.cost(plan)


def test_the_scores_of_kept_words_are_those_of_the_dense_model():
    """Ids by hand, as a person would translate them."""
    model = Tied().eval()
    plan = pl.propose(pl.trace(model, IDS), granularity="vocabulary", sparsity=0.5)
    group = plan.group("embed:vocabulary")
    kept = np.array(group.kept)
    words = kept[[[0, 4, 2, 2, 9]]]
    small = pl.compact(model, plan)
    assert type(small) is Tied
    assert small.embed._num_embeddings == len(kept) == 12
    scores = small(paddle.to_tensor(group.renumbered[words])).numpy()
    np.testing.assert_allclose(scores, model(paddle.to_tensor(words)).numpy()[..., kept], rtol=1e-5, atol=1e-6)


def test_the_words_of_largest_rows_stay():
    model = Untied()
    plan = pl.propose(pl.trace(model, IDS), granularity="vocabulary", sparsity=0.5)
    norms = np.abs(model.embed.weight.numpy()).sum(1) + np.abs(model.head.weight.numpy()).sum(0)
    group = plan.group("embed:vocabulary")
    assert norms[list(group.removed)].max() <= norms[list(group.kept)].min()


def test_words_that_the_forward_spells_stay_and_are_renumbered():
    model = laws.stir(Padded()).eval()
    graph = pl.trace(model, IDS)
    group, = graph.at("vocabulary")
    assert group.stay == (3, 7)
    plan = pl.propose(graph, "random", granularity="vocabulary", sparsity=0.95)
    assert plan.group(group.name).kept == (3, 7)
    assert type(pl.compact(model, plan)).__name__ == "GraphLayer"  # the class's own forward says 3 and 7
    bad = plan.with_removed(graph, {group.name: [0]})
    later = plan.with_removed(graph, {group.name: range(8, 23)})
    assert type(pl.compact(model, later)) is Padded
    assert (graph.cost(bad).params, graph.cost(later).params) != (0, 0)
    with pytest.raises(PlanError, match=r"unit 3 of embed:vocabulary cannot go: .* \(test_vocabulary.py, line \d+\)"):
        plan.with_removed(graph, {group.name: [1, 3]})


@pytest.mark.parametrize(("padding", "removed", "left"), [(3, [0, 1], 1), (2, [2, 20], None), (-1, [0, 1], WORDS - 3)])
def test_a_padding_follows_its_word(padding, removed, left):
    class Plain(Padded):
        def forward(self, ids):
            return self.out(self.embed(ids))

    model = laws.stir(Plain(padding)).eval()
    graph = pl.trace(model, IDS)
    plan = pl.Plan.empty(graph.opened("vocabulary")).with_removed(graph, {"embed:vocabulary": removed})
    small = laws.check_exact(graph, plan)
    assert type(small) is Plain
    assert small.embed._padding_idx == left


class Reads(nn.Layer):
    def __init__(self, read):
        super().__init__()
        self.embed, self.out, self.read = nn.Embedding(WORDS, 8), nn.Linear(8, 4), read

    def forward(self, ids):
        return self.read(self, ids)


FROZEN = {
    "its numbers": (lambda m, ids: m.out(m.embed(ids)) * ids.astype("float32").unsqueeze(-1), "reads as numbers"),
    "a sum of ids": (lambda m, ids: m.out(m.embed(ids + 1)), "numbers that the model computes"),
    "an echo": (lambda m, ids: (m.out(m.embed(ids)), ids), "gives back"),
    "a softmax": (lambda m, ids: F.softmax(paddle.matmul(m.embed(ids), m.embed.weight, transpose_y=True)), "softmax"),
    "a mean of scores": (
        lambda m, ids: m.out(m.embed(ids)) + F.sigmoid(
            paddle.matmul(m.embed(ids), m.embed.weight, transpose_y=True)).mean(-1, keepdim=True), "mean"),
}


@pytest.mark.parametrize("name", FROZEN)
def test_a_vocabulary_that_cannot_shrink_says_why(name):
    read, why = FROZEN[name]
    graph = pl.trace(Reads(read).eval(), IDS)
    assert not words_of(graph)
    with pytest.raises(OptionError, match=why):
        pl.propose(graph, granularity="vocabulary", sparsity=0.5)


def test_a_class_for_each_word_is_no_score_of_words():
    """An output of as many classes as there are words, but not one at each place, is left as it is."""
    class Classifier(Untied):
        def forward(self, ids):
            return super().forward(ids)[:, -1]

    graph = pl.trace(Classifier().eval(), IDS)
    assert words_of(graph) == {"embed:vocabulary": ["embed.weight[0]"]}


def test_other_granularities_are_as_ever():
    graph = pl.trace(Tied().eval(), IDS)
    assert "vocabulary" not in {g.granularity for g in graph.groups if g.prunable}
    assert pl.propose(graph, sparsity=0.5).cost.params < graph.cost().params
    names = {g.name for g in graph.prunable}
    assert {g.name for g in graph.opened("vocabulary").prunable} == names | {"embed:vocabulary"}


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"ratios": {"embed": 0.5}}, None, ""),
    ({"ratios": {"norm": 0.5}}, UnknownNameError, "norm"),
    ({"ignore": ["emmbed"], "sparsity": 0.5}, UnknownNameError, "did you mean 'embed"),
    ({"criterion": "activation", "sparsity": 0.5}, OptionError, "needs activations"),
    ({}, OptionError, "no target"),
])
def test_options(options, error, says):
    graph = pl.trace(Tied().eval(), IDS)
    if error is None:
        assert pl.propose(graph, granularity="vocabulary", **options).group("embed:vocabulary").n_removed == 11
        return
    with pytest.raises(error, match=says):
        pl.propose(graph, granularity="vocabulary", **options)


def test_a_table_of_two_words_stays_and_a_group_explains_itself():
    class Segments(Tied):
        def __init__(self):
            super().__init__()
            self.kind = nn.Embedding(2, 8)

        def forward(self, ids, kinds):
            return super().forward(ids) + self.kind(kinds).mean(-1, keepdim=True)

    graph = pl.trace(Segments().eval(), [*IDS, *IDS])
    reasons = {g.name: g.reason for g in graph.at("vocabulary")}
    assert reasons["embed:vocabulary"] == ""
    assert reasons["kind:vocabulary"] == "it has two words"
    told = graph.explain("embed:vocabulary")
    assert {"embedding", "matmul"} <= {link.operator for link in told.links}
    assert "23 words" in str(graph.at("vocabulary")[0])
    plan = pl.propose(graph, granularity="vocabulary", sparsity=0.95)
    assert len(plan.group("embed:vocabulary").kept) == 2
    laws.check_exact(graph, plan)
    with pytest.raises(PlanError, match="keep at least 2"):
        plan.with_removed(graph, {"embed:vocabulary": range(22)})


def test_a_network_without_words_is_told_so():
    with pytest.raises(OptionError, match="no vocabulary that can be cut: it has none"):
        pl.propose(pl.trace(Residual().eval(), (1, 3, 16, 16)), granularity="vocabulary", sparsity=0.5)
