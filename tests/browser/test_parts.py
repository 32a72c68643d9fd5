"""What one does in the panel beside stepping, in a real JupyterLab: measure and take ratios, go about in the history,
compare, zoom the curves, find one's way in the network, take an export away.

The tests follow one another, as a person would go on in one notebook.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import faults
from lab_server import set_theme
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PANEL_CELL = re.compile(r"%prune panel|\.panel\(\)")
SIZES = {900: 1080, 1600: 1780}  # of the panel's width and the window's: JupyterLab takes the rest
VIEWS = ("Masks", "Sensitivity", "Graph", "Search", "Export")
# tab, and where its part stands
PARTS = {"One layer": ".pl-doing", "All layers": ".pl-doing", **dict.fromkeys(VIEWS, ".pl-view"),
         "Curves": ".pl-charts", "Scores": ".pl-charts"}
ONE_LINE = ".widget-label, button, .pl-chip, .pl-stat, .pl-line > .pl-num, .pl-grid-head .pl-cell"  # not cut off
# fields too narrow to be read, and words cut off without the whole on hover; one pixel is for those who hear them
SQUEEZED = """panel => [...panel.querySelectorAll('*')].filter((e) => {
    if (!e.offsetParent || e.clientWidth < 2 || e.closest('.pl-error')) return false;
    if (e.matches('input:not([type=checkbox], [type=range], [type=radio])')) return e.clientWidth < 44;
    const said = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const whole = e.closest('[title]:not([title=""])') || getComputedStyle(e).overflowX === 'auto';
    return said && !whole && e.scrollWidth > e.clientWidth + 1;
}).map((e) => `${e.className}: ${e.value ?? e.textContent}`)"""
ALWAYS = ("header", "layers", "history", "footer")


@pytest.fixture
def panel(page: Any) -> Any:
    """The panel, below the cell that shows it."""
    cell = page.locator(".jp-CodeCell").filter(has=page.locator(".jp-InputArea", has_text=PANEL_CELL))
    found = cell.locator(".prunelab .pl-panel").first
    expect(found).to_be_visible()
    return found


def button(inside: Any, name: str) -> Any:
    """The button of that name."""
    return inside.get_by_role("button", name=name, exact=True)


def wait_idle(panel: Any) -> None:
    """Until nothing runs."""
    expect(button(panel, "Stop")).to_be_disabled(timeout=60_000)


def state(panel: Any) -> str:
    """The current one's id."""
    return str(panel.locator(".pl-state.pl-here").get_attribute("data-state"))


def test_the_sensitivity_is_measured_and_shown_as_it_comes(panel: Any, page: Any) -> None:
    panel.get_by_role("tab", name="Sensitivity").click()
    expect(panel.locator(".pl-sense-empty")).to_contain_text("Not measured in this state")
    panel.locator(".pl-sense").get_by_label("every").select_option(index=0)
    button(panel, "Measure").click()
    expect(panel.locator(".pl-heat-table .pl-unknown-cell").first).to_be_visible(timeout=30_000)
    wait_idle(panel)
    expect(panel.locator(".pl-heat-table .pl-unknown-cell")).to_have_count(0)
    expect(panel.locator(".pl-command code")).to_contain_text("%prune sensitivity --ratios 0.05:0.95:0.05")


def test_a_cell_takes_its_ratio_by_mouse_and_by_key(panel: Any, page: Any) -> None:
    cell = panel.locator("td[data-at='1,11']")
    layer = panel.locator(".pl-heat-table tbody tr").nth(1).get_attribute("data-layer")
    cell.click()
    expect(panel.locator(".pl-field")).to_contain_text(str(layer))
    expect(panel.locator(".pl-doing .widget-readout").first).to_have_text("0.60")
    cell.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(panel.locator(".pl-doing .widget-readout").first).to_have_text("0.55")
    expect(panel.locator(".pl-heat output")).to_contain_text(f"{layer} at 55 %")


def test_suggested_ratios_are_cut_in_one_step(panel: Any) -> None:
    before = state(panel)
    panel.locator(".pl-wishes input").fill("5")
    panel.locator(".pl-wishes input").press("Enter")
    button(panel, "Suggest").click()
    take = panel.locator(".pl-wishes").get_by_role("button", name=re.compile(r"^Cut \d+ layers?$"))
    expect(take).to_be_enabled()
    expect(panel.locator(".pl-wishes")).to_contain_text("MACs −")
    take.click()
    expect(panel.locator(".pl-state.pl-here")).not_to_have_attribute("data-state", before)
    wait_idle(panel)
    expect(panel.locator(".pl-command code")).to_contain_text("%prune step --layers ")
    expect(panel.locator(".pl-heat .pl-caption")).to_contain_text(f"measured in {before}")


