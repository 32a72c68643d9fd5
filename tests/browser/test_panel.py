"""The panel in a real JupyterLab and a real browser: the slider, Step, Stop, the history, the export, and how it looks.

The tests follow one another, as a person would go on in one notebook.
"""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any

import pytest
from accessibility import faults
from lab_server import set_theme, wait_ready
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PANEL_CELL = re.compile(r"%prune panel|\.panel\(\)")
N_MOVES = 8


@pytest.fixture
def panel(page: Any) -> Any:
    """The panel, below the cell that shows it."""
    cell = page.locator(".jp-CodeCell").filter(has=page.locator(".jp-InputArea", has_text=PANEL_CELL))
    found = cell.locator(".prunelab .pl-panel").first
    expect(found).to_be_visible()
    return found


def row(panel: Any, n: int) -> Any:
    """The n-th row of a layer that can be cut."""
    return panel.locator(".pl-grid-body .pl-line:not(.pl-frozen)").nth(n)


def button(panel: Any, name: str) -> Any:
    """The button of that name."""
    return panel.get_by_role("button", name=name, exact=True)


def set_ratio(panel: Any, ratio: str) -> None:
    """Type a ratio into the slider's number."""
    readout = panel.locator(".widget-hslider .widget-readout").first
    readout.fill(ratio)
    readout.press("Enter")


def note(artifacts: Path, told: str, *, fresh: bool = False) -> None:
    """Write a measurement down, beside the pictures."""
    with (artifacts / "panel-latency.txt").open("w" if fresh else "a") as file:
        file.write(told + "\n")


def clicked_until(panel: Any, button: str, shown: str, what: str) -> float:
    """The milliseconds from a click on a button to the moment at which ``what`` matches the text of ``shown``."""
    return float(panel.evaluate("""async (panel, [button, shown, what]) => {
        const found = [...panel.querySelectorAll('button')].find((b) => b.textContent === button);
        const start = performance.now();
        found.click();
        while (!RegExp(what).test(panel.querySelector(shown).textContent) && performance.now() - start < 20000)
            await new Promise((done) => setTimeout(done, 1));
        return performance.now() - start;
    }""", [button, shown, what]))


def delete_last_cell(page: Any) -> None:
    """Take back the cell that a test has added."""
    page.evaluate("""() => {
        const { sharedModel } = window.jupyterapp.shell.currentWidget.content.model;
        sharedModel.deleteCell(sharedModel.cells.length - 1);
    }""")


def wait_idle(panel: Any) -> None:
    """Until nothing runs."""
    expect(button(panel, "Stop")).to_be_disabled(timeout=60_000)


def test_the_panel_shows_the_lab(panel: Any) -> None:
    expect(panel.locator(".pl-header")).to_contain_text("params")
    assert panel.locator(".pl-grid-body .pl-line").count() >= 3
    expect(panel.locator(".pl-frozen").first).to_contain_text("frozen: the model's output")
    expect(row(panel, 0)).to_have_attribute("aria-selected", "true")
    assert panel.locator(".pl-state").count() >= 1


