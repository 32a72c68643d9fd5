"""The diagram of a network: its layers, what feeds them, where values meet; and what a plan cuts of them."""

from __future__ import annotations

from typing import Any

import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import PlanError


class Net(nn.Layer):
    """A residual, a concatenation, a layer that is called twice, and sizes that Python computes with."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner = nn.Conv2D(1, 8, 3, padding=1), nn.Conv2D(8, 8, 3, padding=1)
        self.norm, self.twice = nn.BatchNorm2D(8), nn.Conv2D(8, 8, 1)
        self.left, self.right = nn.Conv2D(8, 4, 1), nn.Conv2D(8, 6, 1)
        self.head = nn.Linear(10 * 4, 3)

    def forward(self, x: Any) -> Any:
        h = nn.functional.relu(self.norm(self.stem(x)))
        h = h + self.inner(h)
        h = self.twice(nn.functional.relu(self.twice(h)))
        h = nn.functional.adaptive_avg_pool2d(paddle.concat([self.left(h), self.right(h)], 1), 2)
        return self.head(h.reshape([h.shape[0], -1]))


@pytest.fixture(scope="module")
def graph() -> Any:
    paddle.seed(0)
    return pl.trace(Net(), (1, 1, 6, 6))


def test_boxes_are_layers_and_meetings_in_order(graph: Any) -> None:
    drawn = graph.diagram()
    labels = [box.label for box in drawn.boxes]
    assert labels == ["x", "stem", "inner", "+", "twice", "twice (2)", "left", "right", "⧺", "head", "output"]
    named = {(labels[a], labels[b]) for a, b in drawn.arrows}
    assert named == {("x", "stem"), ("stem", "inner"), ("stem", "+"), ("inner", "+"), ("+", "twice"),
                     ("twice", "twice (2)"), ("twice (2)", "left"), ("twice (2)", "right"), ("left", "⧺"),
                     ("right", "⧺"), ("⧺", "head"), ("head", "output")}
    group = {box.label: box.group for box in drawn.boxes}
    assert group["inner"] == group["stem"] == graph.group("stem").name
    assert group["+"] == group["x"] == ""
    assert "frozen: the model's output" in next(box.told for box in drawn.boxes if box.label == "head")


def test_under_a_plan_what_is_cut_is_darker(graph: Any) -> None:
    plan = pl.propose(graph, ratios={"left": 0.5})
    drawn = graph.diagram(plan)
    assert drawn.shades["left"] == 0.5
    assert "left: 2 of 4 units kept" in drawn.to_svg()
    assert "50 % cut" in str(drawn)
    other = pl.trace(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), (1, 3))
    with pytest.raises(PlanError):
        other.diagram(plan)


def test_a_graph_shows_its_diagram_in_a_notebook(graph: Any) -> None:
    shown = graph._repr_html_()
    assert shown.index("<svg") < shown.index("<table")


@pytest.mark.parametrize(("make", "shape", "least"), [
    (lambda: nn.Sequential(nn.Embedding(9, 4), nn.LSTM(4, 5)), paddle.static.InputSpec([None, 3], "int64"), 4),
    (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), 2), (1, 5, 8), 15),
])
def test_other_networks_are_drawn_too(make: Any, shape: Any, least: int) -> None:
    drawn = pl.trace(make(), shape).diagram()
    assert len(drawn.boxes) >= least
    reached = {0}
    for a, b in sorted(drawn.arrows, key=lambda arrow: arrow[1]):
        if a in reached:
            reached.add(b)
    assert len(drawn.boxes) - 1 in reached, "the output hangs on the input"