def test_the_history_goes_by_keys_names_and_compares(panel: Any, page: Any) -> None:
    here = state(panel)
    panel.locator(f".pl-state[data-state={here}]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(panel.locator(".pl-state[aria-pressed=true]")).to_have_count(2)
    button(panel, "Compare").click()
    expect(panel.locator(".pl-comparison table")).to_have_count(3, timeout=30_000)
    expect(panel.locator(".pl-comparison")).to_contain_text("predictions changed")
    wait_idle(panel)
    assert faults(page, ".prunelab") == []
    panel.locator(".pl-history input").fill("mine")
    button(panel, "Tag").click()
    expect(panel.locator(".pl-tree")).to_contain_text("mine")
    button(panel, "Close").click()
    expect(panel.locator(".pl-comparison")).to_be_hidden()
    page.locator(f".pl-state[data-state={here}]").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(panel.locator(".pl-state.pl-here")).not_to_have_attribute("data-state", here)
    wait_idle(panel)
    panel.locator(f".pl-state[data-state={here}] .pl-target").click()
    expect(panel.locator(".pl-state.pl-here")).to_have_attribute("data-state", here)
    wait_idle(panel)


def test_a_stretch_of_the_curves_is_zoomed_to_and_a_point_goes_there(panel: Any, page: Any) -> None:
    panel.locator(".pl-curves").scroll_into_view_if_needed()
    ticks = panel.locator(".pl-curves .pl-brushed").first.locator(".tick text")
    expect(ticks.filter(has_text="s0")).to_have_count(1)
    brush = panel.locator(".pl-curves .pl-brush").first
    page.wait_for_timeout(300)
    box = brush.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.85 * box["width"], y, steps=4)
    page.mouse.up()
    expect(ticks.filter(has_text="s0")).to_have_count(0)
    button(panel.locator(".pl-curves"), "Show all").click()
    expect(ticks.filter(has_text="s0")).to_have_count(1)
    brush.press("+")
    expect(ticks.filter(has_text="s0")).to_have_count(0)
    brush.press("0")
    expect(ticks.filter(has_text="s0")).to_have_count(1)
    values = "e => [...e.querySelectorAll('.pl-brushed .tick text')].map((text) => text.textContent).join()"
    whole = panel.locator(".pl-curves").evaluate(values)
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 0.6 * box["height"], steps=4)
    expect(panel.locator(".pl-curves .pl-brush-values").first).to_be_visible()
    page.mouse.up()
    expect(button(panel.locator(".pl-curves"), "Show all")).to_be_visible()
    assert panel.locator(".pl-curves").evaluate(values) != whole
    brush.press("0")
    expect(button(panel.locator(".pl-curves"), "Show all")).to_be_hidden()
    before = state(panel)
    # dots are drawn in the order of the states; the first of each track is the large one of the current state
    panel.locator(".pl-curves .pl-brushed").first.locator(".dot").nth(2).click(force=True)
    expect(panel.locator(".pl-state.pl-here")).not_to_have_attribute("data-state", before)
    wait_idle(panel)
    panel.locator(f".pl-state[data-state={before}] .pl-target").click()
    expect(panel.locator(".pl-state.pl-here")).to_have_attribute("data-state", before)
    wait_idle(panel)


def test_the_loss_is_drawn_while_it_trains(panel: Any, page: Any) -> None:
    button(panel, "Fine-tuning").click()
    line = panel.locator(".pl-curves .pl-brushed").nth(1).locator("path.line").last
    before = line.get_attribute("d")
    panel.get_by_label("fine-tune").first.fill("4")
    panel.get_by_label("fine-tune").first.press("Enter")
    panel.locator(".pl-grid-body [data-layer='b2.conv1']").click()
    readout = panel.locator(".pl-doing .widget-readout").first
    readout.fill("0.9")
    readout.press("Enter")
    button(panel, "Step").click()
    expect(button(panel, "Stop")).to_be_enabled()
    expect(line).not_to_have_attribute("d", str(before))
    button(panel, "Stop").click()
    wait_idle(panel)
    button(panel, "States").click()


def test_a_box_of_the_network_chooses_its_layer(panel: Any, page: Any) -> None:
    panel.get_by_role("tab", name="Graph").click()
    panel.locator(".pl-box[aria-label^='b1.conv1']").click()
    expect(panel.locator(".pl-field")).to_contain_text("b1.conv1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(panel.locator(".pl-field")).to_contain_text("b1.conv2")
    shade = panel.locator(".pl-box[aria-label^='b1.conv1']")
    for by, told in (("sensitivity", "of it cut, alone"), ("cost", "MACs hang")):
        panel.locator(".pl-network select").select_option(by)
        expect(shade).to_have_attribute("aria-label", re.compile(told))
    width = panel.locator(".pl-net-view > svg").get_attribute("width")
    panel.get_by_role("button", name="zoom in").click()
    expect(panel.locator(".pl-net-view > svg")).not_to_have_attribute("width", str(width))


def check_ranges(canvas: Any, page: Any) -> None:
    """A range along an axis fades the other trials, by mouse and by keys, and shows them again."""
    def seen() -> float:
        page.wait_for_timeout(150)
        return float(canvas.evaluate("""(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data
            .reduce((sum, value, k) => sum + (k % 4 === 3 ? value : 0), 0)"""))

    canvas.scroll_into_view_if_needed()
    box, whole = canvas.bounding_box(), seen()
    x, top = box["x"] + 34, box["y"] + 18
    page.mouse.move(x, top + 2)
    page.mouse.down()
    page.mouse.move(x, top + 6, steps=2)
    page.mouse.move(x, top + 12, steps=2)
    page.mouse.up()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] - 2)
    some = seen()
    assert some < whole
    page.mouse.dblclick(box["x"] + 2, box["y"] + box["height"] - 2)
    canvas.evaluate("canvas => canvas.blur()")
    assert seen() == whole
    canvas.focus()
    for key in ("ArrowRight", *["ArrowUp"] * 9):
        canvas.press(key)
    canvas.evaluate("canvas => canvas.blur()")
    assert seen() < whole
    canvas.focus()
    canvas.press("Escape")
    canvas.evaluate("canvas => canvas.blur()")
    assert seen() == whole