def test_rows_are_chosen_by_click_and_by_key_and_everything_follows(panel: Any, page: Any) -> None:
    names = [row(panel, n).get_attribute("data-layer") for n in range(2)]
    row(panel, 1).click()
    for shown in (".pl-field", ".pl-masks .pl-caption"):
        expect(panel.locator(shown)).to_contain_text(str(names[1]))
    expect(panel.get_by_role("grid", name="layers")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(row(panel, 0)).to_have_attribute("aria-selected", "true")
    expect(row(panel, 1)).to_have_attribute("aria-selected", "false")
    for shown in (".pl-field", ".pl-masks .pl-caption"):
        expect(panel.locator(shown)).to_contain_text(str(names[0]))


def test_keys_in_the_panel_are_the_panels_and_not_the_notebooks(panel: Any, page: Any) -> None:
    """In command mode an arrow would leave the cell, "d d" delete it, and "b" make another one."""
    counted = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
    cells = page.evaluate(counted)
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
    grid = panel.get_by_role("grid", name="layers")
    grid.focus()
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
    for key in ("Home", "ArrowDown", "b", "d", "d", "m"):
        page.keyboard.press(key)
    expect(row(panel, 1)).to_have_attribute("aria-selected", "true")
    expect(grid).to_be_focused()
    assert page.evaluate(counted) == cells
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") == "command"
    page.keyboard.press("ArrowUp")
    expect(row(panel, 0)).to_have_attribute("aria-selected", "true")


def test_a_frozen_row_says_why_and_cannot_be_stepped(panel: Any) -> None:
    panel.locator(".pl-frozen").first.click()
    expect(panel.locator(".pl-field")).to_contain_text("frozen")
    expect(panel.locator(".pl-empty")).to_contain_text("is frozen")
    expect(button(panel, "Step")).to_be_disabled()
    row(panel, 0).click()
    expect(button(panel, "Step")).to_be_enabled()


def test_the_preview_follows_the_slider(panel: Any, page: Any, artifacts: Path) -> None:
    """From the press on the slider's track to the number in the page, by the page's own clock."""
    row(panel, 0).click()
    panel.scroll_into_view_if_needed()
    track = panel.locator(".noUi-base").first.bounding_box()
    panel.evaluate("""(panel) => {
        panel.times = [];
        let start = 0;
        panel.addEventListener('pointerdown', () => (start = performance.now()), true);
        new MutationObserver(() => {
            if (start) panel.times.push(performance.now() - start);
            start = 0;
        }).observe(panel.querySelector('.pl-stats'), { childList: true, subtree: true, characterData: true });
    }""")
    for n in range(N_MOVES):
        page.mouse.click(track["x"] + track["width"] * (0.2 if n % 2 else 0.7), track["y"] + track["height"] / 2)
        page.wait_for_function("([panel, n]) => panel.times.length > n", arg=[panel.element_handle(), n])
        page.wait_for_timeout(600)  # the slider slides for 300 ms, and is deaf to a tap meanwhile
    times = panel.evaluate("panel => panel.times")
    told = f"slider to preview: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms of {N_MOVES}"
    note(artifacts, told, fresh=True)
    expect(panel.locator(".pl-stat").first).to_contain_text("of")
    assert statistics.median(times) < 250, told  # the goal is 100 ms; a test machine may be busy


def test_the_masks_zoom_pan_and_tell_what_is_under_the_pointer(panel: Any, page: Any) -> None:
    row(panel, 1).click()
    masks = panel.locator(".pl-masks")
    expect(masks.locator(".pl-caption")).to_contain_text("kernels of 3 × 3")
    view, told = masks.locator(".pl-masks-view"), masks.locator("output")
    for _ in range(7):
        masks.get_by_role("button", name="zoom in").click()
    sizes = "view => [view.scrollLeft, view.scrollTop, view.scrollWidth - view.clientWidth]"
    before = view.evaluate(sizes)
    assert before[2] > 0
    box = view.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    expect(told).to_have_text(re.compile(r"channel \d+, kernel \d+ at \d,\d: −?[\d.e−]+, (kept|cut|would be cut)"))
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 60, steps=3)
    page.mouse.up()
    after = view.evaluate(sizes)
    assert (after[0], after[1]) == (before[0] + 80, before[1] + 40)
    view.focus()
    page.keyboard.press("0")
    assert view.evaluate(sizes)[2] == 0
    expect(masks.get_by_role("button", name="zoom out")).to_be_disabled()
    page.mouse.move(0, 0)
    for key, cell in (("ArrowDown", "channel 1, kernel 0"), ("ArrowRight", "channel 1, kernel 1")):
        page.keyboard.press(key)
        expect(told).to_contain_text(cell)
    box = view.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(masks.get_by_role("button", name="zoom out")).to_be_enabled()
    masks.get_by_role("button", name="zoom to fit").click()


def test_two_states_are_compared_before_and_after(panel: Any, page: Any) -> None:
    masks = panel.locator(".pl-masks")
    wipe = masks.get_by_label("how much of the other state is shown")
    expect(wipe).to_be_hidden()
    masks.get_by_label("compare with").select_option("s0")
    expect(wipe).to_be_visible()
    seen = []
    for part in ("0", "1000"):
        wipe.fill(part)
        page.wait_for_timeout(100)
        seen.append(masks.locator("canvas").evaluate("canvas => canvas.toDataURL()"))
    assert seen[0] != seen[1]
    masks.get_by_label("compare with").select_option("")
    expect(wipe).to_be_hidden()


