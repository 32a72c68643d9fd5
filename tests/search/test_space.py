"""A space: what it means, what it refuses, how it is inferred, printed and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from search_nets import net

import prunelab as pl
from prunelab.criteria import L1Weight
from prunelab.errors import OptionError, SearchError, UnknownNameError
from prunelab.search import Among, Between
from prunelab.search.constraints import Constraint, check_together, read_constraints
from prunelab.search.variables import read_variable


@pytest.fixture(scope="module")
def graph() -> pl.Graph:
    return pl.trace(net(), (1, 1, 8, 8))


def test_without_more_each_group_has_a_ratio_of_its_own(graph: pl.Graph) -> None:
    space = pl.space(graph)
    assert space.variables == {f"ratios.{g.name}": Between(0.0, 0.9) for g in graph.prunable}
    assert pl.space().over(graph) == space
    assert space.size == float("inf")


def test_a_pattern_a_kind_and_a_group_have_ratios(graph: pl.Graph) -> None:
    first, second, third = (g.name for g in graph.prunable)
    each = pl.space(graph, ratios={"*": (0.1, 0.5), third: [0.0, 0.25, 0.7]})
    assert each.variables == {f"ratios.{first}": Between(0.1, 0.5), f"ratios.{second}": Between(0.1, 0.5),
                              f"ratios.{third}": Among((0.0, 0.25, 0.7))}
    kinds = pl.space(graph, per="kind")
    assert sorted(map(len, kinds.groups.values())) == [1, 1, 1]
    whole = pl.space(graph, ratios=(0.2, 0.6), per="pattern")
    assert list(whole.variables) == ["ratios.*"]
    assert whole.settings({"ratios.*": 0.3})["ratios"] == {first: 0.3, second: 0.3, third: 0.3}


def test_layers_of_one_kind_share_a_ratio() -> None:
    paddle.seed(0)
    graph = pl.trace(paddle.vision.models.resnet18(num_classes=3), (1, 3, 32, 32))
    space = pl.space(graph, per="kind")
    assert len(space.variables) < len(graph.prunable)
    assert sorted(n for names in space.groups.values() for n in names) == sorted(g.name for g in graph.prunable)


def test_what_is_ignored_stays_whole(graph: pl.Graph) -> None:
    first = graph.prunable[0].name
    assert f"ratios.{first}" not in pl.space(graph, ignore=first).variables


def test_a_space_counts_prints_and_is_kept(graph: pl.Graph, tmp_path: Path) -> None:
    space = pl.space(graph, ratios=[0.0, 0.3, 0.6], criterion=["l1_weight", "taylor"], repair=[False, True],
                     constraints=("params <= 50 %", "accuracy within 1 point"), round_to=2, epochs=(0, 3))
    assert space.size == 3**3 * 2 * 2 * 4
    told = str(space)
    assert "432 combinations" in told
    assert "accuracy within 1 point" in told
    assert "0, 0.3, 0.6" in told
    assert "<table" in space._repr_html_()
    assert pl.Space.load(space.save(tmp_path / "space.json")) == space


def test_a_file_of_an_earlier_version_lacks_what_came_later(graph: pl.Graph, tmp_path: Path) -> None:
    space = pl.space(graph, ratios=[0.0, 0.3], criterion=["l1_weight", "taylor"], repair=[False, True])
    data = json.loads(space.save(tmp_path / "space.json").read_text())
    for later in ("sentences", "vocabulary", "spatial"):
        assert later in data
        del data[later]
    (tmp_path / "old.json").write_text(json.dumps(data))
    assert pl.Space.load(tmp_path / "old.json") == space


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((0.1, 0.5), Between(0.1, 0.5)), ("0.1:0.9:0.2", Between(0.1, 0.9, 0.2)), ([1, 3], Among((1, 3))),
        (np.float32(0.5), 0.5), (0.3, 0.3), ("l1_weight", "l1_weight"), (None, None),
        ((1, 4), Between(1, 4, whole=True)),
        ({"low": 1e-4, "high": 0.1, "log": True}, Between(1e-4, 0.1, log=True)),
    ],
)  # fmt: skip
def test_a_variable_is_written_as_a_person_would(value: Any, expected: Any) -> None:
    assert read_variable(value, "x") == expected


def test_numbers_at_equal_distances_keep_their_order_for_samplers() -> None:
    d = Among((0.0, 0.3, 0.6)).distribution
    assert (d.low, d.high, d.step) == (0.0, 0.6, 0.3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"ratios": (0.5, 1.0)}, OptionError, r"the ratio of '\*' is 1.0"),
        ({"ratios": (0.5, 0.1)}, OptionError, "ratios: a range from 0.5 to 0.1 holds nothing"),
        ({"ratios": []}, OptionError, "ratios: a list of values is empty"),
        ({"ratios": {"conv": object()}}, OptionError, "the ratio of 'conv' is a object"),
        ({"ratios": "0.1:x:0.2"}, OptionError, "from:to:step"),
        ({"criterion": ["l1_weigth"]}, UnknownNameError, "did you mean 'l1_weight'"),
        ({"scope": ["global", "local"]}, OptionError, "scope is global, local, and it spreads one amount"),
        ({"sparsity": (0.1, 0.5), "macs": 0.5}, OptionError, "sparsity and macs are given"),
        ({"sparsity": (0.1, 0.5), "ratios": (0.1, 0.2)}, OptionError, "leave out one of them"),
        ({"sparsity": (0.1, 0.5), "scope": "globl"}, UnknownNameError, "did you mean 'global'"),
        ({"granularity": "chanel"}, UnknownNameError, "did you mean 'channel'"),
        ({"round_to": 0}, OptionError, "round_to is 0"),
        ({"repair": 1}, OptionError, "repair is 1; give True, False"),
        ({"quantization": "int4"}, UnknownNameError, "quantization 'int4'"),
        ({"per": "layer"}, UnknownNameError, "unknown per 'layer'"),
        ({"epoch": 3}, UnknownNameError, "did you mean 'epochs'"),
        ({"constraints": "params < many"}, OptionError, "cannot be read"),
        ({"lr": (0.0, 0.1)}, OptionError, "lr is 0.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(options: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        pl.space(**options)


def test_on_a_model_names_are_checked_and_an_empty_space_is_refused(graph: pl.Graph) -> None:
    with pytest.raises(UnknownNameError, match="unknown layer 'conv9' in ratios"):
        pl.space(graph, ratios={"conv9": (0.1, 0.5)})
    with pytest.raises(OptionError, match="cannot be cut: 7 is frozen by"):
        pl.space(graph, ratios={"7": (0.1, 0.5)})
    with pytest.raises(SearchError, match="the space is empty: nothing differs from trial to trial; give ranges"):
        pl.space(graph, ratios=0.5)
    with pytest.raises(SearchError, match="no group that can be cut"):
        pl.space(pl.trace(paddle.nn.Linear(3, 2), (1, 3)))
    with pytest.raises(OptionError, match="a space is made of 3; give a Lab or a graph"):
        pl.space(3)


def test_a_criterion_of_ones_own_is_chosen_by_its_name(graph: pl.Graph, tmp_path: Path) -> None:
    class Mine(L1Weight):
        name = "mine"

    mine = Mine()
    space = pl.space(graph, ratios=0.3, criterion=["l1_weight", mine])
    assert space.variables == {"criterion": Among(("l1_weight", "mine"))}
    assert space.criterion_of("mine") is mine
    path = space.save(tmp_path / "space.json")
    assert pl.Space.load(path, own={"mine": mine}).criterion_of("mine") is mine
    with pytest.raises(SearchError, match="is damaged: unknown criterion 'mine'"):
        pl.Space.load(path)


def test_a_file_that_is_no_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="cannot be read"):
        pl.Space.load(tmp_path / "none.json")
    (tmp_path / "other.json").write_text(json.dumps({"format": "prunelab-plan", "version": 1}))
    with pytest.raises(SearchError, match="is no prunelab-space of version 1"):
        pl.Space.load(tmp_path / "other.json")
    with pytest.raises(SearchError, match="cannot be written"):
        pl.space().save(tmp_path / "nowhere" / "space.json")


# constraints


@pytest.mark.parametrize(
    ("text", "limit", "bad", "good"),
    [
        ("params <= 5e6", 5e6, 5e6 + 1, 5e6), ("latency_ms<8", 8.0, 8.1, 7.9), ("macs <= 50 %", 500.0, 501, 499),
        ("accuracy >= 0.97", 0.97, 0.96, 0.98), ("accuracy >= -1 point", 999.99, 999.0, 1000.0),
    ],
)  # fmt: skip
def test_a_constraint_is_a_bound_on_one_side(text: str, limit: float, bad: float, good: float) -> None:
    constraint = Constraint.parse(text)
    assert constraint.limit(1000.0) == pytest.approx(limit)
    assert constraint.missed(bad, 1000.0) > 0 >= constraint.missed(good, 1000.0)
    assert Constraint.parse(str(constraint)) == constraint


def test_within_is_on_the_bad_side_of_a_metric() -> None:
    within = Constraint.parse("accuracy within 1 point")
    assert within.directed(True).missed(0.978, 0.99) > 0 >= within.directed(True).missed(0.981, 0.99)
    assert within.directed(False).missed(0.51, 0.49) > 0 >= within.directed(False).missed(0.3, 0.49)
    assert str(within) == "accuracy within 1 point"


def test_contradictory_constraints_are_both_named() -> None:
    with pytest.raises(OptionError, match="'params <= 1,000' and 'params >= 2,000' contradict each other"):
        read_constraints(["params <= 1000", "params >= 2000"])
    both = read_constraints(["params <= 10 %", "params >= 2000"])
    check_together(both, {"params": 30_000.0})
    with pytest.raises(OptionError, match=r"'params <= 10 %' and 'params >= 2,000' contradict"):
        check_together(both, {"params": 10_000.0})
