"""The history in the panel: going, naming, comparing, and a history of thousands of which only a window is drawn."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel_driving import finish, part

from prunelab.jupyter.panels.history_folds import folded
from prunelab.jupyter.panels.history_layout import Layout, Window
from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab
from prunelab.render.tree import Node, Tree


@pytest.fixture
def history(panel: Panel, lab: Lab) -> Any:
    """Three states in a line, and one beside them: s0 - s1 - s2, s0 - s3."""
    lab.step("first", 0.25)
    lab.step("second", 0.5)
    lab.goto("s0")
    lab.step("first", 0.5)
    return part(panel, "History")


def send(history: Any, **wish: Any) -> None:
    history.tree._handle_custom_msg(wish, [])


def grown(n: int, seed: int) -> Tree:
    """A tree of ``n`` nodes, mostly a line."""
    draw = random.Random(seed)
    nodes = [Node("s0", None, "dense")]
    for k in range(1, n):
        parent = k - 1 if draw.random() < 0.8 else draw.randrange(k)
        nodes.append(Node(f"s{k}", f"s{parent}", f"step {k}"))
    return Tree(tuple(nodes), f"s{n - 1}")


def test_states_stand_newest_to_the_right_a_lane_a_branch(history: Any) -> None:
    assert {n["id"]: (n["column"], n["lane"]) for n in history.tree.nodes} == {
        "s0": (0, 0), "s1": (1, 0), "s2": (2, 0), "s3": (1, 1)}
    assert history.tree.edges == [[0, 0, 1, 0], [1, 0, 2, 0], [0, 0, 1, 1]]
    assert (history.tree.current, history.tree.here, history.tree.size) == ("s3", [1, 1], [3, 2])
    assert [bool(n["end"]) for n in history.tree.nodes] == [False, False, True, True]


def test_a_click_goes_there(panel: Panel, lab: Lab, history: Any) -> None:
    send(history, goto="s2")
    finish(panel)
    assert lab.state.id == history.tree.current == "s2"
    assert part(panel, "Footer")._line.line == "%prune goto s2"


def test_a_state_and_a_branch_are_named(panel: Panel, lab: Lab, history: Any) -> None:
    assert history._tag.disabled
    send(history, select="s1")
    history._name.value = "best"
    history._tag.click()
    finish(panel)
    assert lab.tags["best"].id == "s1"
    assert part(panel, "Footer")._line.line == "%prune tag best s1"
    assert next(n for n in history.tree.nodes if n["id"] == "s1")["names"] == "best"
    history._name.value = "wider"
    history._branch.click()
    finish(panel)
    assert "wider" in lab.branches
    assert part(panel, "Footer")._line.line == "%prune branch wider"
    history._name.value = "wider"
    history._branch.click()
    finish(panel)
    assert "wider&#x27; is the name of a branch" in part(panel, "Footer")._error.value


def test_names_that_a_cell_gives_are_shown(lab: Lab, history: Any) -> None:
    lab.tag("mine", "s1")
    assert [n["names"] for n in history.tree.nodes if n["id"] == "s1"] == ["mine"]
    lab.untag("mine")
    assert [n["names"] for n in history.tree.nodes if n["id"] == "s1"] == [""]


def test_two_states_are_compared_side_by_side(panel: Panel, lab: Lab, history: Any) -> None:
    assert history._compare.disabled
    assert history._result.layout.display == "none"
    send(history, select="s3")
    assert history._compare.disabled  # it is the current one
    for state in ("s2", "s1", "s3", "s3", "s3"):
        send(history, select=state)
    assert history.tree.selected == ["s1", "s3"]
    history._compare.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == "%prune compare s1 s3"
    shown = history._compared.value
    for told in ("cut in s1", "2/8", "4/8", "accuracy", "distance", "predictions changed"):
        assert told in shown, told
    history._close.click()
    assert history._result.layout.display == "none"
    assert lab.state.id == "s3"


def test_one_state_is_compared_with_the_current_one(panel: Panel, history: Any) -> None:
    send(history, select="s2")
    assert "s2 and the current s3" in history._hint.value
    history._compare.click()
    finish(panel)
    assert part(panel, "Footer")._line.line == "%prune compare s2"
    assert "cut in s2" in history._compared.value


@given(n=st.integers(1, 60), seed=st.integers(0, 99), left=st.integers(0, 20), top=st.integers(0, 8))
def test_a_window_has_what_can_be_seen_in_it(n: int, seed: int, left: int, top: int) -> None:
    layout = Layout(grown(n, seed))
    window = Window(left, left + 6, top, top + 3)
    shown = {node.id for node in layout.nodes(window)}
    for node in layout.tree.nodes:
        column, lane = layout.places[node.id]
        assert (node.id in shown) == (left <= column <= left + 6 and top <= lane <= top + 3)
        if node.id in shown and node.parent is not None:
            assert (*layout.places[node.parent], column, lane) in layout.edges(window)
    assert len(set(layout.places.values())) == n


def test_of_thousands_of_states_a_window_is_drawn(history: Any) -> None:
    layout = Layout(grown(5000, 1))
    history._layout, state = layout, history.lab.state
    history._states = {node.id: state for node in layout.tree.nodes}
    column, lane = layout.places["s4000"]
    send(history, window=[column - 5, column + 5, lane, lane])
    assert 0 < len(history.tree.nodes) <= 11
    assert "s4000" in {node["id"] for node in history.tree.nodes}
    assert history.tree.size[0] * history.tree.size[1] > 5000


def test_the_stored_picture_is_bounded(lab: Lab, history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunelab.jupyter.panels.history._MOST_DRAWN", 2)
    picture = history.picture()
    assert "and 2 states before these" in picture
    assert 'data-state="s3"' in picture
    assert 'data-state="s1"' not in picture


@given(n=st.integers(1, 40), seed=st.integers(0, 99), most=st.integers(1, 50))
def test_the_newest_nodes_are_a_tree(n: int, seed: int, most: int) -> None:
    tree = grown(n, seed).newest(most)
    assert len(tree.nodes) == min(n, most)
    assert set(tree.places()) == {node.id for node in tree.nodes}
    assert tree.to_svg().count("<circle") == len(tree.nodes)
    assert len(str(tree).splitlines()) == len(tree.nodes) + (n > most)


@given(n=st.integers(1, 200), seed=st.integers(0, 99), kept=st.integers(0, 199))
def test_only_what_nobody_looks_at_is_folded_and_all_of_it_is_there(n: int, seed: int, kept: int) -> None:
    tree = grown(n, seed)
    short, folds = folded(tree, {f"s{kept}"}, ())
    shown = [state for node in short.nodes for state in (folds[node.id].states if node.id in folds else [node.id])]
    assert sorted(shown) == sorted(node.id for node in tree.nodes)
    parents = {node.id: node.parent for node in tree.nodes}
    for fold in folds.values():
        assert len(fold.states) >= 12
        assert not {f"s{kept}", tree.current} & {*fold.states}
        assert [parents[state] for state in fold.states[1:]] == [*fold.states[:-1]]
        assert all([*parents.values()].count(state) == 1 for state in fold.states)
    ids = {node.id for node in short.nodes}
    assert all(node.parent is None or node.parent in ids for node in short.nodes)
    assert folded(tree, (), [node.id for node in tree.nodes])[0] == tree


def test_a_fold_opens_by_a_click_and_stays_open(panel: Panel, lab: Lab, history: Any,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prunelab.jupyter.panels.history_folds._LEAST", 2)
    monkeypatch.setattr("prunelab.jupyter.panels.history_folds._BEHIND", 1)
    monkeypatch.setattr("prunelab.jupyter.panels.history_folds._BEFORE", 1)
    for layer, ratio in (("first", 0.625), ("second", 0.17), ("second", 0.34), ("second", 0.5), ("second", 0.67),
                         ("first", 0.75)):
        lab.step(layer, ratio)
    history.changed()
    fold = next(node for node in history.tree.nodes if node.get("first"))
    assert (fold["label"], fold["first"]) == ("4 states", "s4")
    assert {node["id"] for node in history.tree.nodes} >= {"s3", "s8", "s9"}
    send(history, unfold=fold["id"])
    assert {node["id"] for node in history.tree.nodes} == {state.id for state in lab.states}
    lab.step("first", 0.875)
    assert not [node for node in history.tree.nodes if node.get("first")]
