"""What an operator gives beside its result has dims where somebody asks for it."""

from __future__ import annotations

import paddle
import pytest
from paddle import nn

import prunelab as pl


class Largest(nn.Layer):
    """A normalised layer, the largest of its units and, if asked for, their places."""

    def __init__(self, places: bool) -> None:
        super().__init__()
        self.a, self.norm, self.b, self.places = nn.Linear(4, 8), nn.BatchNorm1D(8), nn.Linear(8, 6), places

    def forward(self, x):
        values, places = paddle.topk(self.b(self.norm(self.a(x))), 2)
        return (values, places) if self.places else values


@pytest.mark.parametrize("places", [True, False])
def test_by_products_have_dims_where_they_are_read_or_given(places):
    graph = pl.trace(Largest(places), (1, 4))
    program, dims = graph.program, graph.structure.solution.dims
    norm, topk = (next(op for op in program.ops if op.name.startswith(name)) for name in ("batch_norm", "topk"))
    assert program.asked_for.isdisjoint(norm.outputs[1:])
    assert dims.keys().isdisjoint(norm.outputs[1:])
    assert (topk.outputs[1] in program.asked_for) == places
    assert dims.keys() >= program.asked_for.intersection(v for op in program.ops for v in op.outputs)
    assert graph.group("a").prunable
