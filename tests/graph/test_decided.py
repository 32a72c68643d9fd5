"""A forward may branch on what its model holds: the graph has the branch that is taken."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.testing import laws


def number(value):
    return nn.initializer.Constant(value)


class Scaled(nn.Layer):
    """The second branch of a block in PP-YOLOE+ is scaled where it has a factor."""

    def __init__(self, alpha):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(3, 8, 1), nn.Conv2D(8, 2, 1)
        self.alpha = self.create_parameter([1], default_initializer=number(alpha))
        self.register_buffer("ready", paddle.to_tensor([1]))

    def forward(self, x):
        h = self.a(x)
        if self.alpha:
            h = h + self.alpha * self.b(x)
        return self.out(F.relu(h))


class Asks(Scaled):
    """Other ways to ask."""

    def forward(self, x):
        h = self.a(x)
        if not self.ready:
            h = h * 3
        if self.alpha > 0.5 and self.ready == 1:
            h = h + self.b(x)
        return self.out(F.relu(h) if self.ready else h)


@pytest.mark.parametrize("cls", [Scaled, Asks])
@pytest.mark.parametrize("alpha", [1.0, 0.25, 0.0, -1.0])
def test_a_branch_on_the_models_own_number_is_the_one_that_is_taken(cls, alpha):
    """A tensor below zero is false to Paddle."""
    model = cls(alpha)
    assert laws.check_all(model, (1, 3, 6, 6))["form"] == cls.__name__
    taken = alpha > 0 if cls is Scaled else alpha > 0.5
    program = pl.trace(model, (1, 3, 6, 6)).program
    used = {p.name for p in program.parameters if p.layer == "b" and p.value in program.consumers}
    assert used == ({"b.weight", "b.bias"} if taken else set())


class Doubts(Scaled):
    def forward(self, x):
        h = self.a(x)
        return self.out(h if self.alpha * x.sum() > 0 else -h)


class Negates(Scaled):
    def forward(self, x):
        h = self.a(x)
        if not self.alpha:
            h = h * 3
        return self.out(h)


@pytest.mark.parametrize("cls", [Doubts, Negates])
def test_a_branch_that_is_not_known_is_refused(cls):
    """One on the inputs; and one on a number below zero, which has two truths."""
    with pytest.raises(pl.PrunelabError, match=r"test_decided\.py"):
        pl.trace(cls(-1.0), (1, 3, 6, 6))
