"""The report in Chromium: values under the pointer, one state lit everywhere, tables that sort; without script, on
paper, in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 48)
    data = rng.normal(labels[:, None], 1.0, (48, 8)).astype(np.float32), labels
    paddle.seed(0)
    layers = [layer for _ in range(10) for layer in (nn.Linear(16, 16), nn.ReLU())]
    lab = pl.Lab(nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 3)), train=data, val=data)
    lab.finetune(2)
    lab.run("linear", to=0.5, steps=3)
    lab.goto("s2")
    lab.step("1", ratio=0.6)
    lab.goto("s4")
    return lab.report(tmp_path_factory.mktemp("report") / "run.html")


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("console", lambda message: troubles.append(message.text))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("request", lambda request: request.url.startswith("file:") or troubles.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert troubles == []


def test_a_state_is_lit_in_every_picture_and_its_value_told(page: Any) -> None:
    page.hover("#result circle[data-state=s3]")
    tip = page.locator("#tip")
    assert "s3" in tip.inner_text()
    assert "MACs" in tip.inner_text()
    lit = set(page.evaluate("[...document.querySelectorAll('.lit')].map(e => e.dataset.state)"))
    assert lit == {"s3"}
    places = page.evaluate("[...document.querySelectorAll('.lit')].map(e => e.closest('section').id)")
    assert {"result", "steps", "history", "layers"} <= set(places)
    page.mouse.move(2, 2)
    assert not tip.is_visible()


def test_a_unit_is_named_under_the_pointer(page: Any) -> None:
    strip = page.locator(".strip svg").first
    strip.scroll_into_view_if_needed()
    strip.hover(position={"x": 34, "y": 4})
    assert page.locator("#tip").inner_text().startswith("unit 3: ")


def test_tables_sort_and_lists_filter_by_keyboard_too(page: Any) -> None:
    page.locator("#layers summary").click()
    head = page.locator("#layers th", has_text="kept")
    column = "[...document.querySelectorAll('#layers tbody tr')].map(r => +r.cells[2].textContent)"
    head.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(column) == sorted(page.evaluate(column))
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert page.evaluate(column) == sorted(page.evaluate(column), reverse=True)
    page.fill("#layers input", "13")
    assert page.locator(".strip:visible").count() == 1


def test_a_recipe_is_copied(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#repeat button")
    page.wait_for_selector("#repeat button:text('Copied')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_in_light_and_dark_narrow_and_wide(browser: Any, report: Path, scheme: str, artifacts: Path) -> None:
    for width in (420, 1100):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(report.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        style = "getComputedStyle(document.body)"
        ground, ink = page.evaluate(f"[{style}.backgroundColor, {style}.color]")
        assert (brightness(ground) > brightness(ink)) == (scheme == "light")
        assert abs(brightness(ground) - brightness(ink)) > 150
        page.screenshot(path=artifacts / f"report-{scheme}-{width}.png", full_page=True)
        context.close()


def brightness(colour: str) -> float:
    return sum(float(part) for part in colour[colour.index("(") + 1: -1].split(",")[:3]) / 3


def test_without_its_script_it_says_the_same_and_paper_shows_what_is_folded(browser: Any, report: Path,
                                                                            artifacts: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("svg title").count() > 20
    assert page.locator("#layers table").count() == 1
    assert page.locator("button:visible").count() == 0
    context.close()
    page = browser.new_page()
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#layers table").is_visible()
    assert not page.locator("nav").is_visible()
    assert not page.locator("#repeat button").is_visible()
    page.set_viewport_size({"width": 688, "height": 900})  # what A4 leaves between the margins
    page.evaluate("""for (const row of document.querySelectorAll('#layers tbody tr'))
                         row.lastElementChild.textContent = 'stages.0.conv1, '.repeat(40)""")
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    # beside its table the picture of the result would shrink until nobody reads its numbers; the recipe is whole
    assert page.evaluate("""Math.min(...[...document.querySelectorAll('#result svg')].map(
        (svg) => svg.getBoundingClientRect().height / svg.viewBox.baseVal.height))""") > 0.7
    hidden = "(e => e.scrollHeight - e.clientHeight)(document.querySelector('#repeat pre'))"
    assert page.evaluate(hidden) <= 0
    page.emulate_media(media="screen")
    assert page.evaluate("document.querySelector('#repeat pre').clientHeight <= 0.6 * innerHeight")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator("#layers table").is_visible()
    printed = page.pdf(path=artifacts / "report.pdf")
    assert printed.startswith(b"%PDF")
    page.close()