def test_the_threshold_of_the_scores_is_the_ratio(panel: Any, page: Any) -> None:
    row(panel, 0).click()
    panel.get_by_role("tab", name="Scores").click()
    expect(panel.locator(".pl-scores .pl-caption")).to_contain_text(str(row(panel, 0).get_attribute("data-layer")))
    handle = panel.get_by_role("slider", name=re.compile("threshold"))
    cut = handle.get_attribute("aria-valuenow")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", str(int(str(cut)) + 1))
    expect(panel.locator(".pl-stat").first).to_contain_text(f"{int(str(cut)) + 1} of ")
    panel.scroll_into_view_if_needed()
    box = panel.locator(".pl-scores-view").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(handle).not_to_have_attribute("aria-valuenow", str(int(str(cut)) + 1))
    page.wait_for_function("""panel => {
        const handle = panel.querySelector('.pl-handle');
        const ratio = Number(handle.getAttribute('aria-valuenow')) / (Number(handle.getAttribute('aria-valuemax')) + 1);
        return Math.abs(Number(panel.querySelector('.widget-hslider .widget-readout').textContent) - ratio) < 0.011;
    }""", arg=panel.element_handle())
    panel.get_by_role("tab", name="Curves").click()


def test_step_changes_the_row_and_adds_a_state(panel: Any, page: Any) -> None:
    wait_idle(panel)
    row(panel, 0).click()
    states = panel.locator(".pl-state").count()
    kept, cost = row(panel, 0).locator(".pl-num").nth(0).inner_text(), panel.locator(".pl-header").inner_text()
    set_ratio(panel, "0.62")
    expect(panel.locator(".pl-going[d^='M']").first).to_be_attached()
    units = int(row(panel, 0).locator(".pl-num").nth(0).inner_text().split("/")[1])
    expect(panel.locator(".pl-stat").first).to_contain_text(f"{round(0.62 * units)} of {units}")
    going = panel.locator(".pl-stat").first.inner_text()
    button(panel, "Step").click()
    expect(panel.locator(".pl-state")).to_have_count(states + 1)
    wait_idle(panel)
    expect(row(panel, 0).locator(".pl-num").nth(0)).not_to_have_text(kept)
    gone, units = map(int, re.findall(r"(\d+) of (\d+)", going)[0])
    expect(row(panel, 0).locator(".pl-num").nth(0)).to_have_text(f"{units - gone}/{units}")
    assert panel.locator(".pl-header").inner_text() != cost
    name = row(panel, 0).get_attribute("data-layer")
    expect(panel.locator(".pl-command code")).to_have_text(
        f"%prune step {name} --ratio 0.62 --criterion l1_weight --finetune 0")
    expect(panel.locator(".pl-work")).to_contain_text(f"step {name} done")


def test_back_and_a_click_in_the_history_go_there(panel: Any) -> None:
    here = panel.locator(".pl-state.pl-here")
    left = here.get_attribute("data-state")
    button(panel, "Back").click()
    expect(here).not_to_have_attribute("data-state", str(left))
    panel.locator(f".pl-state[data-state={left}]").press("Enter")
    expect(here).to_have_attribute("data-state", str(left))
    expect(panel.locator(".pl-command code")).to_have_text(f"%prune goto {left}")
    wait_idle(panel)


def test_an_error_is_one_line_and_the_panel_goes_on(panel: Any, page: Any) -> None:
    panel.get_by_role("tab", name="Export").click()
    panel.locator(".pl-export input[type=text]").fill("/proc/nowhere")
    button(panel, "Export").click()
    expect(panel.get_by_role("alert")).to_contain_text("/proc/nowhere")
    panel.get_by_role("tab", name="Masks").click()
    button(panel, "Back").click()
    expect(panel.get_by_role("alert")).to_have_count(0)
    wait_idle(panel)


