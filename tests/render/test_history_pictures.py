"""Masks, curves, trees and headings as text and as markup that parses."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from prunelab.render.curves import Curves
from prunelab.render.header import Chip, header
from prunelab.render.masks import MaskPicture
from prunelab.render.tree import Node, tree

TREE = tree(
    [Node("s0", None, "dense", "98 %"), Node("s1", "s0", "conv1 30 %"), Node("s2", "s1", "conv2 <b>"),
     Node("s3", "s1", "x"), Node("s4", "s0", "y"), Node("s5", "s3", "z")],
    "s3",
)  # fmt: skip
SERIES = {"accuracy": (0.98, 0.5, None), "params": (5226, 3726, 1934)}
CURVES = Curves(("s0", "s1", "s2"), (None, "s0", "s0"), SERIES, "s1")
WEIGHTS = np.array([[1.0, -0.5], [0.0, 0.25], [-1.0, 0.01]], np.float32)
MASK = MaskPicture("conv1", "channel", np.array([True, False, True]), WEIGHTS)


def test_a_chain_stays_in_one_column_and_branches_indent() -> None:
    assert str(TREE) == (
        "○ s0 dense  98 %\n"
        "├─○ s4 y\n"
        "○ s1 conv1 30 %\n"
        "├─● s3 x\n"
        "│ ○ s5 z\n"
        "○ s2 conv2 <b>"
    )


def test_a_first_child_keeps_its_parents_lane() -> None:
    assert TREE.places() == {"s0": (0, 0), "s1": (1, 0), "s2": (2, 0), "s3": (2, 1), "s4": (1, 2), "s5": (3, 1)}


def test_a_long_chain_is_drawn_too() -> None:
    chain = tree([Node(f"s{k}", f"s{k - 1}" if k else None, "step") for k in range(3000)], "s2999")
    assert str(chain).count("\n") == 2999
    assert chain.to_svg().count("<circle") == 3000


def test_a_tree_is_made_to_fit_and_no_label_lies_over_another() -> None:
    nodes = [Node(f"s{k}", f"s{k - 1}" if k else None, f"conv{k} 30 %") for k in range(51)]
    nodes += [Node("s51", "s20", "beside", names=("wide",)), Node("s52", "s51", "more")]
    picture = ET.fromstring(tree(nodes, "s49").to_svg(950))
    assert int(picture.attrib["width"]) <= 950
    spots = {g.attrib["data-state"]: (int(g[1].attrib["cx"]), int(g[1].attrib["cy"])) for g in picture.iter("g")}
    assert len(set(spots.values())) == 53
    labelled = [g.attrib["data-state"] for g in picture.iter("g") if g.find("text") is not None]
    assert {"s0", "s49", "s51"} <= set(labelled)
    assert "s50" not in labelled  # it would lie over the current one's
    for a in labelled:
        for b in labelled:
            (x, y), (other, lane) = spots[a], spots[b]
            assert a == b or y != lane or abs(x - other) >= 92
    assert len(labelled) > 8
    few = tree(nodes[:3], "s2")
    assert few.to_svg(950) == few.to_svg()


def test_curves_as_text() -> None:
    assert str(CURVES) == (
        "metric    over 3 states   first    last   least    most\n"
        "────────  ─────────────  ──────  ──────  ──────  ──────\n"
        "accuracy  █▁             98.0 %  50.0 %  50.0 %  98.0 %\n"
        "params    █▅▁            5.23 k  1.93 k  1.93 k  5.23 k"
    )


def test_a_curve_has_a_dot_for_each_measured_state_and_a_line_from_its_parent() -> None:
    svg = CURVES.to_svg("accuracy")
    assert svg.count("<circle") == 2
    assert re.search(r'd="(M[\d. ]+L[\d. ]+)"', svg)
    assert svg.count('r="5"') == 1
    params = ET.fromstring(CURVES.to_svg("params"))
    heights = [float(dot.get("cy", "nan")) for dot in params.iter("circle")]
    assert heights == sorted(heights)


@pytest.mark.parametrize("values", [(float("nan"), 1.0), (None, None), (2.0, 2.0)])
def test_curves_of_little(values: tuple[float | None, float | None]) -> None:
    curves = Curves(("s0", "s1"), (None, "s0"), {"loss": values})
    ET.fromstring(curves._repr_html_())
    assert "loss" in str(curves)


def test_a_mask_as_text_and_its_scale() -> None:
    assert str(MASK) == "conv1: 2 of 3 channels kept, 2 weights each\n0 │ █▒\n1 ✂  ░\n2 │ █░"
    np.testing.assert_allclose(MASK.cells(), WEIGHTS)
    np.testing.assert_allclose(MASK.cells(1), np.array([[0.25], [0.125], [-0.495]]) / 0.495, rtol=1e-6)


def test_a_cut_unit_is_veiled_and_its_number_struck() -> None:
    svg = ET.fromstring(MASK.to_svg())
    assert [g.get("opacity") for g in svg.iter("g")] == ["1", "0.18", "1"]
    assert [t.get("text-decoration") for t in svg.iter("text")] == [None, "line-through", None]
    fills = [r.get("fill") for r in svg.iter("rect")]
    assert fills == ["#2d7f83", "#c77b3c", "#2d7f83", "#c77b3c", "#2d7f83"]


def test_a_mask_of_many_units_and_of_nothing() -> None:
    many = MaskPicture("fc", "channel", np.ones(5000, bool), np.ones((5000, 700)))
    assert many.to_svg().count("<g") == 256
    assert "and 4744 more" in str(many)
    assert "and 4744 more" in many._repr_html_()
    assert len(many.to_svg()) < 2_000_000
    MaskPicture("fc", "channel", np.ones(2, bool), np.full((2, 3), np.nan)).to_svg()


def test_a_heading() -> None:
    made = header("Lab of <Net>", "s1", [Chip("accuracy", "98 %", "−0.4"), Chip("params", "5 k")])
    assert str(made) == "Lab of <Net>: s1\n  accuracy 98 % (−0.4), params 5 k"
    assert "Lab of &lt;Net&gt;" in made.to_html()


HEADER = header("a", "b", [])


@pytest.mark.parametrize("html", [v._repr_html_() for v in (TREE, CURVES, MASK)] + [HEADER.to_html()])
def test_markup_is_well_formed_and_takes_its_colours_from_jupyterlab(html: str) -> None:
    ET.fromstring(html)
    assert "var(--jp-" in html
    assert "<b>" not in TREE._repr_html_()
