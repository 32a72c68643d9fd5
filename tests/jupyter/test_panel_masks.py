"""The masks: what is sent is the Lab's weights, of any pattern, and of another state to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from panel_driving import finish, part

import prunelab as pl
from prunelab.jupyter.panels import tiles as module
from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.tiles import CUT, GOING, KEPT, kernel_of, marks, tiles
from prunelab.lab import Lab
from prunelab.render.masks import MaskPicture


def cells(widget: Any, other: str = "") -> Any:
    values = np.frombuffer(getattr(widget, f"{other}cells"), "<f4")
    return values.reshape(-1, widget.columns, int(np.prod(widget.kernel)))


def test_kernels_are_sent_whole_and_cut_units_as_they_were(panel: Panel, lab: Lab) -> None:
    dense = lab.masks("second").weights
    lab.step("second", 0.5)
    panel.desk.choose("second")
    widget = part(panel, "Masks").widget
    np.testing.assert_array_equal(cells(widget), dense.reshape(6, 8, 9))
    assert widget.kernel == [3, 3]
    assert widget.caption == "6 × 8 kernels of 3 × 3"
    assert [u for u, mark in enumerate(widget.marks) if mark == CUT] == list(lab.plan.removed("second"))


def test_two_states_are_compared(panel: Panel, lab: Lab) -> None:
    lab.step("first", 0.5, finetune=1)
    masks, widget = part(panel, "Masks"), part(panel, "Masks").widget
    assert [state for state, _ in widget.states] == ["s0", "s1"]
    assert widget.other_cells == b""
    masks._heard(None, {"compare": "s0"}, None)
    np.testing.assert_array_equal(cells(widget, "other_"), lab.masks("first", "s0").weights.reshape(8, 1, 9))
    assert set(widget.other_marks) == {KEPT}
    assert not np.array_equal(cells(widget), cells(widget, "other_"))
    panel.desk.choose("second")
    np.testing.assert_array_equal(cells(widget, "other_"), lab.masks("second", "s0").weights.reshape(6, 8, 9))
    lab.goto("s0")
    assert widget.other_cells == b""  # nothing to compare with itself
    lab.goto("s1")
    assert widget.other_cells != b""
    masks._heard(None, {"compare": ""}, None)
    assert widget.other_cells == b""


@pytest.mark.parametrize(("granularity", "target"), [
    ("element", {"sparsity": 0.5}), ("2:4", {}), ("kernel", {"sparsity": 0.5}), ("block:2x2", {"sparsity": 0.5}),
])
def test_weights_that_are_masked_in_their_place_are_shown_with_what_they_were(
    granularity: str, target: dict[str, float], panel: Panel, lab: Lab,
) -> None:
    dense = lab.masks("second")
    assert dense.masked is None
    lab.adopt(pl.propose(lab.graph, granularity=granularity, **target))
    panel.desk.choose("second")
    widget = part(panel, "Masks").widget
    np.testing.assert_array_equal(cells(widget), dense.weights.reshape(6, 8, 9))
    masked = np.frombuffer(widget.masked, np.uint8).reshape(6, 8, 9)
    now = dict(lab.model.named_parameters())["second.weight"].numpy().reshape(6, 8, 9)
    np.testing.assert_array_equal(masked == 255, now == 0)
    assert 0 < (masked == 255).mean() < 1
    # units may still be cut beside single weights and kernels, and the panel thinks of some
    assert set(widget.marks) == ({KEPT, GOING} if granularity in ("element", "kernel") else {KEPT})
    panel.desk.choose("first")
    assert part(panel, "Layers").widget.rows[0]["kept"] == 8


class Attending(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = paddle.nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0)
        self.head = paddle.nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.encoder(x).mean(1))


def test_attention_heads_are_pictures_of_their_projections(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(8, 5, 16)).astype("float32")
    lab = pl.Lab(Attending(), val=(x, np.arange(8) % 3))
    heads = next(group for group in lab.graph.prunable if group.granularity == "head")
    lab.step(heads.name, 0.25)
    panel = lab.panel(["masks"], layer=heads.name)
    widget = part(panel, "Masks").widget
    assert widget.column_names == ["q_proj", "k_proj", "v_proj"]
    assert widget.kernel == [4, 16]
    assert widget.caption == "4 heads × q_proj, k_proj, v_proj, each 4 × 16"
    shown = np.frombuffer(widget.cells, "<f4").reshape(4, 3, 4, 16)
    dense = pl.trace(lab.graph.model, (8, 5, 16)).model.encoder.self_attn
    kept = [unit for unit in range(4) if unit not in lab.plan.group(heads.name).removed]
    for column, projection in enumerate((dense.q_proj, dense.k_proj, dense.v_proj)):
        weight = projection.weight.numpy().T.reshape(4, 4, 16)
        np.testing.assert_array_equal(shown[kept, column], weight[kept])
    monkeypatch.setattr("prunelab.jupyter.panels.tiles._MOST", 200)
    panel.desk.refresh()
    assert widget.kernel == [2, 8]
    np.testing.assert_allclose(np.frombuffer(widget.cells, "<f4").reshape(4, 3, 2, 8)[0, 0, 0, 0],
                               shown[0, 0, :2, :2].mean(), rtol=1e-5)
    panel.desk.choose("encoder.linear1")
    assert widget.column_names == []
    panel.close()


def test_single_weights_of_heads_are_those_of_the_layers_that_make_them() -> None:
    x = np.random.default_rng(0).normal(size=(8, 5, 16)).astype("float32")
    lab = pl.Lab(Attending(), val=(x, np.arange(8) % 3))
    heads = next(group for group in lab.graph.prunable if group.granularity == "head")
    panel = lab.panel(layer=heads.name)
    step = part(panel, "Step")
    panel.desk.choices.pieces = "element"
    assert panel.desk.problem == ""
    assert not step._go.disabled
    step._go.click()
    finish(panel)
    masked = [name for name, p in lab.model.named_parameters() if name.endswith("weight") and (p.numpy() == 0).any()]
    assert masked == [f"encoder.self_attn.{name}_proj.weight" for name in "qkv"]
    panel.desk.choices.pieces = "kernel"
    assert panel.desk.problem
    panel.close()


def test_what_a_browser_cannot_take_is_gathered(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    group, rng = lab.graph.group("second"), np.random.default_rng(0)
    weights = rng.normal(size=(6, 72)).astype("float32")
    picture = MaskPicture("second", "channel", np.ones(6, bool), weights, weights > 0)
    monkeypatch.setattr(module, "_MOST", 100)
    means = tiles(lab.graph, group, picture)
    np.testing.assert_allclose(means.cells[:, :, 0], weights.reshape(6, 8, 9).mean(2), rtol=1e-5, atol=1e-7)
    assert means.caption == "6 × 8 kernel means"
    monkeypatch.setattr(module, "_MOST", 18)
    few = tiles(lab.graph, group, picture)
    assert few.cells.shape == (6, 3, 1)
    assert few.caption == "6 × 3 kernel means, each the root mean square of 3"
    np.testing.assert_allclose(few.cells[:, 2, 0], (means.cells[:, 6:, 0] ** 2).mean(1) ** 0.5, rtol=1e-5)
    assert few.masked is not None
    np.testing.assert_allclose(few.masked[:, 0, 0], (weights > 0)[:, :27].mean(1), rtol=1e-5)


def test_a_linear_layer_has_no_kernels(lab: Lab) -> None:
    assert kernel_of(lab.graph, lab.graph.group("fc"), 6) == (1, 1)
    assert kernel_of(lab.graph, lab.graph.group("second"), 72) == (3, 3)
    assert kernel_of(lab.graph, lab.graph.group("second"), 71) == (1, 1)


def test_marks_cut_before_going() -> None:
    assert list(marks(4, (0,), (0, 2))) == [CUT, KEPT, GOING, KEPT]
