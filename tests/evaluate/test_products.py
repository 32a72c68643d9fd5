"""Convolutions as products of a whole batch: Paddle's numbers within rounding, whatever the shapes; Paddle's own where
they do not apply."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle import nn

import prunelab as pl
from prunelab.evaluate.products import Convolution, ProductExecutor, spans
from prunelab.graph.execute import execute
from prunelab.graph.rules import RULES

sizes = st.integers(1, 5)


@given(n=sizes, channels=sizes, outputs=sizes, kernel=st.tuples(sizes, sizes),
       strides=st.tuples(*[st.integers(1, 3)] * 2), paddings=st.tuples(*[st.integers(0, 6)] * 4),
       more=st.tuples(*[st.integers(0, 9)] * 2))
@settings(max_examples=150, deadline=None)
def test_a_convolution_gives_what_paddles_gives(n: int, channels: int, outputs: int, kernel: tuple[int, int],
                                                strides: tuple[int, int], paddings: tuple[int, int, int, int],
                                                more: tuple[int, int]) -> None:
    above, below, left, right = paddings
    height = max(1, kernel[0] - above - below + more[0])
    width = max(1, kernel[1] - left - right + more[1])
    rng = np.random.default_rng([n, channels, outputs])
    x = rng.normal(size=(n, channels, height, width)).astype(np.float32)
    weight = rng.normal(size=(outputs, channels, *kernel)).astype(np.float32)
    expected = F.conv2d(paddle.to_tensor(x), paddle.to_tensor(weight), stride=list(strides), padding=list(paddings))
    found = Convolution(weight, strides, paddings)(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_windows_that_fill_more_than_a_part_of_memory_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, weight = (rng.normal(size=s).astype(np.float32) for s in ((7, 3, 6, 6), (4, 3, 3, 3)))
    whole = Convolution(weight, (1, 1), (1, 1, 1, 1))(x)
    monkeypatch.setattr(sys.modules[Convolution.__module__], "_WINDOWS", 1000)  # two samples and some
    np.testing.assert_allclose(Convolution(weight, (1, 1), (1, 1, 1, 1))(x), whole, atol=1e-5)


def test_only_taps_that_meet_the_map_are_read() -> None:
    (span,) = spans(1, 3, 1, 1, 1)
    assert (span.low, span.high) == (1, 2)
    told = [(s.first, s.last, s.low, s.high) for s in spans(8, 3, 1, 1, 1)]
    assert told == [(0, 1, 1, 3), (1, 7, 0, 3), (7, 8, 0, 2)]


LAYERS: dict[str, Any] = {
    "plain": lambda: nn.Conv2D(4, 6, 3, padding=1),
    "strided": lambda: nn.Conv2D(4, 6, (3, 2), stride=2, padding=(1, 2, 0, 1)),
    "same": lambda: nn.Conv2D(4, 6, 3, padding="SAME"),
    "grouped": lambda: nn.Conv2D(4, 6, 3, groups=2),
    "depthwise": lambda: nn.Conv2D(4, 4, 3, groups=4),
    "dilated": lambda: nn.Conv2D(4, 6, 3, dilation=2),
    "channels last": lambda: nn.Conv2D(9, 6, 3, data_format="NHWC"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_an_executor_computes_what_the_graph_does(name: str) -> None:
    paddle.seed(0)
    model = nn.Sequential(LAYERS[name](), nn.ReLU())
    model.eval()
    graph = pl.trace(model, (1, 4, 9, 9))
    x = paddle.randn([5, 4, 9, 9])
    executor = ProductExecutor(graph.program, graph.structure.solution, RULES)
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
    found = execute(executor, held, [x], training=False)
    np.testing.assert_allclose(found.numpy(), graph.run(x).numpy(), atol=1e-5)
    assert bool(executor._made) == (name in ("plain", "strided"))


def test_other_weights_are_not_mistaken_for_those_before() -> None:
    paddle.seed(0)
    model = nn.Sequential(nn.Conv2D(2, 3, 3))
    graph = pl.trace(model, (1, 2, 5, 5))
    executor = ProductExecutor(graph.program, graph.structure.solution, RULES)
    held = {p.value: graph.tensor(p.name) for p in graph.program.parameters}
    x = paddle.randn([2, 2, 5, 5])
    before = execute(executor, held, [x], training=False)
    double = execute(executor, {v: 2 * t for v, t in held.items()}, [x], training=False)
    np.testing.assert_allclose(double.numpy(), 2 * before.numpy(), atol=1e-5)