def test_stop_stops_a_run_while_the_panel_answers(panel: Any, page: Any, artifacts: Path) -> None:
    panel.get_by_role("tab", name="All layers").click()
    schedule = panel.locator(".pl-doing .pl-card").nth(1)
    schedule.get_by_label("fine-tune").fill("50")
    schedule.get_by_label("fine-tune").press("Enter")
    button(panel, "Run").click()
    expect(button(panel, "Stop")).to_be_enabled()
    expect(panel.locator(".pl-bar > div")).to_be_attached()
    expect(panel.locator(".pl-work")).to_contain_text("left")
    # it answers meanwhile
    answered = panel.evaluate("""async (panel) => {
        const row = panel.querySelectorAll('.pl-grid-body .pl-line')[1];
        const start = performance.now();
        row.click();
        const there = () => panel.querySelector(".pl-field").textContent.startsWith(row.dataset.layer);
        while (!there() && performance.now() - start < 20000)
            await new Promise((done) => setTimeout(done, 1));
        return performance.now() - start;
    }""")
    expect(panel.locator(".pl-masks .pl-caption")).to_contain_text(str(row(panel, 1).get_attribute("data-layer")))
    panel.scroll_into_view_if_needed()
    panel.screenshot(path=artifacts / "panel-running.png")
    paused = clicked_until(panel, "Pause", ".pl-work", "paused")
    expect(panel.locator(".pl-work")).to_contain_text("paused")
    button(panel, "Resume").click()
    expect(panel.locator(".pl-work")).to_contain_text("left")
    stopped = clicked_until(panel, "Stop", ".pl-work", "run stopped")
    expect(panel.locator(".pl-work")).to_contain_text("run stopped")
    note(artifacts, f"while a run trains: layer {answered:.0f} ms, Pause {paused:.0f} ms, Stop {stopped:.0f} ms")
    expect(button(panel, "Stop")).to_be_disabled()
    schedule.get_by_label("fine-tune").fill("0")
    schedule.get_by_label("fine-tune").press("Enter")
    panel.get_by_role("tab", name="One layer").click()


def test_pause_and_stop_reach_the_work_of_a_plain_cell(panel: Any, page: Any, artifacts: Path) -> None:
    states = panel.locator(".pl-state").count()
    page.evaluate("""() => {
        const { content } = window.jupyterapp.shell.currentWidget;
        const source = 'lab.step("b2.conv1", 0.8, finetune=1000)';
        content.model.sharedModel.addCell({ cell_type: 'code', source });
        content.activeCellIndex = content.widgets.length - 1;
        window.ran = window.jupyterapp.commands.execute('notebook:run-cell');
    }""")
    expect(panel.locator(".pl-work")).to_contain_text("left", timeout=20_000)
    panel.scroll_into_view_if_needed()
    paused = clicked_until(panel, "Pause", ".pl-work", "paused")
    expect(panel.locator(".pl-work")).to_contain_text("paused")
    button(panel, "Resume").click()
    expect(panel.locator(".pl-work")).to_contain_text("left")
    button(panel, "Stop").click()
    page.evaluate("() => window.ran.catch(() => null)")
    expect(page.locator(".jp-CodeCell").last).to_contain_text("Stopped: ")
    expect(panel.locator(".pl-work")).to_contain_text("ready")
    assert panel.locator(".pl-state").count() == states
    note(artifacts, f"while a cell trains: Pause {paused:.0f} ms")
    delete_last_cell(page)


