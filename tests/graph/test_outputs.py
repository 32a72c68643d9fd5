"""What forwards return: classes of somebody's own among the outputs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import TraceError
from prunelab.testing import laws


@dataclass
class Scores:
    logits: Any
    hidden: Any = None


@dataclass(frozen=True)
class Frozen:
    """Nobody can set its fields."""

    logits: Any
    hidden: Any


@dataclass
class Both(OrderedDict):  # type: ignore[type-arg]
    """A dict whose values are attributes too, as libraries of language models return them."""

    logits: Any
    hidden: Any = None

    def __post_init__(self):
        for name in ("logits", "hidden"):
            super().__setitem__(name, getattr(self, name))

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)


class Plain:
    def __init__(self, logits, hidden):
        self.logits, self.hidden = logits, hidden


class Answers(nn.Layer):
    def __init__(self, kind):
        super().__init__()
        self.a, self.out, self.aux, self.kind = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 2), kind

    def forward(self, x):
        h = F.relu(self.a(x).reshape([-1, 2, 4]).reshape([-1, 8]))
        return self.kind(self.out(h), {"aux": [self.aux(h), "text"]})


@pytest.mark.parametrize("kind", [Scores, Frozen, Both])
@pytest.mark.parametrize("form", ["auto", "graph"])
def test_a_record_of_tensors_is_an_output_and_stays_of_its_class(kind, form):
    model = laws.stir(Answers(kind))
    found = laws.check_all(model, (1, 6))
    assert found["gone"] > 0.4
    assert {g.name: g.reason for g in found["graph"].groups if not g.prunable}.keys() == {"out", "aux"}
    graph, x = found["graph"], paddle.randn([3, 6])
    told = pl.compact(model, laws.half_of_every_group(graph), form=form)(x)
    assert type(told) is kind
    assert told.logits.shape == [3, 3]
    assert told.hidden["aux"][1] == "text"


def test_an_object_that_hides_tensors_is_refused():
    with pytest.raises(TraceError, match="returns a Plain that holds a tensor as 'logits'"):
        pl.trace(Answers(Plain), (1, 6))