def test_trials_are_shown_and_one_is_adopted(panel: Any, page: Any) -> None:
    panel.get_by_role("tab", name="Search").click()
    search = panel.locator(".pl-search")
    expect(search).to_contain_text("No search yet")
    search.get_by_label("trials", exact=True).fill("12")
    search.get_by_label("trials", exact=True).press("Enter")
    button(search, "Search").click()
    expect(search.locator(".dot").first).to_be_attached(timeout=30_000)
    wait_idle(panel)
    expect(search).to_contain_text("12 trials by annealing")
    button(search, "Choices").click()
    expect(search.locator(".pl-parallel canvas")).to_be_visible()
    check_ranges(search.locator(".pl-parallel canvas"), page)
    trial = search.locator("select").last
    # trial 0 cuts nothing, so there is nothing to adopt
    numbers = [text.partition("·")[0].strip() for text in trial.locator("option").all_inner_texts()]
    at, chosen = next((k, number) for k, number in enumerate(numbers) if number != "0")
    trial.select_option(index=at)
    expect(search.locator(".pl-adopt .pl-note")).to_contain_text(f"trial {chosen}:")
    before = state(panel)
    button(search, "Adopt").click()
    expect(panel.locator(".pl-state.pl-here")).not_to_have_attribute("data-state", before)
    wait_idle(panel)
    expect(panel.locator(".pl-command code")).to_have_text(f"lab.adopt(lab.study[{chosen}])")


def test_a_file_of_an_export_is_downloaded(panel: Any, page: Any, tmp_path: Path) -> None:
    panel.get_by_role("tab", name="Export").click()
    exporter = panel.locator(".pl-export")
    for name in ("paddle", "onnx"):
        exporter.get_by_label(name, exact=True).uncheck()
    exporter.get_by_label("safetensors").check()
    exporter.locator("input[type=text]").fill("weights")
    button(panel, "Export").click()
    file = exporter.locator(".pl-file", has_text="safetensors").first
    expect(file).to_be_visible(timeout=60_000)
    wait_idle(panel)
    with page.expect_download() as download:
        file.click()
    download.value.save_as(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size > 1000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
def test_how_they_look(panel: Any, page: Any, picture: Callable[[Any, str], None], width: int, dark: bool) -> None:
    page.set_viewport_size({"width": SIZES[width], "height": 1200})
    set_theme(page, dark)
    how = f"{width}-{'dark' if dark else 'light'}"
    page.mouse.move(0, 0)
    for tab, place in PARTS.items():
        panel.get_by_role("tab", name=tab).click()
        panel.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth + 1")
        cut = panel.evaluate("""(panel, what) => [...panel.querySelectorAll(what)]
            .filter((e) => e.offsetParent && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1)
            .map((e) => e.textContent)""", ONE_LINE)
        assert cut == []
        if tab in VIEWS:
            assert faults(page, ".prunelab") == []
        picture(panel.locator(place), f"{tab.lower().replace(' ', '-')}-{how}")
    for tab in ("One layer", "Masks", "Curves"):
        panel.get_by_role("tab", name=tab).click()
    page.wait_for_timeout(300)
    for part in ALWAYS:
        picture(panel.locator(f".pl-{part}").first, f"{part}-{how}")
    picture(panel, f"panel-{how}")


@pytest.mark.parametrize("width", [640, 790, 1190, 2000])
def test_at_any_width_nothing_is_squeezed_or_cut_off_unsaid(panel: Any, page: Any, width: int) -> None:
    window = page.viewport_size["width"]
    page.wait_for_timeout(500)  # JupyterLab lays itself out a while after its window
    for _ in range(10):
        window += round(width - panel.bounding_box()["width"])
        page.set_viewport_size({"width": window, "height": 1200})
        page.wait_for_timeout(500)
        if abs(panel.bounding_box()["width"] - width) < 2:
            break
    else:
        pytest.fail("the panel has another width")
    for tab in PARTS:
        panel.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(200)
        assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth + 1")
        assert panel.evaluate(SQUEEZED) == [], tab


def test_the_console_is_quiet(page: Any) -> None:
    assert page.troubles == [], "\n".join(page.troubles)
