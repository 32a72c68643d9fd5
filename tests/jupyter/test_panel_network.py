"""The network in the panel: its boxes, what makes them dark, and the click that chooses."""

from __future__ import annotations

from typing import Any

import pytest
from panel_driving import part

from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab


@pytest.fixture
def network(panel: Panel) -> Any:
    return part(panel, "Network")


def test_the_boxes_are_those_of_the_graph(network: Any, lab: Lab) -> None:
    drawn = lab.graph.diagram()
    assert network.diagram.boxes == drawn.placed()
    assert [box["label"] for box in network.diagram.boxes] == ["x", "first", "second", "fc", "output"]
    assert len(network.diagram.paths) == 4


def test_a_click_chooses_the_layer_for_every_part(panel: Panel, network: Any) -> None:
    network.diagram._handle_custom_msg({"choose": "second"}, [])
    assert panel.desk.layer == part(panel, "Layers").widget.chosen == network.diagram.chosen == "second"
    network.diagram._handle_custom_msg({"choose": "nobody"}, [])
    assert panel.desk.layer == "second"


def test_darker_is_more_cut(network: Any, lab: Lab) -> None:
    lab.step("first", 0.5)
    assert network.diagram.shades == {"first": [0.5, "4 of 8 cut"], "second": [0.0, "0 of 6 cut"]}


def test_darker_is_more_cost(network: Any) -> None:
    network._by.value = "cost"
    shades = network.diagram.shades
    assert max(share for share, _ in shades.values()) == 1.0
    assert "MACs hang on its units" in shades["first"][1]


def test_darker_loses_more_at_the_slider_s_ratio(panel: Panel, network: Any, lab: Lab) -> None:
    network._by.value = "sensitivity"
    assert "not measured here yet" in network._legend.value
    assert network.diagram.shades == {}
    found = lab.sensitivity(ratios=(0.25, 0.5, 0.75), metric="accuracy")
    for ratio in (0.25, 0.75):
        panel.desk.think(ratio)
        lost = {name: max(row[ratio], 0.0) for name, row in found.losses.items()}
        order = sorted(lost, key=lambda name: network.diagram.shades[name][0])
        assert [lost[name] for name in order] == sorted(lost.values())
    assert "with 75 % of it cut, alone" in network.diagram.shades["first"][1]


def test_its_picture_is_that_of_the_graph_under_the_plan(network: Any, lab: Lab) -> None:
    lab.step("first", 0.5)
    assert network.picture() == lab.graph.diagram(lab.plan)._repr_html_()
    assert "first: 4 of 8 units kept" in network.picture()
