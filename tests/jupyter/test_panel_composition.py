"""Which parts a panel has, where they stand, and each on its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from panel_driving import finish, part

from prunelab.errors import OptionError, UnknownNameError
from prunelab.jupyter.panels import PARTS, check_parts
from prunelab.jupyter.panels.panel import Panel
from prunelab.jupyter.panels.part import widgets_in
from prunelab.lab import Lab


def places(panel: Panel) -> list[str]:
    """The style classes of the boxes of a panel's places, top to bottom, tabs with their titles."""
    inside = panel.children[0]
    return [name for widget in [*inside.children, *(c for b in inside.children for c in getattr(b, "children", ()))]
            for name in widget._dom_classes if name.startswith("pl-")]


def test_a_panel_has_every_part_of_the_table_in_a_place_of_its_own(panel: Panel) -> None:
    assert list(panel.parts) == list(PARTS)
    shown = {id(widget) for widget in widgets_in(panel)}
    assert all(id(one.widget) in shown for one in panel.parts.values())
    assert repr(panel).startswith("Panel on Lab of Net")


def test_some_parts_are_shown_alone_and_only_these_hear_the_lab(lab: Lab) -> None:
    panel = lab.panel(["masks", "layers"])
    assert list(panel.parts) == ["layers", "masks"]
    assert [type(one).__name__ for one in panel.desk.parts] == ["Frame", "Layers", "Masks"]
    assert not any(name in places(panel) for name in ("pl-header", "pl-history", "pl-footer"))
    assert repr(panel).startswith("Panel (layers, masks) on Lab of Net")
    panel.close()
    assert lab.on_change == []


def test_several_parts_of_one_place_are_tabs_and_one_is_as_it_is(lab: Lab) -> None:
    for names, titles in ((["step", "schedule"], ["One layer", "All layers"]), (["step"], None)):
        panel = lab.panel(names)
        found: list[Any] = [w for w in widgets_in(panel) if type(w).__name__ == "Tab"]
        assert [list(tab.titles) for tab in found] == ([titles] if titles else [])
        panel.close()


@pytest.mark.parametrize("name", PARTS)
def test_each_part_stands_on_its_own_with_its_picture(name: str, lab: Lab) -> None:
    lab.step("first", 0.5)
    panel = getattr(lab.panels, name)("second")
    assert next(iter(panel.parts)) == name
    assert panel.desk.layer == "second"
    assert ("footer" in panel.parts) == (PARTS[name].asks_for_work or name == "footer")
    bundle = panel._repr_mimebundle_()
    assert not any(" " in name for widget in widgets_in(panel) for name in getattr(widget, "_dom_classes", ()))
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    assert panel.parts[name].picture() in bundle["text/html"]
    panel.close()


def test_the_mime_bundle_has_a_picture_of_the_parts_that_are_there(lab: Lab) -> None:
    lab.step("first", 0.5)
    panel = lab.panels.history()
    picture = panel._repr_mimebundle_()["text/html"]
    assert "<svg" in picture
    assert not re.search("<table", picture)
    panel.close()


def test_a_part_on_its_own_works(lab: Lab) -> None:
    panel = lab.panels.step("second")
    part(panel, "Step")._go.click()
    finish(panel)
    assert lab.plan.ratio("second") > 0
    panel.close()


@pytest.mark.parametrize(("parts", "error", "told"), [
    (["masks", "curve"], UnknownNameError, "unknown part 'curve' in the panel; did you mean 'curves'?"),
    ([], OptionError, r"parts is \[\]; give names of parts, such as"),
    (3, OptionError, "parts is 3; give names of parts, such as"),
    ([3], OptionError, r"parts is \[3\]; give names of parts, such as"),
])
def test_parts_that_nobody_knows_are_refused_before_anything_is_made(
    parts: Any, error: type[Exception], told: str, lab: Lab,
) -> None:
    with pytest.raises(error, match=told):
        lab.panel(parts)
    assert lab.on_change == []


def test_a_layer_that_nobody_knows_is_refused(lab: Lab) -> None:
    for opened in (lambda: lab.panel(layer="frist"), lambda: lab.panels.masks("frist")):
        with pytest.raises(UnknownNameError, match="did you mean 'first'"):
            opened()
    assert lab.on_change == []


def test_one_name_is_one_part() -> None:
    assert check_parts("masks") == ("masks",)
    assert check_parts(iter(["footer", "masks", "masks"])) == ("masks", "footer")


def test_the_parts_are_listed_and_a_misspelt_one_is_told(lab: Lab) -> None:
    assert dir(lab.panels) == sorted(PARTS)
    told = repr(lab.panels)
    assert all(f"  {name}" in told for name in PARTS)
    with pytest.raises(AttributeError, match="did you mean 'masks'"):
        _ = lab.panels.mask
    assert lab.panels.masks.__doc__ == PARTS["masks"].__doc__


def test_a_part_alone_is_told_as_text_too(lab: Lab) -> None:
    lab.step("first", 0.5)
    for part_name, told in (("history", "● s1 first 50 %"), ("graph", "first   ← x  50 % cut"), ("curves", "accuracy"),
                            ("layers", "4/8"), ("masks", "4 of 8 channels kept")):
        panel = getattr(lab.panels, part_name)()
        assert told in panel._repr_mimebundle_()["text/plain"], part_name
        panel.close()
