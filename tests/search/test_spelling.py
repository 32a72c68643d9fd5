"""A space as the line that makes it again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddle import nn

import prunelab as pl
from prunelab.criteria import L1Weight
from prunelab.search import Among, Between
from prunelab.search.spelling import spelled

RATIO = st.one_of(
    st.floats(0, 0.9), st.lists(st.floats(0, 0.9), min_size=1, max_size=3),
    st.tuples(st.floats(0, 0.4), st.floats(0.5, 0.9)), st.sampled_from(["0.1:0.9:0.1", Between(0.01, 0.5, log=True)]))
FIELDS = st.fixed_dictionaries({}, optional={
    "criterion": st.sampled_from(["taylor", ["l1_weight", "random"]]), "per": st.sampled_from(["kind", "pattern"]),
    "epochs": st.sampled_from([2, (1, 9), [0, 1], (3, 4)]), "lr": st.sampled_from([(1e-4, 0.1),
                                                                                    Between(1e-4, 1, log=True)]),
    "ignore": st.sampled_from(["conv1", ["a.*", "b"]]), "repair": st.sampled_from([True, [False, True]]),
    "sentences": st.sampled_from([(10, 90), [10, None]]), "quantization": st.just(["none", "int8"]),
    "vocabulary": st.sampled_from([(0.1, 0.5), [500, 900], (300, 800)]),
    "constraints": st.sampled_from(["params <= 5e6", ["macs <= 50 %", "accuracy within 1.5 points", "loss >= 1e-3"]])})


def evaluated(line: str) -> pl.Space:
    """What a line of ours gives."""
    return eval(line, {"pl": pl})  # noqa: S307


@given(st.one_of(st.none(), RATIO, st.dictionaries(st.sampled_from(["conv1", "layer4.*", "a'b"]), RATIO, min_size=1)),
       FIELDS)
def test_what_is_spelled_is_the_space(ratios: Any, fields: Any) -> None:
    space = pl.space(ratios=ratios, **fields)
    assert evaluated(spelled(space)) == space


@pytest.fixture
def graph() -> pl.Graph:
    """A small network with two groups."""
    return pl.trace(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)), [(1, 4)])


@pytest.mark.parametrize("per", ["group", "kind", "pattern"])
@pytest.mark.parametrize("ratios", [None, {"0": (0.6, 0.8)}])
def test_a_space_of_a_model_is_spelled_with_its_groups(graph: pl.Graph, per: str, ratios: Any) -> None:
    base = pl.propose(graph, ratios={"0": 0.34})
    space = pl.space(ratios=ratios, per=per).over(graph, base)
    assert evaluated(spelled(space, graph, base)).over(graph, base) == space


def test_where_all_groups_are_alike_they_are_named_as_one(graph: pl.Graph) -> None:
    space = pl.space(graph)
    assert len(space.ratios) > 1
    assert spelled(space, graph) == "pl.space(ratios=(0.0, 0.9))"
    assert "'0': (0.0, 0.9)" in spelled(space)


def test_what_is_the_users_own_is_a_variable_of_its_name() -> None:
    class Mine(L1Weight):
        name = "mine"

    class Net:
        def __init__(self, width: int = 8) -> None:
            pass

    assert spelled(pl.space(criterion=Mine())) == "pl.space(criterion=mine)"
    assert spelled(pl.space(criterion=[Mine(), "random"])) == "pl.space(criterion=[mine, 'random'])"
    built = spelled(pl.space(build=Net, arguments={"width": [8, 16]}, epochs=2))
    assert built.endswith("Net, arguments={'width': [8, 16]})")
    named = pl.space(build="paddle.vision.models:resnet18", arguments={"width": (8, 9)}, epochs=2)
    again = evaluated(spelled(named))
    assert again.arguments == named.arguments == {"width": Between(8, 9, whole=True)}
    assert isinstance(pl.space(criterion=["random"]).criterion, Among)
