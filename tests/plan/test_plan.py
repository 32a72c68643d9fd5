from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import paddle
import pytest
from networks import DenseConcat, Residual

import prunelab as pl
from prunelab.errors import PlanError, UnknownNameError


@pytest.fixture(scope="module")
def graph():
    return pl.trace(Residual(), (1, 3, 16, 16))


@pytest.fixture
def plan(graph):
    return pl.propose(graph, sparsity=0.5)


def test_a_plan_comes_back_from_its_file(plan, tmp_path):
    assert pl.Plan.load(plan.save(tmp_path / "p.json")) == plan


def test_the_file_keeps_to_the_published_schema(plan, tmp_path):
    schema = json.loads(files("prunelab.plan").joinpath("plan.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    data = json.loads(plan.with_metrics({"accuracy": 0.9}).save(tmp_path / "p.json").read_text())
    jsonschema.validate(data, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "version": 2}, schema)


@pytest.mark.parametrize(("change", "says"), [
    ({"format": "other"}, "'other'"),
    ({"version": 2}, "version 2"),
    ({"groups": [{}]}, "name"),
    ({"cost": None}, "is damaged: its 'cost' cannot be read"),
    ({"groups": None}, "its 'groups' cannot be read"),
    ({"made": 5}, "plan.schema.json"),
])
def test_a_file_that_is_no_plan(plan, tmp_path, change, says):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**plan.to_json(), **change}))
    with pytest.raises(PlanError) as error:
        pl.Plan.load(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read_or_written(plan, tmp_path):
    with pytest.raises(PlanError, match="cannot be read"):
        pl.Plan.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(PlanError, match="no JSON"):
        pl.Plan.load(tmp_path / "bad.json")
    with pytest.raises(PlanError, match="cannot be written"):
        plan.save(tmp_path / "bad.json" / "p.json")


@pytest.mark.parametrize(("units", "says"), [
    ([12], "no unit 12"), ([-1], "no unit -1"), (range(12), "keep at least one"),
])
def test_units_a_group_cannot_lose(graph, plan, units, says):
    with pytest.raises(PlanError, match=says):
        plan.with_removed(graph, {"stem.0": units})


def test_a_plan_for_another_structure_lists_the_differences(plan):
    other = DenseConcat()
    before = other.a[0].weight.numpy()
    for act in (lambda: pl.compact(other, plan), lambda: pl.mask(other, plan).__enter__(), lambda: plan.apply(other)):
        with pytest.raises(PlanError) as error:
            act()
        assert "stem.0 is not here" in str(error.value)
        assert "c.0 is not in the plan" in str(error.value)
    assert (other.a[0].weight.numpy() == before).all()


def test_a_narrower_model_of_the_same_class_is_told_by_its_units(plan):
    class Narrow(Residual):
        def __init__(self):
            super().__init__()
            self.stem = paddle.nn.Sequential(paddle.nn.Conv2D(3, 12, 3, padding=1))
            self.a = paddle.nn.Sequential(paddle.nn.Conv2D(12, 6, 3, padding=1), paddle.nn.BatchNorm2D(6))
            self.b = paddle.nn.Conv2D(6, 12, 3, padding=1)

    with pytest.raises(PlanError, match=r"a\.0 has 6 units here and 12 there"):
        pl.compact(Narrow(), plan)


def test_summary_names_groups_and_totals(plan):
    told = plan.summary()
    assert "stem.0" in told
    assert "6/12" in told
    assert f"{plan.dense_cost.params:,} → {plan.cost.params:,}" in told
    assert "<table" in plan._repr_html_()
    assert "2 of 2 groups cut" in repr(plan)


def test_diff_tells_units_on_either_side(graph, plan):
    assert plan.diff(plan) == {}
    other = plan.with_removed(graph, {"stem.0": [0, 1]})
    removed = set(plan.removed("stem.0"))
    assert plan.diff(other) == {"stem.0": (tuple(sorted(removed - {0, 1})), tuple(sorted({0, 1} - removed)))}
    with pytest.raises(PlanError, match="different structures"):
        plan.diff(pl.propose(pl.trace(DenseConcat(), (1, 3, 16, 16)), sparsity=0.5))


@pytest.mark.parametrize("what", ["p.json", None, 5, Path("p.json")])
def test_what_is_no_plan_is_told_where_it_is_given(graph, plan, what):
    def mask():
        with pl.mask(graph.model, what):
            pass

    for act in (lambda: pl.compact(graph.model, what), mask, lambda: plan.diff(what)):
        says = "read it first: pl.Plan.load('p.json')" if what and what != 5 else "give a Plan"
        with pytest.raises(PlanError, match=re.escape(says)):
            act()


@pytest.mark.parametrize("path", [None, 5])
def test_a_path_that_is_none(plan, path):
    with pytest.raises(PlanError, match=f"the path of a plan is {path}"):
        pl.Plan.load(path)
    with pytest.raises(PlanError, match=f"the path of a plan is {path}"):
        plan.save(path)


def test_reading_groups(plan):
    assert plan.ratio("stem.0") == 0.5
    assert plan.sparsity == 0.5
    assert plan
    with pytest.raises(UnknownNameError, match=r"did you mean 'stem.0'"):
        plan.removed("stem")
