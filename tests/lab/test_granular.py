"""Steps at a granularity that is asked for: masks and units of one kind, as states that go, return and repeat."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import batched, bits, data, net

import prunelab as pl
from prunelab.errors import NothingToDoError, OptionError, UnknownNameError


def lab(**options: Any) -> pl.Lab:
    """A Lab whose convolutions read runs of four channels."""
    paddle.seed(0)
    return pl.Lab(net(8), **{"train": batched(), "val": data(12, 1), **options})


def gone(opened: pl.Lab) -> dict[str, float]:
    return {g.name: g.ratio for g in opened.plan.groups if g.n_removed}


@pytest.mark.parametrize(("granularity", "ratio"), [("element", 0.5), ("kernel", 0.25), ("block:2x2", 0.5),
                                                    ("2:4", None), ("channel", 0.5)])
def test_a_step_of_one_layer_at_a_granularity(granularity: str, ratio: float | None, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    state = opened.step("3", ratio, granularity=granularity, finetune=1)
    name, = gone(opened)
    assert name in ("3", "3.weight")
    assert gone(opened)[name] == pytest.approx(0.5 if ratio is None else ratio)
    assert f"granularity={granularity!r}" in state.action
    assert granularity in state.label
    group, before = opened.plan.group(name), bits(opened.model)
    if granularity != "channel":  # training moved none of what is masked
        assert (dict(opened.model.named_parameters())["3.weight"].numpy()[group.zeros] == 0).all()
    assert opened.replay(state.id).same
    opened.back()
    assert not gone(opened)
    opened.close()
    again = lab(workspace=tmp_path)
    again.goto(state.id)
    assert bits(again.model) == before
    assert again.plan.group(name) == group
    again.close()


def test_masks_and_cuts_follow_each_other() -> None:
    opened = lab()
    opened.step("3", 0.5, granularity="element")
    opened.step("0", 0.5, granularity="element")
    assert gone(opened) == {"3.weight": 0.5, "0.weight": 0.5}
    opened.step("3", 0.5)
    assert gone(opened) == {"3": 0.5, "3.weight": 0.5, "0.weight": 0.5}
    assert opened.preview("0", 0.5).units
    opened.step(ratio=0.9, granularity="element")
    assert min(v for k, v in gone(opened).items() if k.endswith("weight")) > 0.85
    small = pl.trace(pl.compact(opened.model, opened.plan), (1, 1, 6, 6)).cost()
    assert (small.params, small.macs) == (opened.state.cost.params, opened.state.cost.macs)


def test_gradual_magnitude_pruning_goes_on_after_it_was_stopped() -> None:
    def run(opened: pl.Lab) -> pl.State:
        return opened.run(to=0.8, steps=3, granularity="element", scope="global", finetune=1)

    whole = lab()
    run(whole)
    assert whole.state.sparsity == pytest.approx(0.8, abs=0.01)
    nested = [state.plan for state in whole.states[1:]]
    for a, b in itertools.pairwise(nested):
        assert all((b.group(g.name).gone | ~g.gone).all() for g in a.groups)
    opened, seen = lab(), []

    def stop(state: pl.State) -> None:
        seen.append(state)
        if len(seen) == 1:
            opened.stop()

    opened.on_change.append(stop)
    with pytest.raises(pl.PrunelabError, match=r"[Ss]topped"):
        run(opened)
    run(opened)
    assert bits(opened.model) == bits(whole.model)


MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "a granularity nobody knows": (lambda o: o.step("3", granularity="elemnt"), UnknownNameError, "mean 'element'"),
    "a layer nobody knows": (lambda o: o.step("9", granularity="element"), UnknownNameError, "unknown layer '9'"),
    "a ratio of n of m": (lambda o: o.step("3", 0.3, granularity="2:4"), OptionError, "takes 0.5 of each"),
    "ratios of n of m": (lambda o: o.step({"3": 0.3}, granularity="2:4"), OptionError, "takes 0.5 of each"),
    "a run of n of m": (lambda o: o.run(granularity="2:4"), OptionError, "take one step"),
    "layer after layer": (lambda o: o.run("in_order", 0.5, granularity="element"), OptionError, "granularity="),
    "the same again": (lambda o: (o.step("3", 0.5, granularity="element"), o.step("3", 0.5, granularity="element")),
                       NothingToDoError, "gone already"),
    "tiles after units": (lambda o: (o.step("3", 0.5), o.step("3", 0.5, granularity="block:2x2")), OptionError,
                          "units of 3 are cut here"),
    "units after tiles": (lambda o: (o.step("3", granularity="2:4"), o.step("3", 0.5)), OptionError,
                          "weights are masked by '2:4' here"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told(mistake: str) -> None:
    call, kind, told = MISTAKES[mistake]
    opened = lab()
    with pytest.raises(kind, match=told):
        call(opened)
    assert opened.working == ""
    np.testing.assert_array_equal(opened.evaluate()["loss"], opened.state.metrics["loss"])
