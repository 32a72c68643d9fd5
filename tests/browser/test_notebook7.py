"""The panel in Notebook 7: it opens, steps, measures, draws, and the browser has nothing to complain about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

APP = "notebook"


@pytest.fixture
def panel(page: Any) -> Any:
    """The panel of the notebook's last cell."""
    found = page.locator(".prunelab .pl-panel").last
    expect(found).to_be_visible()
    return found


def button(panel: Any, name: str) -> Any:
    """The button of that name."""
    return panel.get_by_role("button", name=name, exact=True)


def wait_idle(panel: Any) -> None:
    """Until nothing runs."""
    expect(button(panel, "Stop")).to_be_disabled(timeout=60_000)


def test_it_opens_and_steps(panel: Any, artifacts: Path) -> None:
    expect(panel.locator(".pl-header")).to_contain_text("accuracy")
    states = panel.locator(".pl-state").count()
    button(panel, "Step").click()
    expect(panel.locator(".pl-state")).to_have_count(states + 1)
    wait_idle(panel)
    expect(panel.locator(".pl-command code")).to_contain_text("%prune step stem")
    panel.screenshot(path=artifacts / "panel-notebook7.png")


def test_its_keys_are_the_panels_and_the_last_click_is_made_a_cell(panel: Any, page: Any) -> None:
    page.keyboard.press("Escape")  # command mode, whose arrows leave the cell
    panel.get_by_role("grid", name="layers").focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(panel.locator(".pl-line.pl-chosen")).to_have_attribute("data-layer", "b1.conv1")
    expect(panel.locator(".pl-field")).to_contain_text("b1.conv1")
    button(panel, "Insert").click()
    expect(page.locator(".jp-CodeCell").last).to_contain_text("%prune step stem")


@pytest.mark.parametrize(("tab", "shown"), [
    ("Sensitivity", ".pl-sense-empty"), ("Graph", ".pl-net-view > svg"), ("Export", ".pl-formats"),
    ("Masks", ".pl-masks-view canvas"),
])
def test_every_tab_has_its_picture(panel: Any, tab: str, shown: str) -> None:
    panel.get_by_role("tab", name=tab).click()
    expect(panel.locator(shown).first).to_be_visible()


def test_it_measures(panel: Any) -> None:
    panel.get_by_role("tab", name="Sensitivity").click()
    panel.locator(".pl-sense").get_by_label("every").select_option(index=2)
    button(panel, "Measure").click()
    expect(panel.locator(".pl-heat-table .pl-loss").first).to_be_visible(timeout=30_000)
    wait_idle(panel)
    expect(panel.locator(".pl-sense .bqplot path.line").first).to_be_attached()


def test_the_console_is_quiet(page: Any) -> None:
    assert page.troubles == [], "\n".join(page.troubles)
