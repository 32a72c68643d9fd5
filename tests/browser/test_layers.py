"""The table of layers of a network with five hundred groups, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELLS = ["""\
import numpy as np
import paddle

import prunelab as pl


class Block(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.mixer_projection, self.channel_projection = paddle.nn.Linear(16, 24), paddle.nn.Linear(24, 16)

    def forward(self, x):
        return x + self.channel_projection(paddle.nn.functional.relu(self.mixer_projection(x))) / 500


class Deep(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.backbone_stages = paddle.nn.LayerList([Block() for _ in range(500)])
        self.classifier_head = paddle.nn.Linear(16, 4)

    def forward(self, x):
        for block in self.backbone_stages:
            x = block(x)
        return self.classifier_head(x)


x = np.random.default_rng(0).normal(size=(64, 16)).astype("float32")
lab = pl.Lab(Deep(), val=(x, np.arange(64) % 4))
lab.step("backbone_stages.3.mixer_projection", 0.5)
""", "lab.panel(['layers', 'step', 'masks', 'footer'])"]
N_GROUPS = 502


@pytest.fixture
def panel(page: Any) -> Any:
    found = page.locator(".prunelab .pl-panel")
    expect(found).to_be_visible()
    found.scroll_into_view_if_needed()
    return found


@pytest.fixture
def grid(panel: Any) -> Any:
    found = panel.get_by_role("grid", name="layers")
    found.focus()
    return found


def block(n: int) -> str:
    return f"backbone_stages.{n}.mixer_projection"


def chosen(panel: Any) -> Any:
    return panel.locator(".pl-line.pl-chosen")


def names(panel: Any) -> list[str]:
    """The rows in the page, top to bottom."""
    return panel.locator(".pl-grid-body .pl-line").evaluate_all(
        "lines => lines.sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top)).map((l) => l.dataset.layer)")


def test_only_what_is_in_sight_is_in_the_page_and_every_row_can_be_reached(panel: Any, grid: Any, page: Any) -> None:
    expect(panel.locator(".pl-tools")).to_contain_text(f"{N_GROUPS} layers, 2 frozen")
    expect(grid).to_have_attribute("aria-rowcount", str(N_GROUPS + 1))
    assert panel.locator(".pl-grid-body .pl-line").count() < 60
    for key, layer in (("End", "classifier_head"), ("ArrowUp", block(499)), ("Home", block(0))):
        page.keyboard.press(key)
        expect(chosen(panel)).to_have_attribute("data-layer", layer)
        expect(chosen(panel)).to_be_in_viewport()
        expect(panel.locator(".pl-field")).to_contain_text(layer)
    assert grid.get_attribute("aria-activedescendant") == chosen(panel).get_attribute("id")
    page.keyboard.press("PageDown")
    expect(chosen(panel)).not_to_have_attribute("data-layer", block(0))
    expect(chosen(panel)).to_be_in_viewport()


def test_long_names_keep_what_tells_them_apart_and_say_the_whole_on_hover(panel: Any, page: Any) -> None:
    line = panel.locator(f".pl-line[data-layer='{block(3)}']")
    page.keyboard.press("Home")
    text = line.get_by_role("rowheader").inner_text()
    assert re.fullmatch(r"\w+…\w+\.3\.\w+…\w+", text)
    assert str(line.get_attribute("title")).startswith(f"{block(3)}: 24 channels, tied to ")
    frozen = panel.locator(".pl-frozen").first
    expect(frozen).to_contain_text("frozen: the model's input")
    assert "frozen" in str(frozen.get_attribute("title"))


def test_the_bar_shows_which_units_are_gone(panel: Any) -> None:
    kept = panel.locator(f".pl-line[data-layer='{block(3)}'] .pl-kept").get_attribute("d")
    runs = [(int(a), int(b)) for a, b in re.findall(r"M(\d+) 0H(\d+)", str(kept))]
    assert sum(b - a for a, b in runs) == 12
    assert panel.locator(f".pl-line[data-layer='{block(2)}'] .pl-kept").get_attribute("d") == "M0 0H24V1H0Z"


def test_it_sorts_filters_and_goes_back_to_the_order_of_the_network(panel: Any, grid: Any, page: Any) -> None:
    first = names(panel)
    kept = panel.get_by_role("button", name="kept")
    kept.click()
    assert names(panel)[0] == block(3)
    expect(panel.get_by_role("columnheader", name="kept")).to_have_attribute("aria-sort", "ascending")
    kept.click()
    assert names(panel)[0] != block(3)
    kept.click()
    assert names(panel)[:5] == first[:5]
    search = panel.get_by_role("searchbox", name="filter layers")
    search.fill(".49")
    expect(panel.locator(".pl-tools")).to_contain_text(f"12 of {N_GROUPS}")  # one is tied to all of them
    search.fill("nowhere")
    expect(panel.locator(".pl-grid-body")).to_have_attribute("data-empty", re.compile("no layer has “nowhere”"))
    search.press("Escape")
    expect(panel.locator(".pl-tools")).to_contain_text(f"{N_GROUPS} layers")
    expect(search).to_have_value("")


def test_several_are_chosen_by_key_and_by_mouse_and_stepped(panel: Any, grid: Any, page: Any) -> None:
    panel.get_by_role("searchbox", name="filter layers").fill("s.1")
    page.keyboard.press("Enter")
    page.keyboard.press("Home")  # the one that is tied to them all, and frozen
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(panel.locator(".pl-tools")).to_contain_text("3 chosen")
    panel.locator(f".pl-line[data-layer='{block(10)}']").click(modifiers=["Control"])
    expect(panel.locator(".pl-tools")).to_contain_text("2 chosen")
    button = panel.get_by_role("button", name="Step 2 layers")
    expect(panel.locator(".pl-stat").first).to_contain_text("14 of 48")
    expect(panel.locator("[aria-selected=true] .pl-going")).to_have_count(2)
    button.click()
    expect(panel.locator(".pl-work")).to_contain_text("done")
    line = panel.locator(f".pl-line[data-layer='{block(11)}']")
    expect(line.locator(".pl-at-kept")).to_have_text("17/24")
    expect(panel.locator(f".pl-line[data-layer='{block(10)}'] .pl-at-kept")).to_have_text("24/24")
    grid.focus()
    page.keyboard.press("Control+a")
    expect(panel.locator(".pl-tools")).to_contain_text("chosen")
    page.keyboard.press("Home")
    expect(panel.locator(".pl-tools")).not_to_contain_text("chosen")


def test_how_it_looks_alone(panel: Any, page: Any, artifacts: Path) -> None:
    panel.screenshot(path=artifacts / "layers-500.png")
    assert [told for told in page.troubles if "widget model not found" not in told] == []
