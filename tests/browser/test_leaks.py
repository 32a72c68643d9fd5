"""A panel that is worked with for long holds no more of the page than one that was just opened: no more widgets,
elements, listeners, memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELLS = ["""\
import numpy as np, paddle, prunelab as pl
relu, conv = paddle.nn.ReLU, paddle.nn.Conv2D
net = paddle.nn.Sequential(conv(1, 8, 3), relu(), conv(8, 6, 3), relu(), paddle.nn.Flatten(), paddle.nn.Linear(24, 3))
x = np.random.default_rng(0).normal(size=(64, 1, 6, 6)).astype("float32")
lab = pl.Lab(net, train=(x, np.arange(64) % 3), val=(x, np.arange(64) % 3))
lab.show_progress = False
lab.sensitivity(ratios=(0.25, 0.5, 0.75))
lab.search(trials=8)
panel = lab.panel()
""", "panel.close()\npanel = lab.panel()\npanel", """\
def work(n):
    for k in range(n):
        lab.step(("0", "2")[k % 2], 0.25 + 0.05 * (k % 5), finetune=k % 2)
        lab.back()
        lab.prune_history(["s0"])
    panel.desk.refresh()
"""]
HALF_AN_HOUR_S = 30 * 60


@pytest.fixture
def panel(page: Any) -> Any:
    found = page.locator(".prunelab .pl-panel")
    expect(found).to_be_visible()
    return found


def run(page: Any, code: str) -> None:
    """Run something in the kernel: a cell for it would leave its own editor's listeners in the page."""
    status = page.evaluate("""async (code) => {
        const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
        return (await kernel.requestExecute({ code, store_history: false }).done).content.status;
    }""", code)
    assert status == "ok"


def work(page: Any, panel: Any, n: int) -> None:
    """So many steps and back, and every part looked at."""
    run(page, f"work({n})")
    for tab in ("All layers", "Sensitivity", "Graph", "Search", "Export", "Scores", "One layer", "Masks", "Curves"):
        panel.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(100)


def held(page: Any) -> dict[str, int]:
    """What the page holds once nobody needs the rest: widgets, elements, listeners, bytes of JavaScript."""
    session = page.context.new_cdp_session(page)
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(100)
    counted = session.send("Memory.getDOMCounters")
    n_bytes = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    widgets = page.evaluate("""async () => {
        const { widgets } = window.jupyterapp.shell.currentWidget.content;
        const outputs = widgets.flatMap((cell) => cell.outputArea?.widgets ?? []);
        const shown = outputs.flatMap((output) => output.widgets ?? []);
        const managers = await Promise.all(shown.map((one) => one._manager?.promise).filter(Boolean));
        return Math.max(...managers.map((manager) => manager._modelsSync.size));
    }""")
    return {"widgets": widgets, "elements": counted["nodes"], "listeners": counted["jsEventListeners"],
            "bytes": n_bytes}


def check(before: dict[str, int], after: dict[str, int], artifacts: Path, what: str) -> None:
    with (artifacts / "panel-held.txt").open("a") as file:
        file.write(f"{what}: {before} -> {after}\n")
    assert before["widgets"] > 50
    assert after["widgets"] == before["widgets"]
    assert after["elements"] < before["elements"] + 200
    assert after["listeners"] < before["listeners"] + 100
    assert after["bytes"] < before["bytes"] + 3_000_000


def test_fifty_steps_leave_nothing_in_the_page(page: Any, panel: Any, artifacts: Path) -> None:
    work(page, panel, 10)
    before = held(page)
    work(page, panel, 50)
    check(before, held(page), artifacts, "50 steps")


def test_panels_that_are_closed_and_shown_again_leave_no_widget_in_the_page(page: Any) -> None:
    """Elements stay in the page's memory for some time, also those of a single button: JupyterLab keeps outputs."""
    again = """async () => {
        window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
        await window.jupyterapp.commands.execute('notebook:run-cell');
    }"""
    counts = []
    for _ in range(5):
        page.evaluate(again)
        page.wait_for_timeout(1000)  # until its figures are drawn
        counts.append(held(page)["widgets"])
    assert counts[1:] == counts[1:2] * 4


@pytest.mark.slow
def test_half_an_hour_of_steps_leaves_nothing_in_the_page(page: Any, panel: Any, artifacts: Path) -> None:
    work(page, panel, 10)
    before, end = held(page), time.monotonic() + HALF_AN_HOUR_S
    n_steps = 0
    while time.monotonic() < end:
        work(page, panel, 50)
        n_steps += 50
    check(before, held(page), artifacts, f"half an hour, {n_steps} steps")