def test_the_line_of_the_last_click_is_made_a_cell_below(panel: Any, page: Any) -> None:
    button(panel, "Back").click()
    expect(panel.locator(".pl-command code")).to_have_text("%prune back")
    wait_idle(panel)
    button(panel, "Insert").click()
    sources = page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
        .map((cell) => cell.source)""")
    place = next(k for k, source in enumerate(sources) if PANEL_CELL.search(source))
    assert sources[place + 1:] == ["%prune back"]
    delete_last_cell(page)


def test_export_shows_files_sizes_and_parity(panel: Any, artifacts: Path) -> None:
    panel.get_by_role("tab", name="Export").click()
    panel.locator(".pl-export input[type=text]").fill("out")
    button(panel, "Export").click()
    result = panel.locator(".pl-result table")
    expect(result).to_be_visible(timeout=120_000)
    for told in ("paddle", "kB", "max rel. error"):
        expect(result).to_contain_text(told)
    wait_idle(panel)
    panel.screenshot(path=artifacts / "panel-export.png")
    panel.get_by_role("tab", name="Masks").click()


def test_two_panels_on_one_lab_stay_in_step(panel: Any, page: Any) -> None:
    wait_idle(panel)
    page.evaluate("""async (pattern) => {
        const { content } = window.jupyterapp.shell.currentWidget;
        const sources = content.widgets.map((cell) => cell.model.sharedModel.source);
        const source = sources.find((text) => RegExp(pattern).test(text));
        content.model.sharedModel.addCell({ cell_type: 'code', source });
        content.activeCellIndex = content.widgets.length - 1;
        await window.jupyterapp.commands.execute('notebook:run-cell');
    }""", PANEL_CELL.pattern)
    second = page.locator(".pl-panel").nth(1)
    expect(second).to_be_visible()
    left = panel.locator(".pl-state.pl-here").get_attribute("data-state")
    button(second, "Back").click()
    for one in (panel, second):
        expect(one.locator(".pl-state.pl-here")).not_to_have_attribute("data-state", str(left))
    panel.locator(f".pl-state[data-state={left}] .pl-target").click()
    for one in (panel, second):
        expect(one.locator(".pl-state.pl-here")).to_have_attribute("data-state", str(left))
        wait_idle(one)
        expect(one.locator(".pl-command code")).to_have_text(f"%prune goto {left}")
    delete_last_cell(page)
    expect(page.locator(".pl-panel")).to_have_count(1)


def test_a_page_that_is_loaded_again_shows_the_panel_as_it_was(panel: Any, page: Any) -> None:
    kept = [panel.locator(where).inner_text() for where in (".pl-header", ".pl-grid", ".pl-command")]
    panel.get_by_role("tab", name="Curves").click()  # drawn once, and hidden when the page comes back
    expect(panel.locator(".pl-curves .bqplot").first).to_be_visible()
    panel.get_by_role("tab", name="Scores").click()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    wait_ready(page)
    expect(panel).to_be_visible()
    expect(panel.locator(".pl-grid-body .pl-line").first).to_be_visible()
    assert [panel.locator(where).inner_text() for where in (".pl-header", ".pl-grid", ".pl-command")] == kept
    expect(panel.locator(".pl-curves .bqplot")).to_have_count(0)
    panel.get_by_role("tab", name="Scores").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(panel.locator(".pl-curves .bqplot").first).to_be_visible()
    row(panel, 1).click()
    expect(panel.locator(".pl-masks .pl-caption")).to_contain_text(str(row(panel, 1).get_attribute("data-layer")))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_grave_fault(panel: Any, page: Any, dark: bool) -> None:
    set_theme(page, dark)
    row(panel, 0).click()
    found = []
    for tab in [*panel.get_by_role("tab").all(), panel.get_by_role("tab").first]:
        tab.click()
        page.wait_for_timeout(100)
        found += faults(page, ".prunelab")
    for name in ("One layer", "Masks", "Curves"):
        panel.get_by_role("tab", name=name).click()
    assert list(dict.fromkeys(found)) == []


def test_the_keyboard_alone_reaches_everything_and_the_focus_is_seen(panel: Any, page: Any) -> None:
    """Tab goes through the panel in the order of reading; what has the focus looks different from what has not."""
    set_theme(page, False)
    panel.locator(".pl-header button").last.focus()
    reached, unseen = [], []
    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate("""() => {
            const at = document.activeElement;
            if (!at?.closest('.prunelab')) return null;
            const name = at.getAttribute('aria-label') || at.labels?.[0]?.textContent.trim() || at.textContent.trim()
                || at.title || at.className;
            const looks = (e) => [e, ...e.querySelectorAll('*')].map((x) => {
                const [s, after] = [getComputedStyle(x), getComputedStyle(x, '::after')];
                const seen = [s.outlineStyle, s.outlineColor, s.boxShadow, s.borderColor, s.stroke];
                return [...seen, after.outlineStyle].join(' ');
            }).join(';');
            const focused = looks(at);
            at.blur();
            const plain = looks(at);
            at.focus({ focusVisible: true, preventScroll: true });
            return [name.replace(/\\s+/g, ' ').slice(0, 60), focused !== plain];
        }""")
        if told is None:
            break
        reached.append(told[0])
        unseen += [] if told[1] else [told[0]]
    for wanted in ("filter layers", "layers", "One layer", "ratio", "criterion", "repair", "fine-tune", "Step", "Masks",
                   "compare with", "zoom in", "Curves", "Copy"):
        assert any(wanted in name for name in reached), f"{wanted} is not among {reached}"
    assert unseen == []


def test_nothing_moves_when_another_layer_is_chosen_or_previewed(panel: Any, page: Any) -> None:
    """Where the boxes and buttons stand, in the panel."""
    places = """panel => {
        const origin = panel.getBoundingClientRect();
        const what = '.pl-panel > *, .pl-body > *, .pl-body > * > *, .pl-card > *, button, .pl-stat';
        return [...panel.querySelectorAll(what)].filter((e) => e.offsetParent)
            .map((e) => [e, e.getBoundingClientRect()])
            .map(([e, box]) => [e.className.slice(0, 60), box.left - origin.left, box.top - origin.top, box.height]);
    }"""
    row(panel, 0).click()
    wait_idle(panel)
    expect(panel.locator(".pl-masks .pl-caption")).to_contain_text(str(row(panel, 0).get_attribute("data-layer")))
    before = panel.evaluate(places)
    for line in (row(panel, 2), panel.locator(".pl-frozen").first, row(panel, 1), row(panel, 0)):
        line.click()
        page.wait_for_timeout(150)
        moved = [(a, b) for a, b in zip(before, panel.evaluate(places), strict=False) if a != b and "zoom" not in a[0]]
        # the masks' own tools are away where a layer has no masks
        assert moved == [] or "pl-frozen" in str(line.get_attribute("class"))


def test_in_forced_colours_what_means_something_keeps_its_colour(panel: Any, page: Any) -> None:
    page.emulate_media(forced_colors="active")
    colours = panel.evaluate("""panel => ['.pl-units', '.pl-key i.pl-kept', '.pl-key i.pl-going'].map(
        (what) => getComputedStyle(panel.querySelector(what)).backgroundColor)""")
    ways = panel.evaluate("""panel => {
        const look = (what, how) => getComputedStyle(panel.querySelector(what))[how];
        const [tab, toggle] = ['.lm-TabBar-tab', '.widget-toggle-button'];
        return [[tab, '.lm-mod-current', 'borderBottomColor'], [toggle, '.mod-active', 'backgroundColor']].map(
            ([what, chosen, how]) => [look(what + chosen, how), look(`${what}:not(${chosen})`, how)]);
    }""")
    page.emulate_media(forced_colors="none")
    assert len(set(colours)) == 3
    assert all(chosen != other for chosen, other in ways), ways


def test_a_narrow_page_has_one_column(panel: Any, page: Any, artifacts: Path) -> None:
    page.set_viewport_size({"width": 800, "height": 1900})
    set_theme(page, False)
    page.wait_for_timeout(400)
    left, right = (panel.locator(where).bounding_box() for where in (".pl-left", ".pl-right"))
    assert right["y"] >= left["y"] + left["height"] - 1
    panel.screenshot(path=artifacts / "panel-640-light.png")


def test_the_console_is_quiet(page: Any) -> None:
    # JupyterLab draws a saved output before it has the kernel's widgets, says so, and draws it again when it has
    troubles = [told for told in page.troubles if not ("widget model not found" in told and "renderModel" in told)]
    assert troubles == []


def test_a_panel_whose_kernel_is_gone_keeps_its_picture_and_says_how_to_go_on(panel: Any, page: Any) -> None:
    gone, shown = panel.locator(".pl-dead"), panel.locator(".pl-header").inner_text()
    expect(gone).to_be_hidden()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(gone).to_contain_text("The kernel of this panel is gone", timeout=30_000)
    assert panel.locator(".pl-header").inner_text() == shown
    assert panel.locator(".pl-grid-body .pl-line").count() > 2
    assert panel.locator(".pl-footer").evaluate("footer => footer.inert")
