"""The quickstart as a person meets it: opened in JupyterLab, run to its end, and gone on with by the mouse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lab_server import set_theme
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "01_quickstart.ipynb"


@pytest.fixture
def panel(page: Any) -> Any:
    """The panel below the last cell."""
    found = page.locator(".prunelab .pl-panel").last
    expect(found).to_be_visible()
    return found


def test_all_cells_run_and_show_something(page: Any, artifacts: Path) -> None:
    outputs = page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
        .filter((cell) => cell.cell_type === 'code').map((cell) => cell.toJSON())""")
    failed = [cell["source"] for cell in outputs if any(o["output_type"] == "error" for o in cell["outputs"])]
    assert failed == []
    assert all(cell["execution_count"] for cell in outputs)
    noisy = [o["text"] for cell in outputs for o in cell["outputs"] if o.get("name") == "stderr"]
    assert noisy == [], "what a newcomer sees first is no warning"
    page.screenshot(path=artifacts / "quickstart.png")


def test_the_slider_previews_and_step_changes_the_row(panel: Any, page: Any) -> None:
    row = panel.locator(".pl-line[data-layer='block3.conv1']")
    row.click()
    kept, states = row.locator(".pl-num").nth(0).inner_text(), panel.locator(".pl-state").count()
    before = panel.locator(".pl-stat").nth(1).inner_text()
    slider = panel.locator(".widget-hslider .noUi-handle").first
    slider.focus()
    for _ in range(3):
        slider.press("PageUp")
    expect(panel.locator(".pl-stat").nth(1)).not_to_have_text(before)
    page.wait_for_timeout(600)  # the slider slides for 300 ms
    cut = panel.locator(".pl-stat").first.inner_text()
    gone, units = map(int, re.findall(r"(\d+) of (\d+)", cut)[0])
    panel.get_by_role("button", name="Step", exact=True).click()
    expect(panel.locator(".pl-state")).to_have_count(states + 1)
    expect(row.locator(".pl-num").nth(0)).not_to_have_text(kept)
    expect(row.locator(".pl-num").nth(0)).to_have_text(f"{units - gone}/{units}")


def test_stop_ends_a_run(panel: Any) -> None:
    panel.get_by_role("tab", name="All layers").click()
    schedule = panel.locator(".pl-doing .pl-card").nth(1)
    for field, value in ((schedule.locator(".widget-readout"), "0.95"), (schedule.get_by_label("fine-tune"), "50")):
        field.fill(value)
        field.press("Enter")
    panel.get_by_role("button", name="Run", exact=True).click()
    stop = panel.get_by_role("button", name="Stop", exact=True)
    expect(panel.locator(".pl-work")).to_contain_text("left")
    stop.click()
    expect(panel.locator(".pl-work")).to_contain_text("stopped")
    expect(stop).to_be_disabled()


@pytest.mark.parametrize("dark", [False, True])
def test_how_it_looks(panel: Any, page: Any, artifacts: Path, dark: bool) -> None:
    set_theme(page, dark)
    panel.scroll_into_view_if_needed()
    picture = artifacts / f"quickstart-panel-{'dark' if dark else 'light'}.png"
    panel.screenshot(path=picture)
    assert picture.stat().st_size > 10_000
