from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from networks import IDS, Recurrent, Residual
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError
from prunelab.graph import rules
from prunelab.testing.laws import bits


class Activated(nn.Layer):
    """A sum over units after a function: exact to cut only where the function keeps zero."""

    def __init__(self, function):
        super().__init__()
        self.a, self.b, self.function = nn.Linear(6, 8), nn.Linear(1, 3), function

    def forward(self, x):
        return self.b(self.function(self.a(x)).sum(-1, keepdim=True))


class Branches(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 8)

    def forward(self, x):
        return self.a(x) if x.sum() > 0 else x


class Samples(nn.Layer):
    """Keys that are chosen by chance, in eval mode too (Informer)."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.out = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(4, 3)

    def forward(self, x):
        chosen = paddle.randint(0, x.shape[1], [4])
        return self.out(self.q(x) @ paddle.gather(self.k(x), chosen, axis=1).transpose([0, 2, 1]))


@pytest.fixture
def table():
    """The table of rules as it was, afterwards."""
    before = dict(rules.RULES)
    yield rules.RULES
    rules.RULES.clear()
    rules.RULES.update(before)


def test_a_model_that_holds_the_laws(capsys):
    model = Residual()
    before = bits(model)
    verdict = pl.testing.check_model(model, (1, 3, 16, 16))
    assert verdict
    assert bits(model) == before
    printed = capsys.readouterr().out
    assert printed.startswith("Residual can be pruned\n")
    assert "holds  a cut is exact" in printed
    assert "frozen  " in printed
    assert [f.holds for f in verdict.findings] == [True] * 7
    assert "it can be read</td>" in verdict._repr_html_()


def test_a_law_that_cannot_be_tried_is_not_said_to_hold():
    verdict = pl.testing.check_model(Recurrent(nn.LSTM), IDS, say=False)
    assert verdict
    assert [f.law for f in verdict.findings if f.holds is None] == ["the graph has the model's gradients"]


class Spoils(nn.Layer):
    """It writes over what its own backward reads; one of its outputs is a half."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.a(x)
        h.multiply_(h)
        y = self.out(h)
        return y, y.astype("float16")


def test_a_backward_that_the_model_itself_lacks_is_no_law_that_fails():
    verdict = pl.testing.check_model(Spoils(), (1, 6), say=False)
    assert verdict
    assert ["the model's own backward fails" in f.seen for f in verdict.findings if f.holds is None] == [True]


def test_a_model_that_cannot_be_read(capsys):
    verdict = pl.testing.check_model(Branches(), (1, 6))
    assert not verdict
    assert "test_testing.py, line" in capsys.readouterr().out


def test_a_wrong_rule_fails_the_verdict(table):
    rules.register("sigmoid", table["relu"], replace=True)
    verdict = pl.testing.check_model(Activated(F.sigmoid), (1, 6), say=False)
    assert [f.law for f in verdict.findings if f.holds is False] == ["a cut is exact"]
    assert "differs from the masked model" in next(f.seen for f in verdict.findings if f.holds is False)


def test_a_rule_from_outside(table):
    keep = table.pop("tanh")
    assert not pl.trace(Activated(paddle.tanh), (1, 6)).prunable
    assert "no rule for the operator tanh" in pl.trace(Activated(paddle.tanh), (1, 6)).group("a").reason
    rules.register("tanh", rules.Rule(lambda step: step.give(step.dims(), step.dirty())))
    pl.testing.check_operator("tanh", Activated(paddle.tanh), (1, 6))
    with pytest.raises(OptionError, match="replace=True"):
        rules.register("tanh", keep)
    with pytest.raises(OptionError, match=r"give a prunelab\.graph\.rules\.Rule"):
        rules.register("sinh", keep.widths, replace=True)


def test_the_contract_of_an_operator(table):
    pl.testing.check_operator("sigmoid", Activated(F.sigmoid), (1, 6), prunable=False)
    with pytest.raises(AssertionError, match="frozen: a sum over values"):
        pl.testing.check_operator("sigmoid", Activated(F.sigmoid), (1, 6))
    with pytest.raises(AssertionError, match="does not use conv2d"):
        pl.testing.check_operator("conv2d", Activated(F.sigmoid), (1, 6))
    rules.register("sigmoid", table["relu"], replace=True)
    with pytest.raises(AssertionError, match="differs from the masked model"):
        pl.testing.check_operator("sigmoid", Activated(F.sigmoid), (1, 6))


def test_a_forward_that_draws_numbers_is_compared_at_the_same_ones():
    state = [s.current_seed() for s in paddle.get_rng_state()]
    assert pl.testing.check_model(Samples(), (2, 9, 6), say=False)
    assert [s.current_seed() for s in paddle.get_rng_state()] == state
