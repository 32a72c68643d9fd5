"""A width that was cut through layer norms is exported as it computes, at any batch."""

from __future__ import annotations

from pathlib import Path

import paddle
from paddle import nn

import prunelab as pl
from prunelab.surgery.norms import WidthLayerNorm
from prunelab.testing import laws


class Residual(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.inp, self.out, self.norm = nn.Linear(6, 16), nn.Linear(16, 3), nn.LayerNorm(16)
        self.block = nn.TransformerEncoderLayer(16, 2, 24, normalize_before=True)

    def forward(self, x):
        return self.out(self.norm(self.block(self.inp(x))))


def test_a_residual_width(tmp_path: Path) -> None:
    model = laws.stir(Residual()).eval()
    graph = pl.trace(model, (1, 5, 6))
    small = pl.compact(model, pl.propose(graph, sparsity=0.5, granularity="width"))
    assert isinstance(small.norm, WidthLayerNorm)
    out = pl.export(small, tmp_path / "out", ("paddle", "onnx"), inputs=(1, 5, 6), timing=None)
    assert max(out.parity.values()) < 1e-4
    x = paddle.randn([4, 5, 6])
    loaded = paddle.jit.load(str(tmp_path / "out" / "model"))
    assert float((loaded(x) - small(x)).abs().max()) < 1e-4
