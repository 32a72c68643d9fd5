"""Runs that take one layer after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lab_nets import everything, lab

import prunelab as pl
from prunelab.errors import NothingToDoError, OptionError, UnknownNameError
from prunelab.plan.layers import layers


def cuts(opened: pl.Lab) -> list[tuple[str, float]]:
    """What each step did, in order."""
    found = [re.match(r"lab\.step\('(\d+)', ratio=([\d.]+)", s.action) for s in opened.path()[1:]]
    return [(m[1], float(m[2])) for m in found if m]


def test_layers_are_taken_in_order_in_rounds() -> None:
    opened = lab()
    opened.run("in_order", to=0.5, rounds=2)
    assert cuts(opened) == [("0", 0.25), ("3", 0.25), ("0", 0.5), ("3", 0.5)]
    assert [len(g.removed) for g in opened.plan.groups] == [3, 4]


def test_a_table_says_how_far_each_goes_and_costs_say_when() -> None:
    opened = lab()
    costs = {row.name: row.macs for row in layers(opened.graph)}
    opened.run("by_cost", to={"3": 0.5, "0": 0.34})
    assert cuts(opened) == sorted([("0", 0.34), ("3", 0.5)], key=lambda cut: -costs[cut[0]])
    assert opened.run("by_cost", to={"0": 0.5}).label == "0 50 %"


@pytest.mark.parametrize("schedule", ["in_order", "by_sensitivity"])
@pytest.mark.parametrize("interrupted_at", [1, 4])
def test_a_stopped_run_goes_on_in_the_same_order_to_the_same_bits(schedule: str, interrupted_at: int,
                                                                  tmp_path: Path) -> None:
    options: dict[str, Any] = {"schedule": schedule, "to": {"0": 0.5, "3": 0.75}, "rounds": 2, "finetune": 1}
    whole = lab()
    whole.run(**options)
    opened = lab(workspace=tmp_path / "w")

    seen: list[Any] = []

    def count(progress: Any) -> None:
        seen.append(progress)
        if len(seen) == 4 * interrupted_at:
            raise KeyboardInterrupt

    opened.on_progress.append(count)
    with pytest.raises(KeyboardInterrupt):
        opened.run(**options)
    opened.on_progress.clear()
    assert len(opened.states) < len(whole.states)
    opened.run(**options)
    assert cuts(opened) == cuts(whole)
    assert everything(opened) == everything(whole)
    with pytest.raises(NothingToDoError, match="every layer is at its ratio already"):
        opened.run(**options)


def test_by_sensitivity_takes_what_costs_least_first() -> None:
    opened = lab()
    opened.finetune(5)
    found = opened.sensitivity(ratios=0.5)
    expected = sorted(found.losses, key=lambda name: found.losses[name][0.5])
    opened.run("by_sensitivity")
    assert [name for name, _ in cuts(opened)] == expected


@pytest.mark.parametrize(("options", "kind", "message"), [
    ({"schedule": "in_ordre"}, UnknownNameError, "did you mean 'in_order'?"),
    ({"schedule": "in_order", "by": "macs"}, OptionError, "by='macs' is for all layers at once, and in_order takes"),
    ({"schedule": "in_order", "steps": 3}, OptionError, "steps=3 is for all layers at once"),
    ({"schedule": "cubic", "rounds": 2}, OptionError, "rounds=2 is for layer after layer"),
    ({"schedule": "cubic", "to": {"0": 0.5}}, OptionError, "to is {'0': 0.5}; it is the fraction removed"),
    ({"schedule": "in_order", "to": {"9": 0.5}}, UnknownNameError, "unknown layer '9'"),
    ({"schedule": "in_order", "to": {"0": 2}}, OptionError, "to.0 is 2; it is the fraction removed"),
    ({"schedule": "in_order", "rounds": 0}, OptionError, "rounds is 0; it is a whole number of at least 1"),
    ({"schedule": "by_sensitivity"}, OptionError, "by_sensitivity needs validation data"),
])
def test_what_cannot_be_is_refused_and_nothing_done(options: dict[str, Any], kind: type[Exception],
                                                    message: str) -> None:
    opened = lab(val=None)
    before = everything(opened)
    with pytest.raises(kind, match=re.escape(message)):
        opened.run(**options)
    assert everything(opened) == before
